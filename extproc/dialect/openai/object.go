package openai

import (
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

// places are where extras of this dialect lie.
var places = members.Places{Dialect: llm.OpenAI, Paths: []string{inStreamOptions, inFunction, inDelta, inChoice, inInputDetails, inOutputDetails}}

// extras writes this dialect's extras that lie in path; "" = in the object
// itself.
func (o *object) extras(list llm.Extras, path string) {
	o.Extras(list, &places, path)
}
