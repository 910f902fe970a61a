package gemini

import (
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Bounds of inlining references, since they may multiply: how many, and how
// much longer than the schema the text may grow.
const (
	maxInlined = 500
	maxGrowth  = 256 << 10
)

// openAPI writes a JSON Schema in the API's older Schema type, for models that
// take nothing else. What cannot be said there is reported to lost, by keyword.
type openAPI struct {
	*object
	root  []byte
	from  int      // where the schema begins in the text
	refs  []string // being inlined
	count int
	lost  func(keyword string)
}

// verbatim are the keywords that both kinds of schema have.
var verbatim = map[string]bool{
	"title": true, "description": true, "default": true, "example": true, "pattern": true, "required": true,
	"minItems": true, "maxItems": true, "minLength": true, "maxLength": true, "minProperties": true, "maxProperties": true,
	"minimum": true, "maximum": true, "propertyOrdering": true,
}

// silent are keywords without which a schema says the same.
var silent = map[string]bool{
	"$schema": true, "$id": true, "$comment": true, "$defs": true, "definitions": true, "nullable": true,
	"type": true, "const": true, "$ref": true,
}

var formats = []string{`"int32"`, `"int64"`, `"float"`, `"double"`, `"enum"`, `"date-time"`}

func (s *openAPI) schema(raw []byte) {
	w := scan.Over(raw)
	if !w.Object() { // true and false are schemas, too
		s.lost("boolean schema")
		s.Open()
		s.End()
		return
	}
	if ref, ok := scan.Text(members.Find(raw, "$ref")); ok {
		s.inline(ref)
		return
	}
	if only := single(members.Find(raw, "allOf")); only != nil {
		for w.Member() {
			if key := string(w.Key()); !silent[key] && key != "allOf" && key != "title" && key != "description" {
				s.lost(key)
			}
		}
		s.schema(only)
		return
	}
	s.Open()
	union := s.types(raw)
	for w.Member() {
		key := string(w.Key())
		if key != "anyOf" && key != "oneOf" {
			s.keyword(key, w.Value())
		} else if value := w.Value(); union {
			s.lost(key)
		} else {
			s.union(value)
			union = true
		}
	}
	s.End()
}

func (s *openAPI) union(raw []byte) {
	s.BeginArray("anyOf")
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		if one := w.Value(); !isNullSchema(one) {
			s.schema(one)
		}
	}
	s.EndArray()
}

func (s *openAPI) keyword(key string, value []byte) {
	switch {
	case key == "properties":
		s.properties(key, value, s.schema)
	case key == "items" && scan.KindOf(value) == scan.Object:
		s.Key(key)
		s.schema(value)
	case key == "enum":
		s.enum(value)
	case key == "format":
		if slices.Contains(formats, string(value)) {
			s.Raw(key, value)
		} else {
			s.lost(key)
		}
	case verbatim[key]:
		s.Raw(key, value)
	case !silent[key]:
		s.lost(key)
	}
}

// inline puts what a local reference points at in its place; one that leads
// back to itself, or elsewhere, becomes any object.
func (s *openAPI) inline(ref string) {
	target := resolve(s.root, ref)
	if target == nil || slices.Contains(s.refs, ref) || s.count >= maxInlined ||
		len(s.B)-s.from > len(s.root)+maxGrowth {
		s.lost("$ref")
		s.Open()
		s.Text("type", "OBJECT")
		s.End()
		return
	}
	s.count++
	s.refs = append(s.refs, ref)
	s.schema(target)
	s.refs = s.refs[:len(s.refs)-1]
}

// resolve follows a JSON pointer within the schema (RFC 6901).
func resolve(root []byte, ref string) []byte {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if path == "" || path == "/" {
			break
		}
		root = members.Find(root, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	return root
}

// types writes type and nullable, and const as an enum of one; union tells that
// several types became anyOf.
func (s *openAPI) types(raw []byte) (union bool) {
	nullable, words := isNullable(raw), []string(nil)
	note := func(value []byte) {
		switch word, _ := scan.Text(value); word {
		case "":
		case "null":
			nullable = true
		default:
			words = append(words, strings.ToUpper(word))
		}
	}
	kind, constant := members.Find(raw, "type"), members.Find(raw, "const")
	w := scan.Over(kind)
	note(kind)
	for ok := w.Array(); ok && w.Element(); {
		note(w.Value())
	}
	for _, name := range [...]string{"anyOf", "oneOf"} {
		w := scan.Over(members.Find(raw, name))
		for ok := w.Array(); ok && w.Element(); {
			nullable = isNullSchema(w.Value()) || nullable
		}
	}
	text, isText := scan.Text(constant)
	if isText && len(words) == 0 {
		words = append(words, "STRING")
	}
	switch {
	case len(words) == 1:
		s.Text("type", words[0])
	case len(words) > 1:
		s.BeginArray("anyOf")
		for _, word := range words {
			s.Open()
			s.Text("type", word)
			s.End()
		}
		s.EndArray()
	}
	if nullable {
		s.Truth("nullable", true)
	}
	switch {
	case isText:
		s.BeginArray("enum")
		s.Quoted(text)
		s.EndArray()
	case constant != nil:
		s.lost("const")
	}
	return len(words) > 1
}

// enum writes the strings of an enum: the API has no others.
func (s *openAPI) enum(raw []byte) {
	from := len(s.B)
	s.BeginArray("enum")
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		switch value := w.Value(); scan.KindOf(value) {
		case scan.String:
			s.Element(value)
		case scan.Null: // nullable says it
		default:
			s.B = s.B[:from]
			s.lost("enum")
			return
		}
	}
	s.EndArray()
}

func isNullSchema(raw []byte) bool { return string(members.Find(raw, "type")) == `"null"` }

// single gives the element of an array that has one; else nil.
func single(raw []byte) (only []byte) {
	n := 0
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		n++
		only = w.Value()
	}
	if n != 1 {
		return nil
	}
	return only
}
