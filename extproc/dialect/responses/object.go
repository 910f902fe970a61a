package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// object appends JSON text in this dialect.
type object struct{ members.Object }

func newObject(dst []byte) object { return object{members.Object{B: dst}} }

// Word writes a JSON literal: null, or an empty array or object.
func (o *object) Word(name, value string) { o.Key(name); o.B = append(o.B, value...) }

// Array writes an Array of elements that are already joined by commas.
func (o *object) Array(name string, elements []byte) {
	o.BeginArray(name)
	o.B = append(o.B, elements...)
	o.EndArray()
}

// Paths within names of extras: where the member lies in this dialect.
const (
	inReasoning     = "reasoning/"
	inText          = "text/"
	inMessage       = "message/" // of the item around a part
	inInputDetails  = "input_tokens_details/"
	inOutputDetails = "output_tokens_details/"
)

// places are where extras of this dialect lie.
var places = members.Places{Dialect: llm.Responses, Paths: []string{inReasoning, inText, inMessage, inInputDetails, inOutputDetails}}

// extras writes this dialect's extras that lie in path; "" = in the object
// itself.
func (o *object) extras(list llm.Extras, path string) {
	o.Extras(list, &places, path)
}
