package gemini

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// tools writes functions that follow each other as one tool, and tools that the
// vendor runs each as its own.
func (e *requestEncoder) tools() {
	e.filledArray("tools", func() {
		open := false
		function := func(write func()) {
			if !open {
				open = true
				e.Open()
				e.BeginArray("functionDeclarations")
			}
			write()
		}
		closed := func() {
			if open {
				open = false
				e.EndArray()
				e.End()
			}
		}
		for i := range e.r.Tools {
			t, at := &e.r.Tools[i], index("tools", i)
			if t.Name != "" {
				if e.r.Dialect != llm.Gemini && !e.r.ToolChoice.Allows(t.Name) {
					continue // the lists of other clients are told by what is not there
				}
				function(func() { e.function(at, t) })
				continue
			}
			raw := t.Extra.Get(llm.Gemini, "tool")
			if raw == nil {
				e.drop(at)
				continue
			}
			closed()
			e.Element(raw)
		}
		if e.throughTool {
			function(e.schemaTool)
		}
		closed()
	})
}

// filledArray writes an array member whose elements fill writes, and nothing if
// they are none.
func (o *object) filledArray(name string, fill func()) {
	from := len(o.B)
	o.BeginArray(name)
	empty := len(o.B)
	if fill(); len(o.B) == empty {
		o.B = o.B[:from]
		return
	}
	o.EndArray()
}

// maxName is how long the API's names of functions may be.
const maxName = 128

// isName tells whether the API takes a name: letters, digits, _, -, dots and
// colons, the first of them a letter or _.
func isName(s string) bool {
	plain := strings.NewReplacer(".", "_", ":", "_").Replace(s)
	return dialect.IsToolName(plain, maxName) && (s[0] == '_' || s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z')
}

func (e *requestEncoder) function(at string, t *llm.Tool) {
	if e.r.Dialect != llm.Gemini && !isName(t.Name) && e.problem == nil {
		e.problem = &llm.Problem{
			Kind: llm.Unsupported, Param: at + ".name",
			Message: at + ".name: this target takes names of at most 128 letters, digits, _, -, dots and colons that begin with a letter or _",
		}
	}
	e.Open()
	e.Text("name", t.Name)
	e.TextIf("description", t.Description)
	e.schema(at+".parameters", t.Schema, parameterNames)
	for i := range t.Extra {
		if x := &t.Extra[i]; x.Dialect == llm.Gemini {
			e.Raw(x.Name, x.Value)
		} else {
			e.drop(at + "." + x.Path())
		}
	}
	e.End()
	if t.Strict.Or(false) {
		e.drop(at + ".strict")
	}
	if t.Cache != nil {
		e.drop(at + ".cache_control")
	}
}

var parameterNames = schemaNames{full: "parametersJsonSchema", older: "parameters"}

// schemaTool is the tool whose input is the structured answer.
func (e *requestEncoder) schemaTool() {
	e.Open()
	e.Text("name", dialect.SchemaTool)
	e.Text("description", "Give the final answer in this form.")
	e.schema("response_format", e.r.Format.Schema, parameterNames)
	e.End()
}

// toolConfig writes the choice among tools. With structured output through a
// tool some tool must be called: the answer is one, too.
func (e *requestEncoder) toolConfig() {
	choice, extra := &e.r.ToolChoice, e.r.Extra
	if !hasFunctions(e.r) && e.r.Dialect != llm.Gemini {
		return // the API refuses a choice among no functions
	}
	e.filledObject("toolConfig", func() {
		e.filledObject("functionCallingConfig", func() {
			mode := choice.Mode
			if e.throughTool && mode != llm.ChoiceNamed {
				e.Text("mode", "ANY")
				if mode == llm.ChoiceNone {
					e.allowed([]string{dialect.SchemaTool})
				}
				return
			}
			validated := extra.Get(llm.Gemini, inCalling+"mode")
			switch {
			case mode == llm.ChoiceAuto && validated != nil:
				e.Raw("mode", validated)
			case mode == llm.ChoiceAuto:
				e.Text("mode", "AUTO")
			case mode == llm.ChoiceNone:
				e.Text("mode", "NONE")
			case mode == llm.ChoiceRequired:
				e.Text("mode", "ANY")
			case mode == llm.ChoiceNamed:
				e.Text("mode", "ANY")
				e.allowed([]string{choice.Name})
			case mode == llm.ChoiceOpaque:
				e.drop("tool_choice")
			}
			if e.r.Dialect == llm.Gemini && choice.Allowed != nil {
				e.allowed(choice.Allowed)
			}
			for i := range extra {
				path, name := place(extra[i].Name)
				if extra[i].Dialect == llm.Gemini && path == inCalling && name != "mode" && name != "streamFunctionCallArguments" {
					e.Raw(name, extra[i].Value)
				}
			}
		})
		e.extras(extra, inToolConfig)
	})
}

func (e *requestEncoder) allowed(names []string) {
	e.BeginArray("allowedFunctionNames")
	for _, name := range names {
		e.Quoted(name)
	}
	e.EndArray()
}
