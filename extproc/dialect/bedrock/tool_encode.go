package bedrock

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// tools writes toolConfig: the client's tools, the one that structured output is
// emulated with, and what must be called.
func (e *requestEncoder) tools() {
	history := e.history()
	tools := e.r.Tools
	if e.r.ToolChoice.Mode == llm.ChoiceNone && len(history) == 0 {
		tools = nil
	}
	from := len(e.B)
	e.Begin("toolConfig")
	e.BeginArray("tools")
	start := len(e.B)
	for i := range tools {
		e.tool(place{tool: true, part: i}, &tools[i])
	}
	written := len(e.B) > start
	if !written && e.format != byTool {
		// Converse refuses calls in the history of a request without tools.
		for _, name := range history {
			e.toolSpec(&llm.Tool{Name: name})
		}
	}
	if e.format == byTool {
		f := &e.r.Format
		schema := f.Schema
		if len(schema) == 0 {
			schema = llm.Raw(anyObject)
		}
		e.toolSpec(&llm.Tool{Name: dialect.SchemaTool, Description: schemaPurpose(f), Schema: schema})
	}
	if len(e.B) == start {
		e.B = e.B[:from]
		return
	}
	e.EndArray()
	e.toolChoice(written, len(tools))
	e.End()
	if written && !e.r.ParallelToolCalls.Or(true) {
		e.drop("parallel_tool_calls")
	}
}

// anyObject is the schema of JSON without a schema.
const anyObject = `{"type":"object","properties":{},"additionalProperties":true}`

func schemaPurpose(f *llm.Format) string {
	const purpose = "Gives the answer. Call it once, with the whole answer as its input."
	if f.Description != "" {
		return f.Description + "\n" + purpose
	}
	return purpose
}

// unnamed stands for a tool of the history whose name nobody knows.
const unnamed = "tool"

// history names the tools of the calls and results in the messages.
func (e *requestEncoder) history() (names []string) {
	for i := range e.r.Messages {
		for j := range e.r.Messages[i].Parts {
			p := &e.r.Messages[i].Parts[j]
			name := ""
			switch p.Kind {
			case llm.Call:
				name = cmp.Or(p.Call.Name, unnamed)
			case llm.Result:
				if name = p.Result.Name; name == "" && len(names) == 0 {
					name = unnamed
				}
			}
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (e *requestEncoder) tool(at place, t *llm.Tool) {
	if t.Name == "" {
		switch raw := t.Extra.Get(llm.Bedrock, "tool"); {
		case raw != nil:
			e.Element(raw)
		case !e.claudeTool(t):
			e.drop(at.path())
		}
		return
	}
	if !e.r.ToolChoice.Allows(t.Name) {
		return // Converse has no words for some of the tools
	}
	if !dialect.IsToolName(t.Name, maxID) && e.problem == nil {
		e.problem = dialect.BadToolName(at.path(), maxID)
	}
	e.toolSpec(t)
	e.cachePoint(at, t.Cache, e.m.cachesTools())
	if t.Strict.Or(false) {
		e.drop(at.member("strict")) // few models take it, and of those each other schemas
	}
	e.foreign(at, t.Extra)
}

// clientTools begin the types of Anthropic's own tools that the client runs.
// Bedrock takes them beside toolConfig, in additionalModelRequestFields (user
// guide, "Computer use"); those that Anthropic runs it does not have.
var clientTools = []string{"computer_", "bash_", "text_editor_", "memory_"}

// claudeTool keeps one of Anthropic's own tools for claudeFields.
func (e *requestEncoder) claudeTool(t *llm.Tool) bool {
	if e.m.family != claude || len(t.Extra) != 1 || t.Extra[0].Dialect != llm.Anthropic {
		return false
	}
	kind, _ := scan.Text(members.Find(t.Extra[0].Value, "type"))
	if !slices.ContainsFunc(clientTools, func(prefix string) bool { return strings.HasPrefix(kind, prefix) }) {
		return false
	}
	e.claudeTools = append(e.claudeTools, t.Extra[0].Value)
	return true
}

func (e *requestEncoder) toolSpec(t *llm.Tool) {
	e.Open()
	e.Begin("toolSpec")
	e.Text("name", t.Name)
	if !blank(t.Description) {
		e.Text("description", t.Description)
	}
	e.Begin("inputSchema")
	e.Key("json")
	e.schema(t.Schema)
	e.End()
	e.End()
	e.End()
}

// annotations are members at the top of a schema that Nova does not know.
var annotations = []string{"$schema", "description", "title", "additionalProperties"}

// schema writes the schema of a tool's input, whose type must be "object".
func (e *requestEncoder) schema(raw llm.Raw) {
	e.B = append(e.B, '{')
	typed := false
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		name, value := string(w.Key()), w.Value()
		if e.m.isNova() && slices.Contains(annotations, name) {
			continue
		}
		if name == "type" {
			typed = true
		}
		e.Raw(name, value)
	}
	if !typed {
		e.Text("type", "object")
	}
	if len(raw) == 0 {
		e.Raw("properties", []byte("{}"))
	}
	e.End()
}

// objectSchema tells whether a schema can stand for a tool's input.
func objectSchema(raw llm.Raw) bool {
	if len(raw) == 0 {
		return true
	}
	is := scan.KindOf(bytes.TrimSpace(raw)) == scan.Object
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "type" {
			is = string(w.Value()) == `"object"`
		}
	}
	return is
}

// toolChoice writes what must be called. written tells whether tools of the
// client's are there, count how many.
func (e *requestEncoder) toolChoice(written bool, count int) {
	c := &e.r.ToolChoice
	mode, name := c.Mode, c.Name
	if !written {
		mode = llm.ChoiceUnset
	}
	switch {
	case e.format == byTool:
		if mode, name, count = llm.ChoiceNamed, dialect.SchemaTool, 1; written && c.Mode != llm.ChoiceNone {
			mode = llm.ChoiceRequired // one of the client's tools, or the answer
		}
	case mode == llm.ChoiceOpaque, e.m.family == claude && e.think.on && (mode == llm.ChoiceRequired || mode == llm.ChoiceNamed):
		e.drop("tool_choice") // Claude is not forced while it thinks
		mode = llm.ChoiceAuto
	case mode == llm.ChoiceNone:
		e.drop("tool_choice")
		return
	}
	if mode == llm.ChoiceNamed && !e.m.choosesNamed() && e.m.chooses() {
		if mode = llm.ChoiceRequired; count > 1 {
			e.drop("tool_choice")
		}
	}
	switch {
	case mode == llm.ChoiceUnset:
	case !e.m.chooses():
		if mode != llm.ChoiceAuto {
			e.drop("tool_choice")
		}
	case mode == llm.ChoiceAuto:
		e.Raw("toolChoice", []byte(`{"auto":{}}`))
	case mode == llm.ChoiceRequired:
		e.Raw("toolChoice", []byte(`{"any":{}}`))
	default:
		e.Begin("toolChoice")
		e.Begin("tool")
		e.Text("name", name)
		e.End()
		e.End()
	}
}

// outputConfig asks for JSON of a schema in Converse's own words. The schema is
// a text of JSON in a string.
func (e *requestEncoder) outputConfig() {
	if e.format != byConfig {
		return
	}
	f := &e.r.Format
	e.Begin("outputConfig")
	e.Begin("textFormat")
	e.Text("type", "json_schema")
	e.Begin("structure")
	e.Begin("jsonSchema")
	e.Text("schema", string(f.Schema))
	if f.Name != "" {
		e.Text("name", f.Name)
	}
	if f.Description != "" {
		e.Text("description", f.Description)
	}
	e.End()
	e.End()
	e.End()
	e.End()
}
