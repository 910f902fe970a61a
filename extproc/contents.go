package extproc

import "github.com/dragoman-gateway/dragoman/extproc/generation"

// requested are the contents of an exchange that begins.
func requested(body []byte) *generation.Contents {
	return &generation.Contents{Request: string(body[:min(len(body), generation.MaxContents)]), Cut: len(body) > generation.MaxContents}
}

// says notes a piece of the answer as the client gets it, if that is kept.
func (e *exchange) says(piece []byte) {
	if e.contents == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.contents
	room := generation.MaxContents - len(c.Answer)
	c.Cut = c.Cut || len(piece) > room
	c.Answer += string(piece[:min(len(piece), room)])
}
