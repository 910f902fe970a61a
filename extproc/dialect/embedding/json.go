package embedding

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// object appends JSON text in this dialect.
type object struct{ members.Object }

func newObject(dst []byte) object { return object{members.Object{B: dst}} }

// member is the value of an object's member, nil if it has none.
func member(raw []byte, name string) (value []byte) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == name {
			value = w.Value()
		}
	}
	return value
}

func clone(raw []byte) llm.Raw { return append(llm.Raw(nil), raw...) }
