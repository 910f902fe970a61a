package openai

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// shape writes response format and reasoning.
func (e *requestEncoder) shape() {
	e.format()
	e.reasoning()
}

func (e *requestEncoder) format() {
	switch f := &e.r.Format; f.Kind {
	case llm.FormatText:
		e.formatType("text")
	case llm.FormatJSON:
		if e.q.Schema == asNothing {
			e.drop("response_format")
			return
		}
		e.formatType("json_object")
	case llm.FormatJSONSchema:
		e.schema(f)
	case llm.FormatOpaque:
		if raw := f.Extra.Get(llm.OpenAI, "response_format"); raw != nil {
			e.Raw("response_format", raw)
		} else {
			e.drop("response_format")
		}
	}
}

func (e *requestEncoder) formatType(word string) {
	e.Begin("response_format")
	e.Text("type", word)
	e.End()
}

func (e *requestEncoder) schema(f *llm.Format) {
	for i := range f.Extra {
		if x := &f.Extra[i]; x.Dialect != llm.OpenAI {
			e.drop("response_format." + dotted(x.Name))
		}
	}
	if e.emulates() {
		return
	}
	if e.schemaless() {
		e.drop("response_format.json_schema")
		if e.q.Schema == "json_object" {
			e.formatType("json_object")
		}
		return
	}
	e.Begin("response_format")
	e.Text("type", "json_schema")
	e.Begin("json_schema")
	if name := f.Name; e.own() {
		e.TextIf("name", name)
	} else {
		e.Text("name", schemaName(name))
	}
	e.TextIf("description", f.Description)
	e.RawIf("schema", f.Schema)
	switch {
	case f.Strict.Set() || e.own():
		e.OptTruth("strict", f.Strict)
	case e.t.Genuine && Strictly(f.Schema):
		e.Truth("strict", true) // what the other vendors do unasked
	}
	e.extras(f.Extra, "")
	e.End()
	e.End()
}

// reasoning writes reasoning_effort, unless an object of the client's that goes
// along says the same. A budget or a bare switch becomes an effort and is named
// as dropped, since an effort is coarser.
func (e *requestEncoder) reasoning() {
	if e.quirkyReasoning() {
		return
	}
	g := &e.r.Reasoning
	effort, told := g.Effort.Get()
	for _, name := range wishes {
		raw := e.r.Extra.Get(llm.OpenAI, name)
		if raw == nil || e.t.Genuine {
			continue
		}
		if !told || hasMember(raw, "effort") {
			return
		}
	}
	if budget := g.Budget.Or(0); !told && budget >= 0 { // less = the model decides
		effort = g.EffortWord()
		if budget > 0 {
			e.drop("reasoning.budget")
		}
	}
	if !told || e.r.Dialect != llm.OpenAI && e.r.Dialect != llm.Responses {
		effort = e.fitEffort(effort)
	}
	if told && e.own() || effort != "" {
		e.Text("reasoning_effort", effort)
	}
	if e.r.Extra.Get(llm.OpenAI, "reasoning") != nil {
		return // goes along, or is named as a whole
	}
	e.unshown()
}

// unshown names what only an object of an aggregator can say.
func (e *requestEncoder) unshown() {
	g := &e.r.Reasoning
	if g.Summary.Set() {
		e.drop("reasoning.summary")
	}
	if g.Hidden.Or(false) || e.t.Genuine && g.Hidden.Set() {
		e.drop("reasoning.hidden")
	}
}

// fitEffort is the word nearest to one that comes of another dialect, or of a
// budget; "" if there is none. That thinking is off is only told to models that
// have a word for it.
func (e *requestEncoder) fitEffort(word string) string {
	fitting, thinks := dialect.OpenAIEffort(e.t.ID, word)
	switch {
	case !thinks: // and so it is off
		if word != "" && word != "none" {
			e.drop("reasoning")
		}
		return ""
	case e.own() && word == "none":
		return word
	case fitting != word && (word == "none" || e.r.Reasoning.Effort.Set()): // else the budget is named
		e.drop("reasoning.effort")
	}
	return fitting
}

func hasMember(raw []byte, name string) (found bool) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == name && !scan.IsNull(w.Value()) {
			found = true
		}
	}
	return found
}
