package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// jsonTree parses JSON (RFC 8259) into the tree that YAML has, so that one
// decoder reads both; YAML's own reader takes much for JSON that is none. It is
// nil if the report says why.
func jsonTree(data []byte, r *report) ast.Node {
	if !guardText(data, r) {
		return nil
	}
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		message, at := "this is not JSON", int64(len(data))
		if bad := new(json.SyntaxError); errors.As(err, &bad) {
			message, at = message+": "+bad.Error(), max(bad.Offset-1, 0)
		}
		r.failAt(offsetPlace(data, at), "", message+"; check the brackets, the commas and the quotes here and above")
		return nil
	}
	p := jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), r: r, line: 1, col: 1}
	p.decoder.UseNumber()
	return p.value(0)
}

// offsetPlace is the place of a byte.
func offsetPlace(data []byte, offset int64) place {
	before := data[:min(offset, int64(len(data)))]
	line := bytes.LastIndexByte(before, '\n') + 1
	return place{1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[line:])}
}

// jsonReader turns valid JSON into nodes. It keeps count of lines as it goes.
type jsonReader struct {
	data      []byte
	decoder   *json.Decoder
	r         *report
	at        int // offset of line and col
	line, col int
}

// next is the next word or sign, and a token that stands where it does.
func (p *jsonReader) next() (json.Token, *token.Token) {
	for p.at < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[p.at]) >= 0 {
		p.step()
	}
	here := &token.Position{Line: p.line, Column: p.col}
	word, err := p.decoder.Token()
	if err != nil {
		return nil, nil // the text is valid: there is a word wherever one is asked for
	}
	start := p.at
	for p.at < int(p.decoder.InputOffset()) {
		p.step()
	}
	return word, token.String("", string(p.data[start:p.at]), here)
}

func (p *jsonReader) step() {
	c, size := utf8.DecodeRune(p.data[p.at:])
	p.at, p.col = p.at+size, p.col+1
	if c == '\n' {
		p.line, p.col = p.line+1, 1
	}
}

// value reads a value of that depth. It is nil if the report says why.
func (p *jsonReader) value(depth int) ast.Node {
	word, t := p.next()
	if t == nil {
		return nil
	}
	if depth > maxDepth {
		p.r.failAt(placeOf(t), "", fmt.Sprintf("objects and arrays are nested more than %d deep; no field is", maxDepth))
		return nil
	}
	if sign, ok := word.(json.Delim); ok {
		if sign == '{' {
			return p.object(t, depth)
		}
		return p.array(t, depth)
	}
	return p.scalar(word, t)
}

func (p *jsonReader) scalar(word json.Token, t *token.Token) ast.Node {
	if len(t.Origin) > maxScalar {
		p.r.failAt(placeOf(t), "", fmt.Sprintf("a value of %d bytes stands here; at most %d are read", len(t.Origin), maxScalar))
		return nil
	}
	t.Value = t.Origin
	switch v := word.(type) {
	case string:
		t.Value = v
		return ast.String(t)
	case json.Number:
		if strings.ContainsAny(t.Value, ".eE") {
			return ast.Float(t)
		}
		return ast.Integer(t)
	case bool:
		return ast.Bool(t)
	}
	return ast.Null(t)
}

func (p *jsonReader) object(t *token.Token, depth int) ast.Node {
	m := ast.Mapping(t, true)
	for p.decoder.More() {
		word, at := p.next()
		name, ok := word.(string)
		if !ok || len(m.Values) >= maxEntries {
			p.r.failAt(placeOf(at), "", fmt.Sprintf("this object has more than %d members; at most that many are read", maxEntries))
			return nil
		}
		key, ok := p.scalar(name, at).(*ast.StringNode)
		if !ok {
			return nil
		}
		value := p.value(depth + 1)
		if value == nil {
			return nil
		}
		m.Values = append(m.Values, ast.MappingValue(at, key, value))
	}
	p.next()
	return m
}

func (p *jsonReader) array(t *token.Token, depth int) ast.Node {
	s := ast.Sequence(t, true)
	for p.decoder.More() {
		value := p.value(depth + 1)
		if value == nil {
			return nil
		}
		s.Values = append(s.Values, value)
	}
	p.next()
	return s
}
