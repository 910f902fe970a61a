package extproc

import "github.com/dragoman-gateway/dragoman/extproc/generation"

// contents are what is said in an exchange, where the operator keeps that. They
// count as held, like bodies.
type contents struct {
	request, answer []byte
	cut             bool
}

// requested are the contents of an exchange that begins; nil if the process
// holds enough.
func (r *routing) requested(body []byte) *contents {
	n := min(len(body), generation.MaxContents)
	if !r.s.table.hold(n) {
		return nil
	}
	return &contents{request: append([]byte(nil), body[:n]...), cut: len(body) > n}
}

// says notes a piece of the answer as the client gets it, if that is kept.
func (s *Service) says(x *exchange, piece []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.contents
	if c == nil {
		return
	}
	n := min(len(piece), generation.MaxContents-len(c.answer))
	if !s.table.hold(n) {
		n = 0
	}
	c.cut = c.cut || n < len(piece)
	c.answer = append(c.answer, piece[:n]...)
}

// contentsHeld is how many bytes of contents count as held. Caller must hold
// e.mu.
func (e *exchange) contentsHeld() int {
	if e.contents == nil {
		return 0
	}
	return len(e.contents.request) + len(e.contents.answer)
}

// kept is what a record has of contents; nil of none.
func (c *contents) kept() *generation.Contents {
	if c == nil {
		return nil
	}
	return &generation.Contents{Request: string(c.request), Answer: string(c.answer), Cut: c.cut}
}
