package openai

import "github.com/dragoman-gateway/dragoman/extproc/dialect"

// Patch appends what Pieces describes to dst, edit by edit: the plain way to
// the same bytes, and without allocations.
func Patch(dst, body []byte, e *dialect.Envelope, t dialect.Target) []byte {
	list := editsFor(body, e, t)
	from := 0
	for _, c := range list.list[:list.n] {
		dst = append(dst, body[from:c.From]...)
		dst = c.append(dst)
		from = c.To
	}
	return append(dst, body[from:]...)
}
