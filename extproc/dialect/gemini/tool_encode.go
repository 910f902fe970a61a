package gemini

import (
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

func (e *requestEncoder) function(at string, t *llm.Tool) {
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
					e.allowed(dialect.SchemaTool)
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
				e.allowed(choice.Name)
			case mode == llm.ChoiceOpaque:
				e.drop("tool_choice")
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

func (e *requestEncoder) allowed(name string) {
	e.BeginArray("allowedFunctionNames")
	e.Quoted(name)
	e.EndArray()
}
