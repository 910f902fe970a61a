package matrix

import (
	"fmt"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

func toolCases() []Case {
	cases := []Case{
		{name: "tools", everyday: true, run: func(x *exam) {
			q := Question{Tools: []Tool{weather(), clock()}, Turns: []Turn{x.user("How is the weather?", `{"tools":1}`)}}
			o := x.answer(q)
			x.checkCalls(o, 1)
			x.equal("text", "", o.Text)
			x.checkHeard(q)
			x.equal("dropped", "", o.Header["x-dragoman-dropped"])
		}},
		{name: "parallel tools", run: func(x *exam) {
			q := Question{Tools: []Tool{weather(), clock()}, Turns: []Turn{x.user("How is the weather?", `{"tools":4}`)}}
			x.checkCalls(x.answer(q), 4)
		}},
		{name: "text and calls in one turn end with tool_calls (litellm#34692, #18238)", run: func(x *exam) {
			q := Question{Tools: []Tool{weather(), clock()}, Turns: []Turn{x.user("How is the weather?", saying(awkward, `,"tools":2`))}}
			o := x.answer(q)
			x.checkCalls(o, 2)
			x.equal("text", awkward, o.Text)
		}},
		{name: "tool results", run: func(x *exam) { x.toolLoop(1) }},
		{name: "an agent's loop (agentgateway#907)", run: func(x *exam) { x.toolLoop(3) }},
		{name: "a tool that failed", run: failedTool},
		{name: "a call without arguments", run: func(x *exam) {
			q := Question{Tools: []Tool{clock()}, Turns: []Turn{x.user("What time is it?", `{"tools":1,"arguments":"empty"}`)}}
			o := x.answer(q)
			if len(o.Calls) != 1 || o.Calls[0].Name != "clock" {
				x.Fatalf("calls are %+v", o.Calls)
			}
			if args := o.Calls[0].Args; args != "{}" && (args != "" || !x.native()) {
				x.Errorf("arguments are %q", args)
			}
		}},
		{name: "one call at a time", run: serialTools},
	}
	for choice, calls := range map[string]int{"any": 1, "tool:weather": 1, "none": 0, "auto": 0} {
		cases = append(cases, Case{name: "tool choice " + choice, run: func(x *exam) { x.toolChoice(choice, calls) }})
	}
	for shape, fault := range map[string]string{
		"whole": "arguments in one chunk (litellm#25836)", "first": "arguments in the call's first chunk",
		"last": "arguments in the done event only (litellm#25321)", "mixed": "arguments of several calls in turn (bifrost PR#3441)",
	} {
		cases = append(cases, Case{name: fault, only: streams, unless: func(_ Surface, t *Target) string {
			if shape == "last" && (t.Family == OpenAI || t.Family == Anthropic) {
				return "the event that closes a call has no arguments in this dialect"
			}
			return ""
		}, run: func(x *exam) {
			q := Question{Tools: []Tool{weather(), clock()}, Turns: []Turn{x.user("How is the weather?", fmt.Sprintf(`{"tools":3,"arguments":%q}`, shape))}}
			x.checkCalls(x.answer(q), 3)
		}})
	}
	return cases
}

// native tells whether client and provider speak one dialect, so that answers
// may pass as they are.
func (x *exam) native() bool { return native(x.surface, x.target) }

func native(s Surface, t *Target) bool {
	return map[Surface]Family{Chat: OpenAI, Responses: Responded, Messages: Anthropic, Generate: Gemini}[s] == t.Family
}

// toolLoop calls tools and answers them, some rounds in a row.
func (x *exam) toolLoop(rounds int) {
	q := Question{Tools: []Tool{weather(), clock()}, Turns: []Turn{x.user("How is the weather?", saying("Let me see.", `,"tools":3`))}}
	var replays []*Outcome
	for round := range rounds {
		o := x.answer(q)
		x.checkCalls(o, 3)
		answers := results(o.Calls)
		replays = append(replays, o)
		next := Turn{Results: answers}
		if round+1 < rounds {
			next.Results[2].Text = scripted(next.Results[2].Text, `{"tools":3}`)
		}
		q.Turns = append(q.Turns, Turn{Replay: o.Turn}, next)
	}
	o := x.answer(q)
	x.mentions(o, q.Turns[len(q.Turns)-1].Results)
	x.equal("finish", "stop", o.Finish)
	x.checkHeard(q, replays...)
}

func failedTool(x *exam) {
	q := Question{Tools: []Tool{weather()}, Turns: []Turn{x.user("How is the weather?", `{"tools":1}`)}}
	o := x.answer(q)
	x.checkCalls(o, 1)
	answers := results(o.Calls)
	answers[0].Error = true
	q.Turns = append(q.Turns, Turn{Replay: o.Turn}, Turn{Results: answers})
	x.mentions(x.answer(q), answers)
	x.checkHeard(q, o)
	// OpenAI's dialects have no word for a failure, on neither side.
	said := x.surface == Messages || x.surface == Generate
	carried := x.target.Family != OpenAI && x.target.Family != Responded
	turns := x.heard().Turns
	got := turns[len(turns)-1].Parts[0]
	if got.Kind != "result" || got.Error != (said && carried) {
		x.Errorf("the provider heard %+v", got)
	}
}

func serialTools(x *exam) {
	q := Question{Tools: []Tool{weather(), clock()}, Serial: true, Turns: []Turn{x.user("How is the weather?", `{"tools":1}`)}}
	if x.surface == Generate {
		q.Serial = false // Gemini's API has no such word
	}
	o := x.answer(q)
	x.checkCalls(o, 1)
	h := x.heard()
	switch heard := h.Parallel != nil && !*h.Parallel; {
	case heard == q.Serial:
	case q.Serial && lacks(x.target, "parallel_tools") != "":
		if !o.dropped("parallel_tool_calls", "disable_parallel_tool_use") {
			x.Errorf("dropped is %q", o.Header["x-dragoman-dropped"])
		}
	default:
		x.Errorf("the provider heard %v", h.Parallel)
	}
}

func (x *exam) toolChoice(choice string, calls int) {
	q := Question{Tools: []Tool{weather(), clock()}, Choice: choice, Turns: []Turn{x.user("How is the weather?", "")}}
	o := x.answer(q)
	if len(o.Calls) != calls {
		x.Errorf("want %d calls, got %+v", calls, o.Calls)
	}
	h := x.heard()
	if h.Choice == choice || choice == "auto" && h.Choice == "" {
		return
	}
	if lacks(x.target, "tool_choice "+choice) == "" {
		x.Errorf("the provider heard the choice %q", h.Choice)
		return
	}
	x.checkUnchosen(o, h)
}

// checkUnchosen wants what the provider has no words for emulated by leaving
// the tools out, or named.
func (x *exam) checkUnchosen(o *Outcome, h *simulator.Heard) {
	x.Helper()
	if len(h.Tools) > 0 && !o.dropped("tool_choice", "toolConfig") {
		x.Errorf("dropped is %q, choice %q", o.Header["x-dragoman-dropped"], h.Choice)
	}
}
