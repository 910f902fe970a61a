package openai

import (
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// object appends JSON text. Commas follow from the last byte: none behind an
// opening bracket or a colon.
type object struct{ b []byte }

func (o *object) Comma() {
	if n := len(o.b); n > 0 {
		switch o.b[n-1] {
		case '{', '[', ':':
		default:
			o.b = append(o.b, ',')
		}
	}
}

func (o *object) Key(name string) {
	o.Comma()
	o.b = append(scan.AppendQuoted(o.b, name), ':')
}

// Open begins an object that is the text itself or an element.
func (o *object) Open() { o.Comma(); o.b = append(o.b, '{') }

// Begin begins an object that is a member.
func (o *object) Begin(name string) { o.Key(name); o.b = append(o.b, '{') }

func (o *object) End() { o.b = append(o.b, '}') }

func (o *object) BeginArray(name string) { o.Key(name); o.b = append(o.b, '[') }

func (o *object) EndArray() { o.b = append(o.b, ']') }

func (o *object) Text(name, value string) { o.Key(name); o.b = scan.AppendQuoted(o.b, value) }

// TextIf leaves out an empty text.
func (o *object) TextIf(name, value string) {
	if value != "" {
		o.Text(name, value)
	}
}

func (o *object) Raw(name string, value []byte) { o.Key(name); o.b = append(o.b, value...) }

// RawIf leaves out an absent value.
func (o *object) RawIf(name string, value []byte) {
	if len(value) > 0 {
		o.Raw(name, value)
	}
}

func (o *object) Element(value []byte) { o.Comma(); o.b = append(o.b, value...) }

func (o *object) Integer(name string, n int64) { o.Key(name); o.b = strconv.AppendInt(o.b, n, 10) }

func (o *object) Truth(name string, v bool) { o.Key(name); o.b = strconv.AppendBool(o.b, v) }

func (o *object) OptInt(name string, v llm.Opt[int64]) {
	if n, ok := v.Get(); ok {
		o.Integer(name, n)
	}
}

func (o *object) OptTruth(name string, v llm.Opt[bool]) {
	if b, ok := v.Get(); ok {
		o.Truth(name, b)
	}
}

func (o *object) OptNumber(name string, v llm.Opt[float64]) {
	if f, ok := v.Get(); ok {
		o.Key(name)
		o.b = strconv.AppendFloat(o.b, f, 'g', -1, 64)
	}
}

// Paths within names of extras: where the member lies in this dialect.
const (
	inStreamOptions = "stream_options/"
	inFunction      = "function/"
	inDelta         = "delta/"  // of a chunk's delta or an answer's message
	inChoice        = "choice/" // beside them
	inInputDetails  = "prompt_tokens_details/"
	inOutputDetails = "completion_tokens_details/"
)

var paths = [...]string{inStreamOptions, inFunction, inDelta, inChoice, inInputDetails, inOutputDetails}

// extras writes this dialect's extras that lie in path; "" = in the object
// itself.
func (o *object) extras(list llm.Extras, path string) {
	for i := range list {
		if name, ok := lies(&list[i], path); ok {
			o.Raw(name, list[i].Value)
		}
	}
}

// lies gives the name of an extra that lies in path.
func lies(x *llm.Extra, path string) (name string, ok bool) {
	if x.Dialect != llm.OpenAI {
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
