package gemini

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// object appends JSON text in this dialect.
type object struct{ members.Object }

func newObject(dst []byte) object { return object{members.Object{B: dst}} }

// filledObject writes an object member whose members fill writes, and nothing
// if they are none.
func (o *object) filledObject(name string, fill func()) {
	from := len(o.B)
	o.Begin(name)
	empty := len(o.B)
	if fill(); len(o.B) == empty {
		o.B = o.B[:from]
		return
	}
	o.End()
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
			o.Raw(name, list[i].Value)
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
