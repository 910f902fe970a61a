package simulator

import "iter"

// document is a JSON answer: head, content that needs no escaping, tail. The
// content is made while it is written, however long it is.
type document struct {
	head    []byte
	content prose // filler only
	length  int   // bytes of content
	tail    []byte
}

func (d *document) size() int { return len(d.head) + d.length + len(d.tail) }

// parts yields the first n bytes.
func (d *document) parts(n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		take := func(length int) int {
			length = min(length, n)
			n -= length
			return length
		}
		if k := take(len(d.head)); k > 0 && !yield(string(d.head[:k])) {
			return
		}
		for block := range d.content.blocks(take(d.length)) {
			if !yield(block) {
				return
			}
		}
		if k := take(len(d.tail)); k > 0 {
			yield(string(d.tail[:k]))
		}
	}
}

// first gives the first n bytes.
func (d *document) first(n int) []byte {
	out := make([]byte, 0, n)
	for part := range d.parts(n) {
		out = append(out, part...)
	}
	return out
}
