package gemini

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// tool reads an element of tools: functions, and tools that the vendor runs,
// each of which becomes an opaque one.
func (d *requestDecoder) tool(path string, raw []byte) {
	d.message(path, raw, func(key string, value []byte) {
		if key == "functionDeclarations" {
			d.list(path+"."+key, value, d.function)
			return
		}
		var o object
		o.Open()
		o.Raw(key, value)
		o.End()
		d.r.Tools = append(d.r.Tools, llm.Tool{Extra: llm.Extras{{Dialect: llm.Gemini, Name: "tool", Value: o.B}}})
	})
}

func (d *requestDecoder) function(path string, raw []byte) {
	var t llm.Tool
	full := false
	d.message(path, raw, func(key string, value []byte) {
		switch key {
		case "name":
			t.Name = d.Text(path+".name", value)
		case "description":
			t.Description = d.Text(path+".description", value)
		case "parameters":
			if !full {
				t.Schema = jsonSchema(value)
			}
		case "parametersJsonSchema":
			t.Schema, full = members.Clone(value), true
		default:
			t.Extra = append(t.Extra, extra(key, value))
		}
	})
	if t.Name == "" {
		d.Wrong(path+".name", "a non-empty string")
	}
	d.r.Tools = append(d.r.Tools, t)
}

// toolConfig reads which functions may be called. A list of allowed ones has a
// meaning where some must be called, or calls are validated; elsewhere it is kept.
func (d *requestDecoder) toolConfig(key string, raw []byte) {
	if key != "functionCallingConfig" {
		d.keep(inToolConfig+key, raw)
		return
	}
	const path = "toolConfig.functionCallingConfig"
	var allowed []string
	var names []byte
	choice := &d.r.ToolChoice
	d.message(path, raw, func(key string, value []byte) {
		switch key {
		case "mode":
			switch d.Text(path+".mode", value) {
			case "AUTO":
				choice.Mode = llm.ChoiceAuto
			case "ANY":
				choice.Mode = llm.ChoiceRequired
			case "NONE":
				choice.Mode = llm.ChoiceNone
			case "VALIDATED": // calls or text as in AUTO, calls held to their schemas
				choice.Mode = llm.ChoiceAuto
				d.keep(inCalling+key, value)
			case "", "MODE_UNSPECIFIED":
			default:
				d.Wrong(path+".mode", `"AUTO", "ANY", "NONE" or "VALIDATED"`)
			}
		case "allowedFunctionNames":
			names = value
			d.list(path+"."+key, value, func(path string, value []byte) { allowed = append(allowed, d.Text(path, value)) })
		default:
			d.keep(inCalling+key, value)
		}
	})
	switch {
	case len(allowed) == 1 && choice.Mode == llm.ChoiceRequired && allowed[0] != "":
		*choice = llm.ToolChoice{Mode: llm.ChoiceNamed, Name: allowed[0]}
	case len(allowed) > 0 && (choice.Mode == llm.ChoiceRequired || d.r.Extra.Get(llm.Gemini, inCalling+"mode") != nil):
		choice.Allowed = allowed
	case len(allowed) > 0:
		d.keep(inCalling+"allowedFunctionNames", names)
	}
}
