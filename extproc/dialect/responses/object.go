package responses

import (
	"strings"

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

var paths = [...]string{inReasoning, inText, inMessage, inInputDetails, inOutputDetails}

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
