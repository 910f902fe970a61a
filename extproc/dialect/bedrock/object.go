package bedrock

import (
	"strconv"

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

func (o *object) raw(name string, value []byte) { o.key(name); o.b = append(o.b, value...) }

func (o *object) element(value []byte) { o.comma(); o.b = append(o.b, value...) }

func (o *object) quoted(value string) { o.comma(); o.b = scan.AppendQuoted(o.b, value) }

func (o *object) integer(name string, n int64) { o.key(name); o.b = strconv.AppendInt(o.b, n, 10) }

func (o *object) number(name string, f float64) {
	o.key(name)
	o.b = strconv.AppendFloat(o.b, f, 'g', -1, 64)
}
