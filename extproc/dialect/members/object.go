// Package members reads and writes the members of JSON objects, for the codecs:
// Object appends JSON text, Fields reads values and keeps the first problem.
//
// Promises: output depends on what is called in which order, nothing else;
// nothing is reflected upon. Refuses to know a wire format or to check that
// what is written is balanced: that is the codec's, and its fuzz laws'.
//
// Concurrency: values belong to one goroutine.
package members

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Object appends JSON text. Commas follow from the last byte: none behind an
// opening bracket or a colon.
type Object struct{ B []byte }

// Comma separates what comes next from what stands before it.
func (o *Object) Comma() {
	if n := len(o.B); n > 0 {
		switch o.B[n-1] {
		case '{', '[', ':':
		default:
			o.B = append(o.B, ',')
		}
	}
}

// Key begins a member.
func (o *Object) Key(name string) {
	o.Comma()
	o.B = append(scan.AppendQuoted(o.B, name), ':')
}

// Open begins an object that is the text itself or an element.
func (o *Object) Open() { o.Comma(); o.B = append(o.B, '{') }

// Begin begins an object that is a member.
func (o *Object) Begin(name string) { o.Key(name); o.B = append(o.B, '{') }

// End ends an object.
func (o *Object) End() { o.B = append(o.B, '}') }

// BeginArray begins an array that is a member.
func (o *Object) BeginArray(name string) { o.Key(name); o.B = append(o.B, '[') }

// EndArray ends an array.
func (o *Object) EndArray() { o.B = append(o.B, ']') }

// Text writes a member that is a string.
func (o *Object) Text(name, value string) { o.Key(name); o.B = scan.AppendQuoted(o.B, value) }

// TextIf leaves out an empty text.
func (o *Object) TextIf(name, value string) {
	if value != "" {
		o.Text(name, value)
	}
}

// Raw writes a member whose value is JSON text.
func (o *Object) Raw(name string, value []byte) { o.Key(name); o.B = append(o.B, value...) }

// RawIf leaves out an absent value.
func (o *Object) RawIf(name string, value []byte) {
	if len(value) > 0 {
		o.Raw(name, value)
	}
}

// Element writes JSON text as an element.
func (o *Object) Element(value []byte) { o.Comma(); o.B = append(o.B, value...) }

// Quoted writes a string as an element.
func (o *Object) Quoted(value string) { o.Comma(); o.B = scan.AppendQuoted(o.B, value) }

// Integer writes a member that is an integer.
func (o *Object) Integer(name string, n int64) { o.Key(name); o.B = strconv.AppendInt(o.B, n, 10) }

// Truth writes a member that is true or false.
func (o *Object) Truth(name string, v bool) { o.Key(name); o.B = strconv.AppendBool(o.B, v) }

// OptInt leaves out an absent integer.
func (o *Object) OptInt(name string, v llm.Opt[int64]) {
	if n, ok := v.Get(); ok {
		o.Integer(name, n)
	}
}

// OptTokens leaves out an absent count.
func (o *Object) OptTokens(name string, v llm.Opt[llm.Tokens]) {
	if n, ok := v.Get(); ok {
		o.Integer(name, int64(n))
	}
}

// OptTruth leaves out an absent truth.
func (o *Object) OptTruth(name string, v llm.Opt[bool]) {
	if b, ok := v.Get(); ok {
		o.Truth(name, b)
	}
}

// Number writes a member that is a number.
func (o *Object) Number(name string, f float64) {
	o.Key(name)
	o.B = strconv.AppendFloat(o.B, f, 'g', -1, 64)
}

// OptNumber leaves out an absent number.
func (o *Object) OptNumber(name string, v llm.Opt[float64]) {
	if f, ok := v.Get(); ok {
		o.Number(name, f)
	}
}
