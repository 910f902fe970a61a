package catalog

import (
	"cmp"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// field is a field of a struct of the source: named by its json tag, required
// unless that says omitempty; one named "-" is none. The eg tag shows how it is
// written.
type field struct {
	name     string
	index    int
	required bool
	example  string
}

func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		fields = append(fields, field{
			name: name, index: i, required: options != "omitempty",
			example: cmp.Or(f.Tag.Get("eg"), name+": and its value"),
		})
	}
	return fields
}

func textOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func literalOf(n ast.Node) (literal, bool) {
	if text, ok := textOf(n); ok {
		return literal{text: text}, true
	}
	switch n := n.(type) {
	case *ast.IntegerNode:
		return literal{text: n.Token.Value, integer: true}, true
	case *ast.BoolNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return literal{text: n.GetToken().Value}, true
	}
	return literal{}, false
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode:
		return "a number"
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number with a point"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	}
	return "this"
}
