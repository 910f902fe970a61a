package openai

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func (e *requestEncoder) tools() {
	if e.emulates() {
		e.schemaTool()
		return
	}
	none := len(e.r.Tools) == 0
	if !none {
		from := len(e.B)
		e.BeginArray("tools")
		empty := len(e.B)
		for i := range e.r.Tools {
			e.tool("tools."+strconv.Itoa(i), &e.r.Tools[i])
		}
		if none = len(e.B) == empty; none {
			e.B = e.B[:from]
		} else {
			e.EndArray()
		}
	}
	if none && (e.t.Genuine || !e.own()) {
		return // OpenAI refuses a choice among no tools
	}
	e.choice()
	e.OptTruth("parallel_tool_calls", e.r.ParallelToolCalls)
}

// anyChoice is the word for "some tool must be called" of providers that cannot
// be told so.
const anyChoice = "auto"

// choice writes what may or must be called. The API's clients have words for
// some of the tools; for others the rest of them has been left out.
func (e *requestEncoder) choice() {
	c := &e.r.ToolChoice
	if c.Allowed != nil && e.tellsAllowed() {
		e.allowedTools(c)
		return
	}
	switch c.Mode {
	case llm.ChoiceAuto, llm.ChoiceNone:
		e.Text("tool_choice", ChoiceWord(c.Mode))
	case llm.ChoiceRequired:
		if e.q.RequiredTool == anyChoice {
			e.drop("tool_choice")
		}
		e.Text("tool_choice", cmp.Or(e.q.RequiredTool, ChoiceWord(c.Mode)))
	case llm.ChoiceNamed:
		if e.q.RequiredTool == anyChoice {
			e.drop("tool_choice")
			e.Text("tool_choice", anyChoice)
			return
		}
		e.namedTool(c.Name)
	case llm.ChoiceOpaque:
		if raw := c.Extra.Get(llm.OpenAI, "tool_choice"); raw != nil {
			e.Raw("tool_choice", raw)
		} else {
			e.drop("tool_choice")
		}
	}
}

// tellsAllowed tells whether the target knows the type allowed_tools: what is
// not OpenAI itself gets it only from clients that speak its dialect.
func (e *requestEncoder) tellsAllowed() bool {
	return e.q.RequiredTool == "" && (e.own() || e.t.Genuine && e.r.Dialect == llm.Responses)
}

func (e *requestEncoder) allowedTools(c *llm.ToolChoice) {
	e.Begin("tool_choice")
	e.Text("type", "allowed_tools")
	e.Begin("allowed_tools")
	e.Text("mode", ChoiceWord(c.Mode))
	e.BeginArray("tools")
	for _, name := range c.Allowed {
		e.Open()
		e.Text("type", "function")
		e.Begin("function")
		e.Text("name", name)
		e.End()
		e.End()
	}
	e.EndArray()
	e.End()
	e.End()
}

// namedTool makes the model call a tool.
func (e *requestEncoder) namedTool(name string) {
	e.Begin("tool_choice")
	e.Text("type", "function")
	e.Begin("function")
	e.Text("name", name)
	e.End()
	e.End()
}

func (e *requestEncoder) tool(path string, t *llm.Tool) {
	if t.Name == "" {
		if raw := t.Extra.Get(llm.OpenAI, "tool"); raw != nil {
			e.Element(raw)
		} else {
			e.drop(path)
		}
		return
	}
	if !e.r.ToolChoice.Allows(t.Name) && !e.tellsAllowed() {
		return
	}
	if e.t.Genuine && !e.own() && !dialect.IsToolName(t.Name, maxName) && e.problem == nil {
		e.problem = dialect.BadToolName(path, maxName)
	}
	e.Open()
	e.Text("type", "function")
	e.Begin("function")
	e.Text("name", t.Name)
	e.TextIf("description", t.Description)
	e.RawIf("parameters", t.Schema)
	e.strict(path, t)
	e.more(t.Extra, inFunction, path)
	e.End()
	e.more(t.Extra, "", path)
	if t.Cache != nil && !e.refused(path+".cache_control") {
		e.Raw("cache_control", t.Cache)
	}
	e.End()
}

// strict writes whether calls are held to the schema. OpenAI refuses it of
// schemas that other vendors take, such as those with optional properties. In
// its Responses API it goes without saying, as far as the schema allows it.
func (e *requestEncoder) strict(path string, t *llm.Tool) {
	strict, told := t.Strict.Get()
	switch {
	case !e.t.Genuine || e.own():
	case e.r.Dialect == llm.Responses:
		if !told && !t.FreeText && Strictly(t.Schema) {
			strict, told = true, true
		}
	case strict && !Strictly(t.Schema):
		e.drop(path + ".strict")
		return
	}
	if told {
		e.Truth("strict", strict)
	}
}

// maxName is how long OpenAI's names of tools and schemas may be.
const maxName = 64

// schemaName is a schema's name, which nobody sees but OpenAI demands.
func schemaName(name string) string {
	if dialect.IsToolName(name, maxName) {
		return name
	}
	b := []byte(name[:min(len(name), maxName)])
	for i, c := range b {
		if !dialect.IsNameByte(c) {
			b[i] = '_'
		}
	}
	return cmp.Or(string(b), "answer")
}

const (
	maxID  = 40 // bytes of the id of a call that OpenAI takes
	marked = 16 // hexadecimal digits that keep shortened ids apart
)

// callID is the id of a call for the target. Some models' templates have room
// for short ids only, which their provider insists on.
func (e *requestEncoder) callID(id string) string {
	switch {
	case e.q.CallIDs == "short" && !isShort(id):
		sum := sha256.Sum256([]byte(id))
		return hex.EncodeToString(sum[:])[:short]
	case e.t.Genuine && !e.own():
		return ShortID(id, maxID)
	}
	return id
}

// short is how many letters and digits a short id has.
const short = 9

// isShort tells whether an id, as a string or as JSON text without quotes, is
// short.
func isShort[T string | []byte](id T) bool {
	for i := range len(id) {
		if c := id[i]; !dialect.IsNameByte(c) || c == '_' || c == '-' {
			return false
		}
	}
	return len(id) == short
}

// ShortID shortens an id of more than most bytes in a way that depends on
// nothing but itself, so that a call and its result meet again, in every turn
// alike.
func ShortID(id string, most int) string {
	if len(id) <= most {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return id[:most-1-marked] + "_" + hex.EncodeToString(sum[:marked/2])
}
