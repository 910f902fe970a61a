package catalog

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// literal is a scalar as it stands in the source.
type literal struct {
	text    string
	integer bool // written without quotes
}

// scalar is a field that reads its own notation. read says what is wrong and
// what would be right, or "" and "".
type scalar interface {
	read(l literal) (wrong, right string)
}

// shorthand is a mapping that may also be written as one text.
type shorthand interface {
	short(text string)
}

// decoder fills structs from a tree by their json tags and notes where every
// field stands. It reports what it cannot use and goes on.
type decoder struct{ r *report }

// decode reads a source into T; the report has what is wrong with its form.
func decode[T any](data []byte, r *report) *T {
	into := new(T)
	root := tree(data, r)
	if root != nil {
		decodeTree(root, into, r)
	}
	return into
}

// decodeTree fills a struct from a tree.
func decodeTree(root ast.Node, into any, r *report) {
	d := decoder{r}
	d.value(root, reflect.ValueOf(into).Elem(), "")
}

func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch target := v.Addr().Interface().(type) {
	case scalar:
		l, ok := literalOf(n)
		if !ok {
			d.mismatch(n, path, "must be one value", "write it on one line")
			return
		}
		if wrong, right := target.read(l); wrong != "" {
			d.r.fail(path, wrong, right)
		}
		return
	case shorthand:
		if text, ok := textOf(n); ok {
			target.short(text)
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.table(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.String:
		text, ok := textOf(n)
		if !ok {
			d.mismatch(n, path, "must be text", "put the value in quotes")
			return
		}
		v.SetString(text)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.mismatch(n, path, "must be true or false", "write "+meant(n)+bare(n))
			return
		}
		v.SetBool(b.Value)
	default:
		d.integer(n, v, path)
	}
}

func (d *decoder) integer(n ast.Node, v reflect.Value, path string) {
	var value int64
	i, ok := n.(*ast.IntegerNode)
	if ok {
		switch x := i.Value.(type) {
		case int64:
			value = x
		case uint64:
			value = int64(min(x, 1<<62))
		}
	}
	if !ok || !v.CanInt() {
		d.mismatch(n, path, "must be a whole number", "write digits"+bare(n))
		return
	}
	v.SetInt(value)
}

// entries calls use for each entry of a mapping, passing over keys that are no
// text or come twice.
func (d *decoder) entries(n ast.Node, path string, use func(key string, value ast.Node)) bool {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.mismatch(n, path, "must be a mapping", "write name: value lines under it, or {} if there is nothing to say")
		return false
	}
	seen := make(map[string]int, len(m.Values))
	for _, entry := range m.Values {
		key, ok := entry.Key.(*ast.StringNode)
		if !ok {
			at := start(entry.Key)
			d.r.failAt(at, member(path, entry.Key.GetToken().Value), "a name must be text; put it in quotes")
			continue
		}
		at := start(key)
		if line, twice := seen[key.Value]; twice {
			d.r.failAt(at, member(path, key.Value), fmt.Sprintf("is given twice, first in line %d; remove one of them", line))
			continue
		}
		seen[key.Value] = at.line
		field := member(path, key.Value)
		d.r.at[field], d.r.named[field] = at, at
		if _, isScalar := literalOf(entry.Value); isScalar {
			d.r.at[field] = start(entry.Value)
		}
		use(key.Value, entry.Value)
	}
	return true
}

func (d *decoder) structure(n ast.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	given := map[string]bool{}
	ok := d.entries(n, path, func(key string, value ast.Node) {
		for _, f := range fields {
			if f.name == key {
				given[key] = true
				d.value(value, v.Field(f.index), member(path, key))
				return
			}
		}
		d.unknown(path, key, fields)
	})
	for _, f := range fields {
		if ok && f.required && !given[f.name] {
			d.r.fail(member(path, f.name), "is missing", "add "+f.example)
		}
	}
}

func (d *decoder) unknown(path, key string, fields []field) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	right := "known here: " + strings.Join(names, ", ")
	if near := nearest(key, names, 1); len(near) == 1 {
		right = "did you mean " + near[0] + "?"
	}
	d.r.failName(member(path, key), "is not a known field", right)
}

func (d *decoder) table(n ast.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.entries(n, path, func(key string, value ast.Node) {
		into := reflect.New(v.Type().Elem()).Elem()
		d.value(value, into, member(path, key))
		v.SetMapIndex(reflect.ValueOf(key), into)
	})
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.mismatch(n, path, "must be a list", "write [a, b], or lines that start with a dash")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, value := range s.Values {
		field := element(path, i)
		d.r.at[field] = start(value)
		d.value(value, v.Index(i), field)
	}
}

// meant is the word for what a text says in older YAML and elsewhere.
func meant(n ast.Node) string {
	text, _ := textOf(n)
	switch strings.ToLower(text) {
	case "true", "yes", "on", "y":
		return "true"
	case "false", "no", "off", "n":
		return "false"
	}
	return "one of them"
}

// bare ends an advice about a value that would be right if it stood without its
// quotes.
func bare(n ast.Node) string {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return ""
	}
	switch s.Token.Type {
	case token.SingleQuoteType, token.DoubleQuoteType:
		return ", without quotes"
	}
	if strings.HasPrefix(s.Token.Origin, `"`) { // JSON's
		return ", without quotes"
	}
	return ""
}

func (d *decoder) mismatch(n ast.Node, path, wrong, right string) {
	at := start(n)
	if path != "" {
		at = d.r.find(path)
	}
	d.r.failAt(at, path, wrong+", not "+kindOf(n)+"; "+right)
}
