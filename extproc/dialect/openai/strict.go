package openai

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// strictDepth is how deep objects may be nested in a strict schema.
const strictDepth = 10

// strictWords are the words of JSON Schema that a strict schema may use
// ("Structured model outputs", "Supported schemas"), as far as all models know
// them.
var strictWords = []string{
	"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const", "description", "title",
	"$defs", "definitions", "$ref", "minimum", "maximum", "minItems", "maxItems",
}

// Strictly tells whether the API can hold answers and calls to a schema: the
// root is an object, all properties of objects are required, and there are no
// others.
func Strictly(schema []byte) bool {
	w := scan.Over(schema)
	isObject := false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			isObject = string(w.Value()) == `"object"`
		case "anyOf":
			return false
		}
	}
	return isObject && strictAt(schema, 0)
}

func strictAt(schema []byte, depth int) bool {
	var s strictObject
	w := scan.Over(schema)
	if depth == strictDepth || !w.Object() {
		return false
	}
	for w.Member() {
		key := string(w.Key())
		if !slices.Contains(strictWords, key) || !s.member(key, w.Value(), depth) {
			return false
		}
	}
	return s.fits()
}

// strictObject is a schema in the reading.
type strictObject struct {
	isObject, shut  bool
	names, required []string
}

func (s *strictObject) fits() bool {
	if !s.isObject {
		return true
	}
	for _, name := range s.names {
		if !slices.Contains(s.required, name) {
			return false
		}
	}
	return s.shut
}

// member reads a word of the schema; false if it cannot be held to.
func (s *strictObject) member(key string, value []byte, depth int) bool {
	w := scan.Over(value)
	switch key {
	case "type":
		s.isObject = s.isObject || string(value) == `"object"`
	case "additionalProperties":
		s.shut = string(value) == "false"
	case "required":
		for ok := w.Array(); ok && w.Element(); {
			name, _ := scan.Text(w.Value())
			s.required = append(s.required, name)
		}
	case "items":
		return strictAt(value, depth+1)
	case "anyOf":
		for ok := w.Array(); ok && w.Element(); {
			if !strictAt(w.Value(), depth+1) {
				return false
			}
		}
	case "properties", "$defs", "definitions":
		for ok := w.Object(); ok && w.Member(); {
			name := string(w.Key())
			if !strictAt(w.Value(), depth+1) {
				return false
			}
			if key == "properties" {
				s.isObject, s.names = true, append(s.names, name)
			}
		}
	}
	return true
}
