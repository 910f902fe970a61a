package openai

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

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

func (e *requestEncoder) choice() {
	switch c := &e.r.ToolChoice; c.Mode {
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
	if e.t.Genuine && !e.own() && !isName(t.Name) && e.problem == nil {
		at := path + ".name"
		e.problem = &llm.Problem{
			Kind: llm.Unsupported, Param: at,
			Message: at + ": this target takes names of at most 64 letters, digits, _ and -",
		}
	}
	e.Open()
	e.Text("type", "function")
	e.Begin("function")
	e.Text("name", t.Name)
	e.TextIf("description", t.Description)
	e.RawIf("parameters", t.Schema)
	e.OptTruth("strict", t.Strict)
	e.more(t.Extra, inFunction, path)
	e.End()
	e.more(t.Extra, "", path)
	if t.Cache != nil && !e.refused(path+".cache_control") {
		e.Raw("cache_control", t.Cache)
	}
	e.End()
}

// maxName is how long OpenAI's names of tools and schemas may be.
const maxName = 64

// isName tells whether OpenAI takes a name of a tool or schema:
// ^[a-zA-Z0-9_-]{1,64}$.
func isName(s string) bool {
	for i := range len(s) {
		if !fits(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func fits(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// schemaName is a schema's name, which nobody sees but OpenAI demands.
func schemaName(name string) string {
	if isName(name) {
		return name
	}
	b := []byte(name[:min(len(name), maxName)])
	for i, c := range b {
		if !fits(c) {
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
		return shortID(id)
	}
	return id
}

// short is how many letters and digits a short id has.
const short = 9

// isShort tells whether an id, as a string or as JSON text without quotes, is
// short.
func isShort[T string | []byte](id T) bool {
	for i := range len(id) {
		if c := id[i]; !fits(c) || c == '_' || c == '-' {
			return false
		}
	}
	return len(id) == short
}

// shortID shortens an id that is too long in a way that depends on nothing but
// itself, so that a call and its result meet again, in every turn alike.
func shortID(id string) string {
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return id[:maxID-1-marked] + "_" + hex.EncodeToString(sum[:marked/2])
}
