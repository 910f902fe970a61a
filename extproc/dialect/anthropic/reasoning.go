package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Limits of output in tokens for requests that set none: the API demands one.
const (
	defaultMaxTokens = 8192
	// answerRoom is what a budget leaves for the answer.
	answerRoom = 1024
)

// thinkingPlan is how much the model shall think, in the target's words.
type thinkingPlan struct {
	kind   string // "enabled", "adaptive", "disabled" or "" for the default
	budget int64
	effort string // "" = unsaid
	most   int64  // max_tokens
}

// on tells whether thinking is asked for, which forbids forced tools and
// sampling parameters.
func (p *thinkingPlan) on() bool { return p.kind == "enabled" || p.kind == "adaptive" }

// plan translates the request's reasoning. A client of this dialect is taken at
// its word where the target can follow. Else an effort becomes a budget (llm's
// table) or a budget an effort, by what the model takes.
func (e *requestEncoder) plan() thinkingPlan {
	g, able := &e.r.Reasoning, e.able
	p := thinkingPlan{most: e.r.MaxTokens.Or(0)}
	if most := e.t.MaxOutput; most > 0 && p.most > most && !e.own() {
		p.most = most // the API refuses more
		e.drop("max_tokens")
	}
	if !e.r.MaxTokens.Set() {
		if p.most = e.t.MaxOutput; p.most <= 0 {
			p.most = defaultMaxTokens
		}
	}
	word := g.EffortWord()
	_, budgeted := g.Budget.Get()
	switch {
	case g.Undecided() && able.adaptive && able.thinks:
		p.kind = "adaptive"
	case word == "":
	case !able.thinks:
		e.drop("reasoning")
	case g.Off():
		e.planOff(&p)
	case e.own():
		e.planOwn(&p, budgeted)
	case budgeted && able.budgets, !able.adaptive:
		e.planBudget(&p)
	default:
		if budgeted {
			e.drop("reasoning.budget")
		}
		p.kind, p.effort = "adaptive", e.effort(word)
	}
	return p
}

// planOwn follows a client of this dialect as far as the model can.
func (e *requestEncoder) planOwn(p *thinkingPlan, budgeted bool) {
	g := &e.r.Reasoning
	follows := e.able.adaptive || !e.able.claude
	if word, told := g.Effort.Get(); told && follows {
		p.effort = word
	} else if told {
		e.drop("output_config.effort")
	}
	switch {
	case budgeted && (e.able.budgets || !e.able.claude):
		// A budget above max_tokens is valid with interleaved thinking.
		p.kind, p.budget = "enabled", g.Budget.Or(0)
	case budgeted:
		e.drop("thinking.budget_tokens")
		if p.kind = "adaptive"; p.effort == "" {
			p.effort = e.effort(g.EffortWord())
		}
	case !g.Enabled.Or(false):
	case follows:
		p.kind = "adaptive"
	default:
		e.planBudget(p)
	}
}

func (e *requestEncoder) planOff(p *thinkingPlan) {
	if e.own() || e.able.budgets {
		p.kind = "disabled"
		return
	}
	// Models that always decide for themselves refuse "disabled"; the least
	// effort comes nearest.
	p.effort = "low"
	e.drop("reasoning.effort")
}

// planBudget plans a budget below max_tokens, as the API demands. A limit that
// leaves no room for the least budget and an answer is raised if it was not the
// client's; else thinking is left out.
func (e *requestEncoder) planBudget(p *thinkingPlan) {
	explicit, told := e.r.Reasoning.Budget.Get()
	if told && explicit < 0 { // the model decides; there is no such budget
		told = false
	}
	if !e.r.MaxTokens.Set() && e.t.MaxOutput <= 0 {
		if want, ok := e.r.Reasoning.BudgetTokens(0); ok && want+answerRoom > p.most {
			p.most = want + defaultMaxTokens
		}
	}
	budget, ok := e.r.Reasoning.BudgetTokens(p.most)
	if !ok {
		budget, ok = llm.Reasoning{Enabled: llm.Some(true)}.BudgetTokens(p.most)
	}
	if !ok || budget >= p.most {
		e.drop("reasoning")
		return
	}
	if told && budget != explicit {
		e.drop("reasoning.budget")
	}
	p.kind, p.budget = "enabled", budget
}

// effort is an effort in Anthropic's words.
func (e *requestEncoder) effort(word string) string {
	switch word {
	case "minimal":
		return "low"
	case "low", "medium", "high", "max":
		return word
	case "xhigh":
		if e.able.sampling { // the generations before it
			return "high"
		}
		return word
	}
	if !e.own() {
		e.drop("reasoning.effort")
		return ""
	}
	return word
}

// reasoning writes thinking and what beside it stands in output_config.
func (e *requestEncoder) reasoning(p *thinkingPlan) {
	g := &e.r.Reasoning
	raw := e.r.Extra.Get(llm.Anthropic, "thinking") // of a kind unknown here
	switch {
	case raw != nil:
		e.Raw("thinking", raw)
	case p.kind != "":
		e.Begin("thinking")
		e.Text("type", p.kind)
		if p.kind == "enabled" {
			e.Integer("budget_tokens", p.budget)
		}
		e.display(p)
		e.extras(e.r.Extra, inThinking)
		e.End()
	default:
		if g.Hidden.Set() {
			e.drop("reasoning.hidden")
		}
	}
	if _, told := g.Summary.Get(); told && !e.own() && !p.on() {
		e.drop("reasoning.summary")
	}
	e.outputConfig(p)
}

// display says whether thinking is shown, which newer models do only if they
// are asked.
func (e *requestEncoder) display(p *thinkingPlan) {
	hidden, told := e.r.Reasoning.Hidden.Get()
	shown := e.r.Reasoning.Summary.Set() && e.able.claude
	switch able := p.on() && (e.own() || e.able.claude); {
	case told && able:
		e.Text("display", map[bool]string{true: "omitted", false: "summarized"}[hidden])
	case told:
		e.drop("reasoning.hidden")
	case able && shown:
		e.Text("display", "summarized")
	}
}

func (e *requestEncoder) outputConfig(p *thinkingPlan) {
	from := len(e.B)
	e.Begin("output_config")
	empty := len(e.B)
	e.TextIf("effort", p.effort)
	e.structuredOutput()
	e.extras(e.r.Extra, inOutputConfig)
	if len(e.B) == empty {
		e.B = e.B[:from]
		return
	}
	e.End()
}
