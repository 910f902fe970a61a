package anthropic

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// maxStrict is how many strict tools the API takes in a request.
const maxStrict = 20

// maxToolName is how long the API's names of tools may be.
const maxToolName = 128

func (e *requestEncoder) tools() *llm.Problem {
	r := e.r
	if e.toolless = len(r.Tools) == 0 && e.form.tool == nil; e.toolless {
		return nil
	}
	from := len(e.B)
	e.BeginArray("tools")
	empty := len(e.B)
	strict := 0
	for i := range r.Tools {
		t, path := &r.Tools[i], "tools."+strconv.Itoa(i)
		if t.Name != "" && !r.ToolChoice.Allows(t.Name) {
			continue // the API has no words for some of the tools
		}
		if t.Name != "" && e.able.claude && !e.own() && !dialect.IsToolName(t.Name, maxToolName) {
			return dialect.BadToolName(path, maxToolName)
		}
		e.tool(path, t, &strict)
	}
	if e.form.tool != nil {
		e.Open()
		e.Text("name", dialect.SchemaTool)
		e.Text("description", e.form.description)
		e.Raw("input_schema", e.form.tool)
		e.End()
	}
	if e.toolless = len(e.B) == empty; e.toolless {
		e.B = e.B[:from]
	} else {
		e.EndArray()
	}
	return nil
}

func (e *requestEncoder) tool(path string, t *llm.Tool, strict *int) {
	if t.Name == "" {
		if raw := t.Extra.Get(llm.Anthropic, wholeTool); raw != nil {
			e.Element(raw)
		} else {
			e.drop(path)
		}
		return
	}
	schema := inputSchema(t.Schema)
	want, told := t.Strict.Get()
	if want && !e.own() {
		exact, ok := conform(schema, "")
		if ok = ok && e.able.structured && *strict < maxStrict && !exact.narrowed; ok {
			schema = exact.text
			*strict++
		} else {
			e.drop(path + ".strict")
		}
		want = ok
	}
	e.Open()
	e.Text("name", t.Name)
	e.TextIf("description", t.Description)
	e.Raw("input_schema", schema)
	if want || told && e.own() {
		e.Truth("strict", want)
	}
	if t.Cache != nil {
		e.Raw("cache_control", t.Cache)
	}
	e.more(path, t.Extra)
	e.End()
}

// more writes the extras of a part or tool that lie at path.
func (e *requestEncoder) more(path string, list llm.Extras) {
	for i := range list {
		if name, ok := places.Lies(&list[i], ""); ok {
			e.Raw(name, list[i].Value)
		} else {
			e.drop(path + "." + list[i].Name)
		}
	}
}

// toolChoice writes which tools may be called, and whether several at once.
func (e *requestEncoder) toolChoice(p *thinkingPlan) {
	c, parallel := e.r.ToolChoice, e.r.ParallelToolCalls
	if e.toolless && !e.own() {
		return // the API refuses a choice among no tools
	}
	switch {
	case e.form.tool != nil:
		// With tools of the client's, the model may call one instead of
		// answering; else it has to answer.
		if c = (llm.ToolChoice{Mode: llm.ChoiceRequired}); len(e.r.Tools) == 0 || e.r.ToolChoice.Mode == llm.ChoiceNone {
			c = llm.ToolChoice{Mode: llm.ChoiceNamed, Name: dialect.SchemaTool}
		}
		if c.Mode == llm.ChoiceNamed || !parallel.Set() {
			parallel = llm.Some(false)
		}
	case p.on() && (c.Mode == llm.ChoiceRequired || c.Mode == llm.ChoiceNamed):
		e.drop("tool_choice")
		c = llm.ToolChoice{Mode: llm.ChoiceAuto}
	case c.Mode == llm.ChoiceUnset && parallel.Set():
		c.Mode = llm.ChoiceAuto
	}
	switch c.Mode {
	case llm.ChoiceUnset:
		return
	case llm.ChoiceOpaque:
		if raw := c.Extra.Get(llm.Anthropic, wholeChoice); raw != nil {
			e.Raw("tool_choice", raw)
		} else {
			e.drop("tool_choice")
		}
		return
	}
	e.Begin("tool_choice")
	e.Text("type", choiceWords[c.Mode])
	if c.Mode == llm.ChoiceNamed {
		e.Text("name", c.Name)
	}
	if on, told := parallel.Get(); told && c.Mode != llm.ChoiceNone {
		e.Truth("disable_parallel_tool_use", !on)
	}
	e.End()
}
