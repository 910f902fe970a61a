package openai

import (
	"cmp"
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

// wishes are the members other than reasoning_effort in which clients ask for
// thinking.
var wishes = [...]string{"reasoning", "thinking", "enable_thinking", "thinking_budget"}

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
	member := map[string]string{asObject: "reasoning", asThinking: "thinking", asEnableThinking: "enable_thinking"}[form]
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
		case g.EffortWord() == "max" && !e.own():
			e.drop("reasoning.effort")
			e.Text("effort", "xhigh")
		case g.EffortWord() != "":
			e.Text("effort", g.EffortWord())
		}
		if hidden, told := g.Hidden.Get(); told {
			e.Truth("exclude", hidden)
		}
		e.End()
		return true
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
		return true
	}
	e.unshown()
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

// schemaless tells whether the provider knows no response format of a schema.
func (e *requestEncoder) schemaless() bool {
	return e.q.Schema == "json_object" || e.q.Schema == asNothing
}

// emulates tells whether the output's schema is asked for through a tool: the
// provider knows none otherwise, has no other tool to confuse it with, and can
// be made to call it, which providers refuse while the model thinks.
func (e *requestEncoder) emulates() bool {
	f := &e.r.Format
	return f.Kind == llm.FormatJSONSchema && len(f.Schema) > 0 && e.schemaless() && len(e.r.Tools) == 0 &&
		e.q.RequiredTool != anyChoice && (e.q.Reasoning != asThinking || !e.r.Reasoning.Wanted())
}

// schemaTool writes the tool whose arguments are the answer, and forces it.
func (e *requestEncoder) schemaTool() {
	f := &e.r.Format
	e.BeginArray("tools")
	e.Open()
	e.Text("type", "function")
	e.Begin("function")
	e.Text("name", dialect.SchemaTool)
	e.Text("description", cmp.Or(f.Description, "Give the answer."))
	e.Raw("parameters", f.Schema)
	e.End()
	e.End()
	e.EndArray()
	e.namedTool(dialect.SchemaTool)
}

// schemaNote tells the model in words of a schema that cannot be asked for. It
// also says "JSON", which providers demand beside the format json_object.
func (e *requestEncoder) schemaNote() {
	f := &e.r.Format
	if f.Kind != llm.FormatJSONSchema || len(f.Schema) == 0 || !e.schemaless() || e.emulates() {
		return
	}
	e.Open()
	e.Text("role", "system")
	e.Text("content", "Give the answer as JSON of this schema, and nothing else:\n"+string(f.Schema))
	e.End()
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
	text, ok := scan.Text(only(only(raw, "google"), "thought_signature"))
	return &llm.Thought{Signature: text, Format: llm.FormatGemini}, ok && text != ""
}

// only is the value of an object's one member if it has that name, else nil.
func only(object []byte, name string) (value []byte) {
	w := scan.Over(object)
	for n, ok := 0, w.Object(); ok && w.Member(); n++ {
		if n > 0 || string(w.Key()) != name {
			return nil
		}
		value = w.Value()
	}
	return value
}

// signed writes the signature of a call or text; vendors but Google sign neither.
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
