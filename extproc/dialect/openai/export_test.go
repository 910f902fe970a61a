package openai

import "github.com/dragoman-gateway/dragoman/extproc/dialect"

// Patch appends what Pieces describes to dst: the same bytes without
// allocations.
func Patch(dst, body []byte, e *dialect.Envelope, t dialect.Target) []byte {
	list := editsFor(body, e, t)
	return list.Append(dst, body)
}
