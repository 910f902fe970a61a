package gemini

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/patch"
)

// Pieces changes body for a target of this dialect without copying it: the
// pieces, one after the other, are the body without what is the gateway's own.
// The model stands in the path. e must be the result of Scan of the same body.
func Pieces(body []byte, e *dialect.Envelope, _ dialect.Target) [][]byte {
	kept := e.Spans[spanKept]
	var list patch.List
	for _, member := range e.Spans[:numRemoved] {
		switch {
		case !member.Set():
		case !kept.Set():
			return [][]byte{[]byte("{}")}
		default:
			list.Cut(body, member, kept)
		}
	}
	return list.Pieces(body)
}
