package bedrock

import (
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// thinking is how a model is made to reason.
type thinking struct {
	on     bool
	budget int64  // tokens; 0 = by effort
	effort string // in the model's words
	// alone: the model takes no sampling beside it.
	alone bool
}

// planThinking decides how to ask for reasoning. Claude counts a budget or, since
// 4.6, takes an effort; Nova 2, OpenAI's and Moonshot's models take an effort;
// no other family has a documented way.
func (e *requestEncoder) planThinking() (t thinking) {
	g := &e.r.Reasoning
	word := g.EffortWord()
	switch {
	case word == "":
		return t
	case e.m.family == gptOSS || e.m.family == gpt:
		t = thinking{on: true, effort: e.word(word, e.m.family == gpt)}
	case word == "none" && e.m.onlyAdapts():
		// These decide for themselves; the least effort comes nearest.
		e.drop("reasoning.effort")
		return thinking{effort: "low"}
	case word == "none": // what the other families do unasked
		return t
	case e.m.adapts() && g.Undecided():
		return thinking{on: true}
	case e.m.adapts() && (e.m.onlyAdapts() || !g.Budget.Set()):
		t = thinking{on: true, effort: claudeEffort(word, e.m)}
	case e.m.thinks():
		return e.planBudget()
	case e.m.family == nova2:
		t = e.planNova(word)
	default:
		e.drop("reasoning")
		return t
	}
	if g.Budget.Or(-1) > 0 && !g.Effort.Set() {
		e.drop("reasoning.budget") // the effort that stands for it is coarser
	}
	return t
}

// planBudget leaves room for the answer within the limit of output.
func (e *requestEncoder) planBudget() thinking {
	g := &e.r.Reasoning
	most := e.r.MaxTokens.Or(e.t.MaxOutput)
	budget, ok := g.BudgetTokens(most)
	if !ok { // a word without a number of its own, or a budget that the model chooses
		budget, _ = llm.Reasoning{Enabled: llm.Some(true)}.BudgetTokens(most)
	}
	if most > 0 && budget >= most {
		e.drop("reasoning")
		return thinking{}
	}
	if asked, told := g.Budget.Get(); told && asked > 0 && asked != budget {
		e.drop("reasoning.budget")
	}
	return thinking{on: true, budget: budget}
}

// planNova maps the effort. At high Nova refuses temperature, topP and
// maxTokens; a limit of output is worth more than the step to high.
func (e *requestEncoder) planNova(word string) thinking {
	t := thinking{on: true, effort: e.word(word, false)}
	if t.effort == "high" {
		if e.r.MaxTokens.Set() {
			t.effort = "medium"
			e.drop("reasoning.effort")
			return t
		}
		t.alone = true
	}
	return t
}

// word maps an effort to low, medium and high, and tells what is lost. wide
// models take all of OpenAI's words.
func (e *requestEncoder) word(effort string, wide bool) string {
	nearest := "medium"
	switch effort {
	case "low", "medium", "high":
		return effort
	case "none", "xhigh", "max":
		if wide {
			return effort
		}
		if nearest = "high"; effort == "none" {
			nearest = "low"
		}
	case "minimal":
		nearest = "low"
	}
	e.drop("reasoning.effort")
	return nearest
}

func claudeEffort(word string, m model) string {
	switch word {
	case "minimal":
		return "low"
	case "xhigh":
		if !m.onlyAdapts() {
			return "high"
		}
	case "low", "medium", "high", "max":
	default:
		return "medium"
	}
	return word
}

// betaWords are the anthropic-beta words that Bedrock knows; it refuses a
// request with any other (user guide, "Anthropic Claude Messages API").
var betaWords = []string{
	"computer-use-2024-10-22", "computer-use-2025-01-24", "computer-use-2025-11-24", "token-efficient-tools-2025-02-19",
	"interleaved-thinking-2025-05-14", "output-128k-2025-02-19", "dev-full-thinking-2025-05-14", "context-1m-2025-08-07",
	"context-management-2025-06-27", "effort-2025-11-24", "tool-search-tool-2025-10-19", "tool-examples-2025-10-29",
	"fine-grained-tool-streaming-2025-05-14", "compact-2026-01-12",
}

// additional writes additionalModelRequestFields: what only the model's family
// takes. Fields of the client's own hold against ours.
func (e *requestEncoder) additional() {
	own := e.ownFields()
	var fields object
	put := func(name string, write func(*object)) {
		if !slices.ContainsFunc(own, func(m llm.Member) bool { return m.Name == name }) {
			write(&fields)
		}
	}
	switch e.m.family {
	case claude:
		e.claudeFields(put)
	case nova, nova2:
		if k, ok := e.r.TopK.Get(); ok {
			put("inferenceConfig", func(o *object) { o.Begin("inferenceConfig"); o.Integer("topK", k); o.End() })
		}
		if e.think.on {
			put("reasoningConfig", func(o *object) {
				o.Begin("reasoningConfig")
				o.Text("type", "enabled")
				o.Text("maxReasoningEffort", e.think.effort)
				o.End()
			})
		}
	case gptOSS:
		if e.think.on {
			put("reasoning_effort", func(o *object) { o.Text("reasoning_effort", e.think.effort) })
		}
	case gpt:
		if e.think.on {
			put("reasoning", func(o *object) { o.Begin("reasoning"); o.Text("effort", e.think.effort); o.End() })
		}
	}
	if e.r.TopK.Set() && e.m.family != claude && !e.m.isNova() {
		e.drop("top_k")
	}
	if e.t.Betas != "" && e.m.family != claude {
		e.drop("anthropic-beta")
	}
	e.visibility()
	for _, m := range own {
		fields.Raw(m.Name, m.Value)
	}
	if len(fields.B) > 0 {
		e.Begin(additionalFields)
		e.B = append(e.B, fields.B...)
		e.End()
	}
}

// ownFields are the additional fields the client gave itself.
func (e *requestEncoder) ownFields() (list []llm.Member) {
	add := func(raw []byte) {
		w := scan.Over(raw)
		for ok := w.Object(); ok && w.Member(); {
			list = append(list, llm.Member{Name: string(w.Key()), Value: w.Value()})
		}
	}
	add(e.r.Extra.Get(llm.Bedrock, additionalFields))
	for _, o := range e.options {
		if o.Name == additionalFields {
			add(o.Value)
		}
	}
	return list
}

func (e *requestEncoder) claudeFields(put func(name string, write func(*object))) {
	if e.think.on {
		put("thinking", func(o *object) {
			o.Begin("thinking")
			if e.think.budget > 0 {
				o.Text("type", "enabled")
				o.Integer("budget_tokens", e.think.budget)
			} else {
				o.Text("type", "adaptive")
				if display := e.display(); display != "" {
					o.Text("display", display)
				}
			}
			o.End()
		})
	}
	if e.think.effort != "" {
		put("output_config", func(o *object) { o.Begin("output_config"); o.Text("effort", e.think.effort); o.End() })
	}
	if len(e.claudeTools) > 0 {
		put("tools", func(o *object) {
			o.BeginArray("tools")
			for _, tool := range e.claudeTools {
				o.Element(tool)
			}
			o.EndArray()
		})
	}
	if k, ok := e.r.TopK.Get(); ok {
		if e.samplingRefused(true) {
			e.drop("top_k")
		} else {
			put("top_k", func(o *object) { o.Integer("top_k", k) })
		}
	}
	var betas []string
	for word := range strings.SplitSeq(e.t.Betas, ",") {
		switch word = strings.TrimSpace(word); {
		case word == "":
		case slices.Contains(betaWords, word):
			betas = append(betas, word)
		default:
			e.drop("anthropic-beta." + word)
		}
	}
	if len(betas) > 0 {
		put("anthropic_beta", func(o *object) {
			o.BeginArray("anthropic_beta")
			for _, word := range betas {
				o.Quoted(word)
			}
			o.EndArray()
		})
	}
}

// display says whether adaptive thinking shows a summary: newest Claudes hide it
// unless asked.
func (e *requestEncoder) display() string {
	g := &e.r.Reasoning
	hidden, told := g.Hidden.Get()
	switch {
	case told && hidden:
		return "omitted"
	case told || g.Summary.Set():
		return "summarized"
	}
	return ""
}

// visibility names the wishes about visible reasoning that go unheard.
func (e *requestEncoder) visibility() {
	g := &e.r.Reasoning
	if e.m.family == claude && e.think.on && e.think.budget == 0 {
		return
	}
	if g.Hidden.Or(false) {
		e.drop("reasoning.hidden")
	}
	if g.Summary.Set() && (e.m.family != claude || !e.think.on) {
		e.drop("reasoning.summary")
	}
}
