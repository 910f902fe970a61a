package gemini

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// jsonSchema makes a JSON Schema of the API's Schema, a subset of OpenAPI 3.0:
// types in lower case, nullable as a type, counts as numbers.
func jsonSchema(raw []byte) llm.Raw {
	var o object
	o.jsonSchema(raw)
	return o.B
}

// counts are int64 in the .proto file, which proto JSON writes as strings.
var counts = map[string]bool{
	"minItems": true, "maxItems": true, "minLength": true, "maxLength": true, "minProperties": true, "maxProperties": true,
}

func (o *object) jsonSchema(raw []byte) {
	w := scan.Over(raw)
	if !w.Object() {
		o.Element(raw)
		return
	}
	nullable := isNullable(raw)
	o.Open()
	for w.Member() {
		key := camel(w.Key())
		value := w.Value()
		switch key {
		case "type":
			o.schemaType(value, nullable)
		case "nullable":
		case "format":
			if string(value) != `"enum"` { // says no more than the enum itself
				o.Raw(key, value)
			}
		case "enum":
			o.list(key, value, func(value []byte) { o.Element(value) }, nullable, "null")
		case "anyOf":
			o.list(key, value, o.jsonSchema, nullable, `{"type":"null"}`)
		case "items":
			o.Key(key)
			o.jsonSchema(value)
		case "properties":
			o.properties(key, value, o.jsonSchema)
		default:
			if text, ok := scan.Text(value); ok && counts[key] && scan.Validate([]byte(text)) == nil {
				value = []byte(text)
			}
			o.Raw(key, value)
		}
	}
	o.End()
}

// list writes an array whose elements each writes, and one more element if the
// schema is nullable.
func (o *object) list(name string, raw []byte, each func([]byte), nullable bool, null string) {
	w := scan.Over(raw)
	if !w.Array() {
		o.Raw(name, raw)
		return
	}
	o.BeginArray(name)
	for w.Element() {
		each(w.Value())
	}
	if nullable {
		o.Element([]byte(null))
	}
	o.EndArray()
}

// properties writes an object of schemas, whose names are the client's.
func (o *object) properties(name string, raw []byte, each func([]byte)) {
	w := scan.Over(raw)
	if !w.Object() {
		o.Raw(name, raw)
		return
	}
	o.Begin(name)
	for w.Member() {
		o.Key(string(w.Key()))
		each(w.Value())
	}
	o.End()
}

func (o *object) schemaType(raw []byte, nullable bool) {
	word, ok := scan.Text(raw)
	switch word = strings.ToLower(word); {
	case !ok:
		o.Raw("type", raw)
	case word == "type_unspecified":
	case nullable && word != "null":
		o.BeginArray("type")
		o.Quoted(word)
		o.Quoted("null")
		o.EndArray()
	default:
		o.Text("type", word)
	}
}

func isNullable(raw []byte) (nullable bool) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "nullable" {
			nullable, _ = scan.Truth(w.Value())
		}
	}
	return nullable
}
