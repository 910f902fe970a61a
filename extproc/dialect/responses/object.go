package responses

import (
	"strconv"
	"strings"

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

// textIf leaves out an empty text.
func (o *object) textIf(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) raw(name string, value []byte) { o.key(name); o.b = append(o.b, value...) }

// word writes a JSON literal: null, or an empty array or object.
func (o *object) word(name, value string) { o.key(name); o.b = append(o.b, value...) }

// array writes an array of elements that are already joined by commas.
func (o *object) array(name string, elements []byte) {
	o.beginArray(name)
	o.b = append(o.b, elements...)
	o.endArray()
}

func (o *object) element(value []byte) { o.comma(); o.b = append(o.b, value...) }

func (o *object) integer(name string, n int64) { o.key(name); o.b = strconv.AppendInt(o.b, n, 10) }

func (o *object) truth(name string, v bool) { o.key(name); o.b = strconv.AppendBool(o.b, v) }

func (o *object) optInt(name string, v llm.Opt[int64]) {
	if n, ok := v.Get(); ok {
		o.integer(name, n)
	}
}

func (o *object) optTruth(name string, v llm.Opt[bool]) {
	if b, ok := v.Get(); ok {
		o.truth(name, b)
	}
}

func (o *object) optNumber(name string, v llm.Opt[float64]) {
	if f, ok := v.Get(); ok {
		o.key(name)
		o.b = strconv.AppendFloat(o.b, f, 'g', -1, 64)
	}
}

// Paths within names of extras: where the member lies in this dialect.
const (
	inReasoning     = "reasoning/"
	inText          = "text/"
	inMessage       = "message/" // of the item around a part
	inInputDetails  = "input_tokens_details/"
	inOutputDetails = "output_tokens_details/"
)

var paths = [...]string{inReasoning, inText, inMessage, inInputDetails, inOutputDetails}

// extras writes this dialect's extras that lie in path; "" = in the object
// itself.
func (o *object) extras(list llm.Extras, path string) {
	for i := range list {
		if name, ok := lies(&list[i], path); ok {
			o.raw(name, list[i].Value)
		}
	}
}

// lies gives the name of an extra that lies in path.
func lies(x *llm.Extra, path string) (name string, ok bool) {
	if x.Dialect != llm.Responses {
		return "", false
	}
	if path != "" {
		return strings.CutPrefix(x.Name, path)
	}
	for _, p := range paths {
		if strings.HasPrefix(x.Name, p) {
			return "", false
		}
	}
	return x.Name, true
}
