package anthropic

import (
	"bytes"
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// inputSchema makes a schema one that the API takes for tools: an object whose
// type says so.
func inputSchema(schema llm.Raw) llm.Raw {
	if scan.KindOf(schema) != scan.Object {
		return llm.Raw(`{"type":"object","properties":{}}`)
	}
	if members.Find(schema, "type") != nil {
		return schema
	}
	rest := bytes.TrimLeft(schema[1:], " \t\r\n")
	out := append(llm.Raw(nil), `{"type":"object"`...)
	if rest[0] != '}' {
		out = append(out, ',')
	}
	return append(out, rest...)
}

// objectSchema tells whether a schema's root can be an object.
func objectSchema(schema llm.Raw) bool {
	if scan.KindOf(schema) != scan.Object {
		return false
	}
	kind := members.Find(schema, "type")
	return kind == nil || string(kind) == `"object"`
}

// conformed is a schema within the rules of structured outputs.
type conformed struct {
	text llm.Raw
	// narrowed: keywords that the rules do not know have become description.
	narrowed bool
}

// conform rewrites a schema for structured outputs ("JSON Schema limitations"
// in Anthropic's documentation): objects are closed, oneOf is anyOf, and
// keywords that are not enforced become part of the description, as Anthropic's
// SDKs do it. False if the rules cannot express the schema: maps, objects of
// any members, recursion.
func conform(schema llm.Raw, description string) (conformed, bool) {
	c := conformer{}
	if scan.KindOf(schema) != scan.Object || !c.schema(schema, description) {
		return conformed{}, false
	}
	return conformed{text: c.B, narrowed: c.narrowed}, true
}

type conformer struct {
	object
	narrowed bool
}

// Keywords that structured outputs enforce, and formats of strings.
var (
	enforced = []string{"type", "title", "enum", "const", "required", "pattern"}
	formats  = []string{
		"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
	}
)

// schema appends one schema.
func (c *conformer) schema(raw []byte, description string) bool {
	if scan.KindOf(raw) != scan.Object {
		return false // true and false are schemas, too
	}
	if ref := members.Find(raw, "$ref"); ref != nil && members.Find(raw, "$defs") == nil && members.Find(raw, "definitions") == nil {
		c.Open()
		c.Raw("$ref", ref)
		c.End()
		return string(ref) != `"#"`
	}
	k := keywords{isObject: string(members.Find(raw, "type")) == `"object"`, description: description}
	c.Open()
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if !c.keyword(&k, string(w.Key()), w.Value()) {
			return false
		}
	}
	if k.isObject && !k.closed {
		return false // any members may stand in it
	}
	c.describe(k.description, k.rest)
	if k.isObject {
		c.Truth("additionalProperties", false)
	}
	c.End()
	return true
}

// keywords is what has been met of a schema.
type keywords struct {
	description string
	isObject    bool
	closed      bool // its members are listed
	union       bool
	rest        []llm.Member // what is not enforced
}

// keyword writes one keyword, or keeps it for later; false if the rules cannot
// express it.
func (c *conformer) keyword(k *keywords, name string, value []byte) bool {
	switch name {
	case "description":
		k.description, _ = scan.Text(value)
	case "properties":
		k.isObject, k.closed = true, true
		return c.named(name, value)
	case "$defs", "definitions":
		return !recursive(name, value) && c.named(name, value)
	case "additionalProperties":
		k.isObject = true
		return scan.KindOf(value) != scan.Object // a map
	case "allOf":
		return c.list(name, value)
	case "anyOf", "oneOf":
		if k.union {
			return false
		}
		k.union = true
		return c.list("anyOf", value)
	case "items":
		c.Key(name)
		return c.schema(value, "")
	default:
		if !c.plain(name, value) {
			k.rest = append(k.rest, llm.Member{Name: name, Value: value})
		}
	}
	return true
}

// plain writes a keyword that holds no schema; false if it is not enforced.
func (c *conformer) plain(name string, value []byte) bool {
	switch {
	case slices.Contains(enforced, name):
	case name == "minItems" && (string(value) == "0" || string(value) == "1"):
	case name == "format":
		if text, _ := scan.Text(value); !slices.Contains(formats, text) {
			return false
		}
	default:
		return false
	}
	c.Raw(name, value)
	return true
}

func (c *conformer) describe(description string, rest []llm.Member) {
	if len(rest) > 0 {
		c.narrowed = true
		var b strings.Builder
		b.WriteString(description)
		if description != "" {
			b.WriteString("\n\n")
		}
		open := "{"
		for _, m := range rest {
			b.WriteString(open + m.Name + ": ")
			b.Write(m.Value)
			open = ", "
		}
		b.WriteString("}")
		description = b.String()
	}
	c.TextIf("description", description)
}

func (c *conformer) named(name string, raw []byte) bool {
	c.Begin(name)
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		c.Key(string(w.Key()))
		if !c.schema(w.Value(), "") {
			return false
		}
	}
	c.End()
	return scan.KindOf(raw) == scan.Object
}

func (c *conformer) list(name string, raw []byte) bool {
	c.BeginArray(name)
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		if !c.schema(w.Value(), "") {
			return false
		}
	}
	c.EndArray()
	return scan.KindOf(raw) == scan.Array
}

// recursive tells whether definitions refer to themselves, directly or by way
// of each other: whether some are left when those that nobody left refers to
// are taken away again and again.
func recursive(where string, defs []byte) bool {
	refers, referred := map[string][]string{}, map[string]int{}
	w := scan.Over(defs)
	for ok := w.Object(); ok && w.Member(); {
		name := string(w.Key())
		refers[name] = references([]string{}, "#/"+where+"/", w.Value())
	}
	for _, list := range refers {
		for _, to := range list {
			referred[to]++
		}
	}
	var free []string
	for name := range refers {
		if referred[name] == 0 {
			free = append(free, name)
		}
	}
	left := len(refers)
	for ; len(free) > 0; left-- {
		name := free[len(free)-1]
		free = free[:len(free)-1]
		for _, to := range refers[name] {
			if referred[to]--; referred[to] == 0 && refers[to] != nil {
				free = append(free, to)
			}
		}
	}
	return left > 0
}

// references appends the definitions that a schema refers to.
func references(list []string, prefix string, raw []byte) []string {
	w := scan.Over(raw)
	switch scan.KindOf(raw) {
	case scan.Array:
		for ok := w.Array(); ok && w.Element(); {
			list = references(list, prefix, w.Value())
		}
	case scan.Object:
		for ok := w.Object(); ok && w.Member(); {
			ref := string(w.Key()) == "$ref"
			value := w.Value()
			if text, _ := scan.Text(value); ref && len(text) > len(prefix) && text[:len(prefix)] == prefix {
				list = append(list, text[len(prefix):])
			}
			list = references(list, prefix, value)
		}
	}
	return list
}
