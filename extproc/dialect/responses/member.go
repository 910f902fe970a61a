package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// fields reads the members of a request into typed fields; the first member of
// a wrong kind becomes the problem. null is as good as absent.
type fields struct{ members.Fields }

// isEmpty tells whether a value says nothing: null or an array or object
// without elements. Clients copy such members out of answers.
func isEmpty(raw []byte) bool {
	w := scan.Over(raw)
	switch scan.KindOf(raw) {
	case scan.Array:
		return w.Array() && !w.Element()
	case scan.Object:
		return w.Object() && !w.Member()
	}
	return scan.IsNull(raw)
}
