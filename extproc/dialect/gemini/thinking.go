package gemini

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// thinking reads a member of thinkingConfig.
func (d *requestDecoder) thinking(key string, raw []byte) {
	g, path := &d.r.Reasoning, "generationConfig.thinkingConfig."+key
	switch key {
	case "thinkingBudget":
		g.Budget = d.Integer(path, raw)
	case "thinkingLevel":
		if string(raw) != unsaidLevel {
			g.Effort = llm.Some(strings.ToLower(d.Text(path, raw)))
		}
	case "includeThoughts":
		if show, ok := d.Truth(path, raw).Get(); ok {
			g.Hidden = llm.Some(!show)
		}
	default:
		d.keep(inThinking+key, raw)
	}
}

// thinkingConfig writes how much to think: levels for models since Gemini 3,
// budgets for 2.5. Thoughts are asked for unless the client hides them; a
// client of this dialect asks for them itself.
func (e *requestEncoder) thinkingConfig() {
	g, v := &e.r.Reasoning, version(e.t.ID)
	if v != 0 && v < since25 {
		if g.Wanted() {
			e.drop("reasoning")
		}
		return
	}
	e.filledObject("thinkingConfig", func() {
		from := len(e.B)
		if v >= since3 {
			e.level()
		} else {
			e.budget()
		}
		hidden, told := g.Hidden.Get()
		asks := len(e.B) > from || g.Effort.Set() || g.Budget.Set() || g.Enabled.Set() || g.Summary.Set()
		switch {
		case told:
			e.Truth("includeThoughts", !hidden)
		case e.r.Dialect != llm.Gemini && asks && !g.Off():
			e.Truth("includeThoughts", true)
		}
		e.extras(e.r.Extra, inThinking)
	})
}

// levels are the words of effort; models cannot be kept from thinking.
var levels = map[string]string{
	"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH",
}

func (e *requestEncoder) level() {
	g := &e.r.Reasoning
	if budget, ok := g.Budget.Get(); ok && !g.Effort.Set() {
		switch {
		case e.r.Dialect == llm.Gemini: // still taken from clients that count
			e.Integer("thinkingBudget", budget)
			return
		case budget < 0:
			return // the model decides, as it does unasked
		}
		e.drop("reasoning.budget")
	}
	word := g.EffortWord()
	if word == "" {
		return
	}
	level, known := levels[word]
	switch {
	case e.r.Dialect == llm.Gemini && g.Effort.Set():
		e.Text("thinkingLevel", strings.ToUpper(word)) // the client's own word
		return
	case !known:
		e.drop("reasoning.effort")
		return
	case word == "none":
		e.drop("reasoning.effort")
	}
	// Pro models begin at LOW, and the first of them has no MEDIUM.
	if strings.Contains(e.t.ID, "-pro") {
		switch {
		case level == "MINIMAL":
			level = "LOW"
		case level == "MEDIUM" && version(e.t.ID) == since3:
			level = "HIGH"
		}
	}
	e.Text("thinkingLevel", level)
}

// budgets are the bounds of thinkingBudget by kind of 2.5 model ("Thinking" in
// the vendor's documentation); pro models think at least a little.
func budgets(id string) (least, most int64) {
	switch {
	case strings.Contains(id, "-lite"):
		return 512, 24576
	case strings.Contains(id, "-pro"):
		return 128, 32768
	}
	return 1, 24576
}

func (e *requestEncoder) budget() {
	g := &e.r.Reasoning
	if budget, ok := g.Budget.Get(); ok && (budget < 0 || e.r.Dialect == llm.Gemini) {
		e.Integer("thinkingBudget", budget)
		return
	}
	least, most := budgets(e.t.ID)
	if g.Off() {
		if strings.Contains(e.t.ID, "-pro") {
			e.drop("reasoning.effort")
			e.Integer("thinkingBudget", least)
		} else {
			e.Integer("thinkingBudget", 0)
		}
		return
	}
	budget, ok := g.BudgetTokens(0)
	if !ok {
		if g.Effort.Set() {
			e.drop("reasoning.effort")
		}
		return
	}
	if limit := e.r.MaxTokens.Or(e.t.MaxOutput); limit > 0 && budget >= limit {
		budget = limit * 4 / 5 // an answer that is all thought is none
	}
	budget = min(max(budget, least), most)
	if asked, told := g.Budget.Get(); told && asked != budget {
		e.drop("reasoning.budget")
	}
	e.Integer("thinkingBudget", budget)
}
