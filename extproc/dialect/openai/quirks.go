package openai

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// How thinking is asked for: llm.Quirks.Reasoning.
const (
	asEffort         = "effort"
	asObject         = "object"
	asThinking       = "thinking"
	asEnableThinking = "enable_thinking"
	asNothing        = "none"
)

// limitName is the member for the limit of output. OpenAI refuses max_tokens
// for models that reason; most others know only that.
func (e *requestEncoder) limitName() string {
	switch {
	case e.q.MaxTokens != "":
		return e.q.MaxTokens
	case e.t.Genuine:
		return "max_completion_tokens"
	}
	return "max_tokens"
}

// quirkyReasoning asks for thinking in a provider's own form; false where that
// is reasoning_effort. The client's own object goes along where the provider
// knows it.
func (e *requestEncoder) quirkyReasoning() bool {
	g, form := &e.r.Reasoning, e.q.Reasoning
	if form == "" || form == asEffort {
		return false
	}
	member := map[string]string{asObject: "reasoning", asThinking: "thinking"}[form]
	if member != "" && e.r.Extra.Get(llm.OpenAI, member) != nil {
		return true // rest writes it
	}
	budget, limited := g.BudgetTokens(0)
	wanted := g.Wanted()
	if !wanted && !g.Off() {
		return true
	}
	switch form {
	case asObject:
		e.Begin("reasoning")
		switch {
		case g.Budget.Set() && limited:
			e.Integer("max_tokens", budget)
		case g.EffortWord() != "":
			e.Text("effort", g.EffortWord())
		}
		if hidden, told := g.Hidden.Get(); told {
			e.Truth("exclude", hidden)
		}
		e.End()
	case asThinking:
		e.Begin("thinking")
		e.Text("type", map[bool]string{true: "enabled", false: "disabled"}[wanted])
		e.End()
		e.coarser()
	case asEnableThinking:
		e.Truth("enable_thinking", wanted)
		if wanted && limited {
			e.Integer("thinking_budget", budget)
		}
	default:
		e.drop("reasoning")
	}
	return true
}

// coarser names what a mere switch for thinking cannot say.
func (e *requestEncoder) coarser() {
	if g := &e.r.Reasoning; g.Wanted() && (g.Effort.Set() || g.Budget.Set()) {
		e.drop("reasoning.effort")
	}
}

// foreignReasoning tells whether an extra is another form of asking for
// thinking than the provider's, which has been translated.
func (e *requestEncoder) foreignReasoning(name string) bool {
	switch name {
	case "reasoning":
		return e.q.Reasoning != "" && e.q.Reasoning != asObject
	case "thinking":
		return e.q.Reasoning != "" && e.q.Reasoning != asThinking
	case "enable_thinking", "thinking_budget":
		return e.q.Reasoning != "" && e.q.Reasoning != asEnableThinking
	}
	return false
}

// emulates tells whether the output's schema is asked for through a tool: the
// provider knows none, and has no other tool to confuse it with.
func (e *requestEncoder) emulates() bool {
	return e.r.Format.Kind == llm.FormatJSONSchema && (e.q.Schema == "json_object" || e.q.Schema == asNothing) &&
		len(e.r.Tools) == 0 && len(e.r.Format.Schema) > 0
}

// schemaTool writes the tool whose arguments are the answer, and forces it.
func (e *requestEncoder) schemaTool() {
	f := &e.r.Format
	e.BeginArray("tools")
	e.Open()
	e.Text("type", "function")
	e.Begin("function")
	e.Text("name", dialect.SchemaTool)
	description := f.Description
	if description == "" {
		description = "Give the answer."
	}
	e.Text("description", description)
	e.Raw("parameters", f.Schema)
	e.End()
	e.End()
	e.EndArray()
	e.Begin("tool_choice")
	e.Text("type", "function")
	e.Begin("function")
	e.Text("name", dialect.SchemaTool)
	e.End()
	e.End()
}

// plainSchema asks for JSON of no schema where a schema cannot be asked for.
func (e *requestEncoder) plainSchema() {
	e.drop("response_format.json_schema")
	if e.q.Schema == "json_object" {
		e.Begin("response_format")
		e.Text("type", "json_object")
		e.End()
	}
}

// joined is the text of parts that are nothing but text.
func joined(parts []llm.Part) (text string, ok bool) {
	for i := range parts {
		if parts[i].Kind != llm.Text {
			return "", false
		}
		text += parts[i].Text
	}
	return text, true
}

// without takes out the top-level members that a provider refuses.
func (e *requestEncoder) without(from int, refused []string) {
	body := e.B[from:]
	kept := newObject(make([]byte, 0, len(body)))
	kept.Open()
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		name := string(w.Key())
		value := w.Value()
		if slices.Contains(refused, name) {
			e.drop(name)
			continue
		}
		kept.Raw(name, value)
	}
	kept.End()
	e.B = append(e.B[:from], kept.B...)
}

// signature reads the member extra_content of a call or message, in which
// Google's own compatible API carries thought signatures:
// {"google":{"thought_signature":"…"}}. False for anything else.
func signature(raw []byte) (*llm.Thought, bool) {
	var text string
	members := 0
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); members++ {
		if string(w.Key()) != "google" {
			return nil, false
		}
		for ok := w.Object(); ok && w.Member(); members++ {
			if string(w.Key()) != "thought_signature" {
				return nil, false
			}
			var plain bool
			if text, plain = scan.Text(w.Value()); !plain {
				return nil, false
			}
		}
	}
	return &llm.Thought{Signature: text, Format: llm.FormatGemini}, members == 2 && text != ""
}

// signed writes the signature of a call or text; other vendors sign neither.
func (o *object) signed(t *llm.Thought) {
	if t == nil || t.Signature == "" || t.Format != "" && t.Format != llm.FormatGemini {
		return
	}
	o.Begin("extra_content")
	o.Begin("google")
	o.Text("thought_signature", t.Signature)
	o.End()
	o.End()
}
