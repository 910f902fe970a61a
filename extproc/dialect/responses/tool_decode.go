package responses

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

func (d *requestDecoder) tool(path string, raw []byte) {
	var (
		kind   string
		syntax []byte
		t      llm.Tool
	)
	d.Object(path, raw, func(key string, value []byte) {
		switch key {
		case "type":
			kind = d.Text(path+".type", value)
		case "name":
			if name, ok := scan.Text(value); ok {
				t.Name = name
			}
		case "description":
			if text, ok := scan.Text(value); ok {
				t.Description = text
			}
		case "parameters":
			if !scan.IsNull(value) {
				t.Schema = members.Clone(value)
			}
		case "strict":
			if strict, ok := scan.Truth(value); ok {
				t.Strict = llm.Some(strict)
			}
		case "format":
			syntax = value
		default:
			if !isEmpty(value) {
				t.Extra = append(t.Extra, extra(key, value))
			}
		}
	})
	switch {
	case kind == "function" && t.Name != "" && syntax == nil:
	case kind == "custom" && t.Name != "" && t.Schema == nil && !t.Strict.Set():
		t.FreeText, t.Schema = true, llm.Raw(freeTextSchema)
		if note := grammarNote(syntax); note != "" {
			t.Description += note
			t.Extra = append(t.Extra, extra("format", syntax))
		}
	default:
		t = llm.Tool{Extra: llm.Extras{extra("tool", raw)}}
	}
	d.r.Tools = append(d.r.Tools, t)
}

// freeTextSchema is what dialects without custom tools get in their place.
const freeTextSchema = `{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`

// grammarNote tells a model in words what the format of a custom tool would
// enforce; "" for plain text.
func grammarNote(format []byte) string {
	var kind, syntax, definition string
	w := scan.Over(format)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			kind, _ = scan.Text(w.Value())
		case "syntax":
			syntax, _ = scan.Text(w.Value())
		case "definition":
			definition, _ = scan.Text(w.Value())
		}
	}
	if kind == "text" || scan.IsNull(format) {
		return ""
	}
	return "\n\nThe input must match this " + strings.TrimSpace(syntax+" grammar") + ":\n" + definition
}

// wrap makes free text the arguments of the function that stands in for a
// custom tool; unwrap undoes it. Arguments that a model got wrong are taken as
// the text itself.
func wrap(text string) string {
	return string(append(scan.AppendQuoted([]byte(`{"input":`), text), '}'))
}

func unwrap(args string) string {
	text, found := "", false
	raw := []byte(args)
	if scan.Validate(raw) != nil {
		return args
	}
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "input" {
			text, found = scan.Text(w.Value())
		}
	}
	if !found {
		return args
	}
	return text
}

// allowedName is the name of a tool in a list of allowed ones; "" for tools that
// the provider runs.
func allowedName(tool []byte) (name string) {
	w := scan.Over(tool)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			if kind := string(w.Value()); kind != `"function"` && kind != `"custom"` {
				return ""
			}
		case "name":
			name, _ = scan.Text(w.Value())
		default:
			return ""
		}
	}
	return name
}

// toolChoice reads a word, the name of one tool or those of some. Tools that the
// provider runs have no neutral word.
func (d *requestDecoder) toolChoice(raw []byte) llm.ToolChoice {
	opaque := llm.ToolChoice{Mode: llm.ChoiceOpaque, Extra: llm.Extras{extra("tool_choice", raw)}}
	if scan.IsNull(raw) {
		return llm.ToolChoice{}
	}
	if word, ok := scan.Text(raw); ok {
		if mode, known := openai.ChoiceMode(word); known {
			return llm.ToolChoice{Mode: mode}
		}
		return opaque
	}
	if allowed, ok := openai.AllowedTools(members.Find(raw, "type"), raw, allowedName); ok {
		return allowed
	}
	named := llm.ToolChoice{Mode: llm.ChoiceNamed}
	plain := true
	d.Object("tool_choice", raw, func(key string, value []byte) {
		switch key {
		case "type":
			plain = plain && (string(value) == `"function"` || string(value) == `"custom"`)
		case "name":
			named.Name, _ = scan.Text(value)
		default:
			plain = false
		}
	})
	if !plain || named.Name == "" {
		return opaque
	}
	return named
}
