package gemini

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

// open begins an object that is an element or the value behind a key.
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

// element appends a value: an element, or what follows a key.
func (o *object) element(value []byte) { o.comma(); o.b = append(o.b, value...) }

func (o *object) textElement(value string) { o.comma(); o.b = scan.AppendQuoted(o.b, value) }

func (o *object) integer(name string, n int64) { o.key(name); o.b = strconv.AppendInt(o.b, n, 10) }

func (o *object) truth(name string, v bool) { o.key(name); o.b = strconv.AppendBool(o.b, v) }

func (o *object) optInt(name string, v llm.Opt[int64]) {
	if n, ok := v.Get(); ok {
		o.integer(name, n)
	}
}

func (o *object) optNumber(name string, v llm.Opt[float64]) {
	if f, ok := v.Get(); ok {
		o.key(name)
		o.b = strconv.AppendFloat(o.b, f, 'g', -1, 64)
	}
}

// filledObject writes an object member whose members fill writes, and nothing
// if they are none.
func (o *object) filledObject(name string, fill func()) {
	from := len(o.b)
	o.begin(name)
	empty := len(o.b)
	if fill(); len(o.b) == empty {
		o.b = o.b[:from]
		return
	}
	o.end()
}

// Paths within names of extras: where the member lies in this dialect.
const (
	inConfig     = "generationConfig/"
	inThinking   = "generationConfig/thinkingConfig/"
	inToolConfig = "toolConfig/"
	inCalling    = "toolConfig/functionCallingConfig/"
	inCall       = "functionCall/"
	inResult     = "functionResponse/"
	inBlob       = "inlineData/"
	inFile       = "fileData/"
	inCandidate  = "candidate/"
)

// paths are ordered so that the longer of two that match comes first.
var paths = [...]string{inThinking, inConfig, inCalling, inToolConfig, inCall, inResult, inBlob, inFile, inCandidate}

// place takes the name of an extra apart.
func place(name string) (path, member string) {
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(name, p); ok {
			return p, rest
		}
	}
	return "", name
}

// extras writes this dialect's extras that lie in path; "" = in the object
// itself.
func (o *object) extras(list llm.Extras, path string) {
	for i := range list {
		if list[i].Dialect != llm.Gemini {
			continue
		}
		if p, name := place(list[i].Name); p == path {
			o.raw(name, list[i].Value)
		}
	}
}

// replace sets the extra of that name.
func replace(list llm.Extras, x llm.Extra) llm.Extras {
	for i := range list {
		if list[i].Name == x.Name {
			list[i] = x
			return list
		}
	}
	return append(list, x)
}
