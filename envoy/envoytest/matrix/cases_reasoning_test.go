package matrix

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// thoughts is how many tokens a scripted provider thinks.
const thoughts = 6

func reasoningCases() []Case {
	return []Case{
		{name: "reasoning", run: func(x *exam) {
			q := x.pondering(saying(awkward, `,"reasoning":6`))
			o := x.answer(q)
			x.equal("text", awkward, o.Text)
			x.checkReasoned(o)
			x.checkEffort(o)
			x.checkHeard(q)
		}},
		{name: "reasoning replayed, with text", run: func(x *exam) {
			q := x.pondering(saying(awkward, `,"reasoning":6`))
			o := x.answer(q)
			q.Turns = append(q.Turns, Turn{Replay: o.Turn}, Turn{Text: "And?"})
			x.answer(q)
			x.checkHeard(q, o)
			x.checkReplayed(o)
		}},
		{name: "reasoning replayed, with calls (bifrost#5274, #5887, #6342, cloudflare/ai#502)", run: func(x *exam) {
			x.ponderTools(`{"tools":2,"reasoning":6}`)
		}},
		{name: "reasoning replayed, with text and calls", run: func(x *exam) {
			x.ponderTools(saying("Let me see.", `,"tools":2,"reasoning":6`))
		}},
		{name: "reasoning redacted (bifrost#5410)", unless: unredacted, run: func(x *exam) {
			x.ponderTools(`{"tools":2,"reasoning":6,"redacted":true}`)
		}},
		{name: "reasoning that the client forgets (Portkey#1442)", run: func(x *exam) {
			q := x.pondering(`{"tools":2,"reasoning":6}`)
			q.Tools = []Tool{weather(), clock()}
			o := x.answer(q)
			x.checkCalls(o, 2)
			answers := results(o.Calls)
			q.Turns = append(q.Turns, Turn{Replay: o.Bare}, Turn{Results: answers})
			if x.native() && x.target.Family != OpenAI {
				return // the client's own mistake, which its vendor judges
			}
			x.mentions(x.answer(q), answers)
		}},
		{name: "reasoning of another provider", run: otherReasoning},
		{name: "reasoning that is not asked for", run: func(x *exam) {
			o := x.answer(Question{Turns: []Turn{x.user("Hello.", saying(awkward, ""))}})
			x.equal("reasoning", "", o.Reasoning)
			if r := x.heard().Reasoning; r != nil && r.Mode == "on" {
				x.Errorf("the provider heard %+v", r)
			}
		}},
	}
}

func (x *exam) pondering(script string) Question {
	return Question{Effort: "low", Turns: []Turn{x.user("Think.", script)}}
}

func unredacted(_ Surface, t *Target) string {
	if t.Family != Anthropic && t.Family != Responded && t.Name != "bedrock" {
		return "the vendor has no redacted reasoning"
	}
	return ""
}

func (x *exam) ponderTools(script string) {
	q := x.pondering(script)
	q.Tools = []Tool{weather(), clock()}
	o := x.answer(q)
	x.checkCalls(o, 2)
	if !strings.Contains(script, "redacted") {
		x.checkReasoned(o)
	}
	answers := results(o.Calls)
	q.Turns = append(q.Turns, Turn{Replay: o.Turn}, Turn{Results: answers})
	x.mentions(x.answer(q), answers)
	x.checkHeard(q, o)
	x.checkReplayed(o)
}

// checkReasoned wants reasoning shown, and counted where the vendor counts it.
func (x *exam) checkReasoned(o *Outcome) {
	x.Helper()
	if x.surface == Chat && x.target.Family == Responded {
		return // shown on demand only, for which chat has no word
	}
	if words := len(strings.Fields(o.Reasoning)); words != thoughts {
		x.Errorf("want %d words of reasoning, got %q", thoughts, o.Reasoning)
	}
	if n := o.Usage.Reasoning; x.target.Family != Bedrock && (n == nil || *n != thoughts) {
		x.Errorf("usage is %s", encode(o.Usage))
	}
}

// checkEffort wants the effort, which is low, in the provider's own words.
func (x *exam) checkEffort(o *Outcome) {
	x.Helper()
	r := x.heard().Reasoning
	if !x.target.Thinks {
		if r != nil || !o.dropped("reasoning_effort", "effort", "reasoning", "thinking", "thinkingConfig", "budget_tokens", "thinkingBudget") {
			x.Errorf("the provider heard %+v, dropped is %q", r, o.Header["x-dragoman-dropped"])
		}
		return
	}
	switch {
	case r == nil:
		x.Errorf("the provider heard nothing of it, dropped is %q", o.Header["x-dragoman-dropped"])
	case r.Budget != nil && *r.Budget == budget("low"):
	case r.Budget == nil && strings.EqualFold(r.Effort, "low"):
	default:
		x.Errorf("the provider heard %s", encode(r))
	}
}

// checkReplayed wants the provider's own reasoning back as it was: the
// provider refuses what it cannot verify, so it must be there.
func (x *exam) checkReplayed(o *Outcome) {
	x.Helper()
	var text string
	var signed, there bool
	for _, p := range assistantParts(x.heard()) {
		if p.Kind == "reasoning" || p.Kind == "redacted" {
			there = true
			text += p.Text
		}
		signed = signed || p.Signature != ""
	}
	switch {
	case !x.target.Thinks:
		if there || !o.dropped("reasoning") && strings.TrimSpace(o.Reasoning) == "" {
			x.Errorf("the provider heard %q, dropped is %q", text, o.Header["x-dragoman-dropped"])
		}
	case x.target.Family == Gemini:
		if !signed {
			x.Error("no signature came back")
		}
	case x.target.Name == "openai" || x.target.Name == "azure":
		// OpenAI's chat takes no reasoning; what it is sent it passes over.
	case !there:
		x.Error("no reasoning came back")
	case text != o.Reasoning:
		x.Errorf("the provider said %q and got back %q", o.Reasoning, text)
	}
}

func assistantParts(h *simulator.Heard) (out []simulator.HeardPart) {
	for _, t := range h.Turns {
		if t.Role == "assistant" {
			out = append(out, t.Parts...)
		}
	}
	return out
}

// otherReasoning goes on at a provider that cannot verify what another has
// thought: the reasoning is left out and named, all else is there.
func otherReasoning(x *exam) {
	next := foreign(x.target)
	q := x.pondering(`{"tools":2,"reasoning":6}`)
	q.Tools = []Tool{weather(), clock()}
	o := x.answer(q)
	x.checkCalls(o, 2)
	answers := results(o.Calls)
	q.Turns = append(q.Turns, Turn{Replay: o.Turn}, Turn{Results: answers})
	x.target = next
	again := x.answer(q)
	x.mentions(again, answers)
	x.checkHeard(q, o)
	for _, p := range assistantParts(x.heard()) {
		if p.Kind == "redacted" || p.Kind == "reasoning" && p.Signature != "" {
			x.Errorf("%s heard %+v", next.Name, p)
		}
	}
}

// foreign is the next target of another family.
func foreign(t *Target) *Target {
	at := 0
	for i := range Targets {
		if Targets[i].Name == t.Name {
			at = i
		}
	}
	for i := range Targets {
		if other := &Targets[(at+i)%len(Targets)]; other.Family != t.Family && (t.Family != Bedrock || other.Family != Anthropic) {
			return other
		}
	}
	return t
}
