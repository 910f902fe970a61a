package embedding

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// object appends JSON text. Commas follow from the last byte: none behind an
// opening bracket or a colon.
type object struct{ b []byte }

func (o *object) comma() {
	if n := len(o.b); n > 0 {
		switch o.b[n-1] {
		case '{', '[', ':':
		default:
			o.b = append(o.b, ',')
		}
	}
}

func (o *object) key(name string) {
	o.comma()
	o.b = append(scan.AppendQuoted(o.b, name), ':')
}

// open begins an object that is the text itself or an element.
func (o *object) open() { o.comma(); o.b = append(o.b, '{') }

// begin begins an object that is a member.
func (o *object) begin(name string) { o.key(name); o.b = append(o.b, '{') }

func (o *object) end() { o.b = append(o.b, '}') }

func (o *object) beginArray(name string) { o.key(name); o.b = append(o.b, '[') }

func (o *object) endArray() { o.b = append(o.b, ']') }

func (o *object) text(name, value string) { o.key(name); o.b = scan.AppendQuoted(o.b, value) }

func (o *object) textIf(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) quoted(value string) { o.comma(); o.b = scan.AppendQuoted(o.b, value) }

func (o *object) raw(name string, value []byte) { o.key(name); o.b = append(o.b, value...) }

func (o *object) integer(name string, n int64) { o.key(name); o.b = strconv.AppendInt(o.b, n, 10) }

func (o *object) optInt(name string, v llm.Opt[int64]) {
	if n, ok := v.Get(); ok {
		o.integer(name, n)
	}
}

// member is the value of an object's member, nil if it has none.
func member(raw []byte, name string) (value []byte) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == name {
			value = w.Value()
		}
	}
	return value
}

func clone(raw []byte) llm.Raw { return append(llm.Raw(nil), raw...) }
