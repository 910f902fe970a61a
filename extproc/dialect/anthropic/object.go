package anthropic

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

// textIf leaves out an empty text.
func (o *object) textIf(name, value string) {
	if value != "" {
		o.Text(name, value)
	}
}

func (o *object) raw(name string, value []byte) { o.Key(name); o.b = append(o.b, value...) }

// rawIf leaves out an absent value.
func (o *object) rawIf(name string, value []byte) {
	if len(value) > 0 {
		o.raw(name, value)
	}
}

func (o *object) element(value []byte) { o.Comma(); o.b = append(o.b, value...) }

func (o *object) integer(name string, n int64) { o.Key(name); o.b = strconv.AppendInt(o.b, n, 10) }

func (o *object) truth(name string, v bool) { o.Key(name); o.b = strconv.AppendBool(o.b, v) }

func (o *object) optInt(name string, v llm.Opt[int64]) {
	if n, ok := v.Get(); ok {
		o.integer(name, n)
	}
}

func (o *object) optNumber(name string, v llm.Opt[float64]) {
	if f, ok := v.Get(); ok {
		o.Key(name)
		o.b = strconv.AppendFloat(o.b, f, 'g', -1, 64)
	}
}

// Paths within names of extras: where the member lies in this dialect.
const (
	inThinking     = "thinking/"
	inOutputConfig = "output_config/"
	inMetadata     = "metadata/"
)

var paths = [...]string{inThinking, inOutputConfig, inMetadata}

// Names of extras that are whole values.
const (
	wholePart   = "part"   // a block of a message, or of an answer
	wholeTool   = "tool"   // an element of tools
	wholeChoice = "choice" // tool_choice
	wholeFormat = "format" // output_config.format
	citation    = "citation"
	// inTool is where members of a tool_use block lie.
	inTool = "tool_use/"
)

// lies gives the name of an extra that lies in path; "" = in the object itself.
func lies(x *llm.Extra, path string) (name string, ok bool) {
	if x.Dialect != llm.Anthropic {
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

// extras writes this dialect's extras that lie in path; "" = in the object
// itself.
func (o *object) extras(list llm.Extras, path string) {
	for i := range list {
		if name, ok := lies(&list[i], path); ok {
			o.raw(name, list[i].Value)
		}
	}
}
