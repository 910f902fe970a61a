package simulator

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// maxFit is how deep references are followed; a schema that refers to itself
// gets only what it requires beyond that.
const maxFit = 8

// arguments makes a JSON object that fits the properties of a schema.
func arguments(schema []byte, d *dice) string {
	return string((&fitting{root: schema, dice: d}).object(schema, 0))
}

// fitted makes a JSON text that fits a schema.
func fitted(schema []byte, d *dice) string {
	return string((&fitting{root: schema, dice: d}).value(schema, 0))
}

// fitting makes values for one JSON Schema (2020-12), as far as types, enums,
// references, alternatives and bounds go; patterns it does not obey. OpenAPI's
// upper-case types and "nullable" are understood.
type fitting struct {
	root []byte
	dice *dice
}

// schema is what fitting looks at.
type schema struct {
	Ref              string `json:"$ref"`
	Type             any
	Enum             []json.RawMessage
	Const            json.RawMessage
	AnyOf, OneOf     []json.RawMessage
	AllOf            []json.RawMessage
	Properties       json.RawMessage
	Required         []string
	Items            json.RawMessage
	PrefixItems      []json.RawMessage
	MinItems         int
	Minimum, Maximum *float64
	MinLength        int
	MaxLength        *int
	Format           string
}

func (f *fitting) value(raw []byte, depth int) []byte {
	var s schema
	if json.Unmarshal(raw, &s) != nil { // true is a schema, too
		return []byte("null")
	}
	switch {
	case s.Ref != "":
		return f.referred(s.Ref, depth)
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return s.Enum[f.dice.throw()%uint64(len(s.Enum))]
	case len(s.AnyOf) > 0:
		return f.alternative(s.AnyOf, depth)
	case len(s.OneOf) > 0:
		return f.alternative(s.OneOf, depth)
	case len(s.AllOf) > 0 && s.Type == nil && s.Properties == nil:
		return f.value(s.AllOf[0], depth)
	}
	if many, ok := s.Type.([]any); ok && len(many) > 0 {
		s.Type = many[0]
	}
	word, _ := s.Type.(string)
	switch word = strings.ToLower(word); {
	case word == "integer" || word == "number":
		return s.number(f.dice.throw() % 100)
	case word == "boolean":
		return []byte("true")
	case word == "array":
		return f.array(&s, depth)
	case word == "object" || word == "" && s.Properties != nil:
		return f.object(raw, depth)
	case word == "null":
		return []byte("null")
	}
	return s.text(f.dice)
}

// referred is a value of the schema that a JSON pointer (RFC 6901) names.
func (f *fitting) referred(pointer string, depth int) []byte {
	at := f.root
	for _, step := range strings.Split(strings.TrimPrefix(strings.TrimPrefix(pointer, "#"), "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		var next []byte
		members(at, func(name string, value []byte) bool {
			if name == step {
				next = value
			}
			return next == nil
		})
		if step != "" {
			at = next
		}
	}
	if at == nil || depth > 2*maxFit {
		return []byte("null")
	}
	return f.value(at, depth+1)
}

// alternative takes the first one, or the first that ends a recursion.
func (f *fitting) alternative(of []json.RawMessage, depth int) []byte {
	if depth >= maxFit {
		for _, raw := range of {
			if !bytes.Contains(raw, []byte(`"$ref"`)) {
				return f.value(raw, depth+1)
			}
		}
	}
	return f.value(of[0], depth+1)
}

// object has all properties that a schema lists, in their order.
func (f *fitting) object(raw []byte, depth int) []byte {
	var s schema
	if json.Unmarshal(raw, &s) == nil && s.Ref != "" {
		return f.referred(s.Ref, depth)
	}
	out := []byte{'{'}
	members(s.Properties, func(name string, value []byte) bool {
		if depth >= maxFit && !slices.Contains(s.Required, name) {
			return true
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendString(out, name), ':')
		out = append(out, f.value(value, depth+1)...)
		return true
	})
	return append(out, '}')
}

// array has an item of each prefix and one more, or as many as are required.
func (f *fitting) array(s *schema, depth int) []byte {
	out := []byte{'['}
	add := func(item []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, f.value(item, depth+1)...)
	}
	for _, item := range s.PrefixItems {
		add(item)
	}
	wanted := min(max(1, s.MinItems-len(s.PrefixItems)), 64)
	if depth >= maxFit {
		wanted = min(s.MinItems, 1)
	}
	if bytes.HasPrefix(s.Items, []byte("{")) {
		for range wanted {
			add(s.Items)
		}
	}
	return append(out, ']')
}

func (s *schema) number(thrown uint64) []byte {
	n := float64(thrown)
	if s.Minimum != nil {
		n = max(n, *s.Minimum)
	}
	if s.Maximum != nil {
		n = min(n, *s.Maximum)
	}
	return strconv.AppendFloat(nil, n, 'f', -1, 64)
}

// formats are examples of strings that are no prose (JSON Schema, 7.3).
var formats = map[string]string{
	"date-time": "2026-08-01T12:00:00Z", "date": "2026-08-01", "time": "12:00:00Z", "duration": "P1D",
	"email": "dragoman@example.com", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
	"uuid": "123e4567-e89b-12d3-a456-426614174000", "uri": "https://example.com/",
}

func (s *schema) text(d *dice) []byte {
	if example := formats[s.Format]; example != "" {
		return appendString(nil, example)
	}
	p := words(3, d.throw())
	text := strings.TrimSpace(p.whole())
	if missing := s.MinLength - len(text); missing > 0 {
		text += strings.Repeat("x", min(missing, maxPiece))
	}
	if s.MaxLength != nil && len(text) > *s.MaxLength {
		text = text[:max(0, *s.MaxLength)]
	}
	return appendString(nil, text)
}
