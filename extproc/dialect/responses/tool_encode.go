package responses

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func (e *requestEncoder) tools() {
	r := e.r
	none := len(r.Tools) == 0
	if !none {
		from := len(e.B)
		e.BeginArray("tools")
		empty := len(e.B)
		for i := range r.Tools {
			e.tool("tools."+strconv.Itoa(i), &r.Tools[i])
		}
		if none = len(e.B) == empty; none {
			e.B = e.B[:from]
		} else {
			e.EndArray()
		}
	}
	if none && (e.t.Genuine || r.Dialect != llm.Responses) {
		return // OpenAI refuses a choice among no tools
	}
	e.choice()
	if r.ParallelToolCalls.Set() && !e.refuses("parallel_tool_calls") {
		e.OptTruth("parallel_tool_calls", r.ParallelToolCalls)
	}
}

// tellsAllowed tells whether the target knows the type allowed_tools: what is
// not OpenAI itself gets it only from clients that speak its dialect.
func (e *requestEncoder) tellsAllowed() bool {
	return e.q.RequiredTool == "" && (e.own() || e.t.Genuine && e.vendors())
}

func (e *requestEncoder) allowedTools(c *llm.ToolChoice) {
	e.Begin("tool_choice")
	e.Text("type", "allowed_tools")
	e.Text("mode", openai.ChoiceWord(c.Mode))
	e.BeginArray("tools")
	for _, name := range c.Allowed {
		e.Open()
		e.Text("type", e.toolKind(name))
		e.Text("name", name)
		e.End()
	}
	e.EndArray()
	e.End()
}

// choice writes what may or must be called. Without words for some of the
// tools, the others have been left out.
func (e *requestEncoder) choice() {
	c := &e.r.ToolChoice
	if c.Allowed != nil && e.tellsAllowed() {
		e.allowedTools(c)
		return
	}
	switch c.Mode {
	case llm.ChoiceAuto, llm.ChoiceNone:
		e.Text("tool_choice", openai.ChoiceWord(c.Mode))
	case llm.ChoiceRequired:
		e.Text("tool_choice", cmp.Or(e.q.RequiredTool, openai.ChoiceWord(c.Mode)))
	case llm.ChoiceNamed:
		e.Begin("tool_choice")
		e.Text("type", e.toolKind(c.Name))
		e.Text("name", c.Name)
		e.End()
	case llm.ChoiceOpaque:
		if raw := c.Extra.Get(llm.Responses, "tool_choice"); raw != nil {
			e.Raw("tool_choice", raw)
		} else {
			e.drop("tool_choice")
		}
	}
}

func (e *requestEncoder) toolKind(name string) string {
	for i := range e.r.Tools {
		if t := &e.r.Tools[i]; t.Name == name && t.FreeText {
			return "custom"
		}
	}
	return "function"
}

// tool writes a function or a custom tool. An absent strict means true in this
// API and false in every other, so it is said for tools that come from those.
func (e *requestEncoder) tool(path string, t *llm.Tool) {
	if t.Name == "" {
		if raw := t.Extra.Get(llm.Responses, "tool"); raw != nil {
			e.Element(raw)
		} else {
			e.drop(path)
		}
		return
	}
	if !e.r.ToolChoice.Allows(t.Name) && !e.tellsAllowed() {
		return
	}
	foreign := !e.own()
	if e.t.Genuine && !e.vendors() && !dialect.IsToolName(t.Name, maxName) && e.problem == nil {
		e.problem = dialect.BadToolName(path, maxName)
	}
	e.Open()
	if t.FreeText {
		e.Text("type", "custom")
		e.Text("name", t.Name)
		e.TextIf("description", strings.TrimSuffix(t.Description, grammarNote(t.Extra.Get(llm.Responses, "format"))))
	} else {
		e.Text("type", "function")
		e.Text("name", t.Name)
		e.TextIf("description", t.Description)
		switch {
		case t.Schema != nil:
			e.Raw("parameters", t.Schema)
		case foreign:
			e.Word("parameters", `{"type":"object","properties":{}}`)
		default:
			e.Word("parameters", "null") // which the API wants in place of none
		}
		strict, told := t.Strict.Get()
		if strict && e.t.Genuine && !e.vendors() && !openai.Strictly(t.Schema) {
			strict = false // such as one with optional properties
			e.drop(path + ".strict")
		}
		if told || foreign {
			e.Truth("strict", strict)
		}
	}
	e.more(t.Extra, path)
	if t.Cache != nil {
		e.drop(path + ".cache_control")
	}
	e.End()
}
