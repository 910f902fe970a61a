package openai

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// object appends JSON text in this dialect.
type object struct{ members.Object }

func newObject(dst []byte) object { return object{members.Object{B: dst}} }

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
