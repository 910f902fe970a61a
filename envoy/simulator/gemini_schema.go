package simulator

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// geminiSchema is what the API looks at in a Schema, in normal spelling.
type geminiSchema struct {
	Type       string
	Format     string
	Nullable   bool
	Enum       []string
	Items      json.RawMessage
	Properties json.RawMessage
	Required   []string
	AnyOf      []json.RawMessage
}

// schema checks what the API demands of a Schema beyond its fields.
func (c *geminiCheck) schema(path string, raw []byte) {
	var s geminiSchema
	if json.Unmarshal(raw, &s) != nil {
		return // its fields have been checked
	}
	names := c.properties(path, s.Properties)
	switch {
	case s.Type == "" && len(s.AnyOf) == 0 && s.Properties == nil:
		c.note(path+".type", "must be specified.")
	case s.Type == "OBJECT" && len(names) == 0:
		c.note(path+".properties", "should be non-empty for OBJECT type")
	case s.Type != "OBJECT" && s.Type != "" && len(names) > 0:
		c.note(path+".properties", "only allowed for OBJECT type")
	case s.Type != "OBJECT" && s.Type != "" && len(s.Required) > 0:
		c.note(path+".required", "only allowed for OBJECT type")
	case s.Type == "ARRAY" && s.Items == nil:
		c.note(path+".items", "missing field.")
	case len(s.Enum) > 0 && s.Type != "STRING":
		c.note(path+".enum", "only allowed for STRING type")
	case slices.Contains(s.Enum, ""):
		c.note(path+".enum[0]", "cannot be empty")
	case s.Type == "STRING" && s.Format != "" && s.Format != "enum" && s.Format != "date-time":
		c.note(path+".format", "only 'enum' and 'date-time' are supported for STRING type")
	}
	for i, name := range s.Required {
		if !slices.Contains(names, name) {
			c.note(path+".required["+strconv.Itoa(i)+"]", "property is not defined")
		}
	}
	if s.Items != nil {
		c.schema(path+".items", s.Items)
	}
	for i, inner := range s.AnyOf {
		c.schema(path+".any_of["+strconv.Itoa(i)+"]", inner)
	}
}

// properties checks those of an object and gives their names.
func (c *geminiCheck) properties(path string, raw []byte) (names []string) {
	members(raw, func(name string, value []byte) bool {
		names = append(names, name)
		c.schema(path+".properties["+name+"]", value)
		return true
	})
	return names
}

// jsonSchema gives a Schema as JSON Schema: types in lower case, "null" among
// them where it is nullable.
func jsonSchema(raw []byte) json.RawMessage {
	out := []byte{'{'}
	var nullable bool
	members(raw, func(name string, value []byte) bool {
		nullable = nullable || name == "nullable" && string(value) == "true"
		return true
	})
	members(raw, func(name string, value []byte) bool {
		switch name {
		case "nullable", "propertyOrdering":
			return true
		case "type":
			value = []byte(strings.ToLower(string(value)))
			if nullable {
				value = []byte(`[` + string(value) + `,"null"]`)
			}
		case "items":
			value = jsonSchema(value)
		case "anyOf":
			value = eachSchema(value)
		case "properties":
			value = namedSchemas(value)
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(appendString(out, name), ':'), compact(value)...)
		return true
	})
	return append(out, '}')
}

func eachSchema(raw []byte) []byte {
	out := []byte{'['}
	elements(raw, func(value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, jsonSchema(value)...)
	})
	return append(out, ']')
}

func namedSchemas(raw []byte) []byte {
	out := []byte{'{'}
	members(raw, func(name string, value []byte) bool {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(appendString(out, name), ':'), jsonSchema(value)...)
		return true
	})
	return append(out, '}')
}
