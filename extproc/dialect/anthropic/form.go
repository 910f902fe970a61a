package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// form is how the client's wish for JSON is written: as output_config.format,
// or as a tool that the model must call (dialect.SchemaTool), whose input is
// the answer.
type form struct {
	format      llm.Raw // output_config.format
	tool        llm.Raw // the tool's input_schema
	description string  // of the tool
}

const formDescription = "Give your whole answer by calling this tool; its input is the answer as JSON."

// anyObject is the schema of JSON without a schema.
const anyObject = `{"type":"object","properties":{},"additionalProperties":true}`

func (e *requestEncoder) planForm() (form, *llm.Problem) {
	f := &e.r.Format
	switch f.Kind {
	case llm.FormatJSON:
		return e.formTool(llm.Raw(anyObject))
	case llm.FormatJSONSchema:
		if f.Schema == nil {
			return e.formTool(llm.Raw(anyObject))
		}
		// The answer to a client of this dialect may pass through untranslated:
		// nobody would turn a tool's call back into text.
		if e.able.structured || e.own() {
			if format := e.format(); format != nil {
				return form{format: format}, nil
			}
		}
		return e.formTool(f.Schema)
	case llm.FormatOpaque:
		raw := f.Extra.Get(llm.Anthropic, wholeFormat)
		if raw == nil {
			e.drop("response_format")
		}
		return form{format: raw}, nil
	}
	return form{}, nil
}

// format writes output_config.format; nil for a schema that it cannot express.
// A client of this dialect knows the rules of its schemas.
func (e *requestEncoder) format() llm.Raw {
	f := &e.r.Format
	schema := f.Schema
	if !e.own() {
		exact, ok := conform(schema, f.Description)
		if !ok {
			return nil
		}
		schema = exact.text
	}
	var o object
	o.Open()
	o.Text("type", "json_schema")
	o.Raw("schema", schema)
	for i := range f.Extra {
		if name, ok := places.Lies(&f.Extra[i], ""); ok {
			o.Raw(name, f.Extra[i].Value)
		} else {
			e.drop("response_format." + f.Extra[i].Name)
		}
	}
	o.End()
	return o.B
}

// formTool makes the tool, unless the client wants another one called: then
// the answer is that call and has no form of its own.
func (e *requestEncoder) formTool(schema llm.Raw) (form, *llm.Problem) {
	switch e.r.ToolChoice.Mode {
	case llm.ChoiceRequired, llm.ChoiceNamed, llm.ChoiceOpaque:
		e.drop("response_format")
		return form{}, nil
	}
	if e.counting {
		return form{}, nil
	}
	if !objectSchema(schema) {
		return form{}, unsupported("response_format", "a schema whose root is no object is not supported by this target")
	}
	f := form{tool: inputSchema(schema), description: formDescription}
	if e.r.Format.Description != "" {
		f.description += " " + e.r.Format.Description
	}
	return f, nil
}

func (e *requestEncoder) structuredOutput() {
	if e.form.format != nil {
		e.Raw("format", e.form.format)
	}
}
