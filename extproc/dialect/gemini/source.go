package gemini

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/scan"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// Bounds of a stream: an event may hold a whole image in base64; a document in
// place of a stream is only looked at for an error.
const (
	maxEvent    = 32 << 20
	maxDocument = 64 << 10
)

type form uint8

// Forms of a stream's bytes.
const (
	undecided form = iota
	events         // server-sent events
	array          // one JSON array, whose elements come one by one
	document       // one JSON object: an error, in place of a stream or within one
)

// source cuts a stream into the JSON texts that it carries, whatever its form
// is. The same bytes give the same texts however they are cut.
type source struct {
	framer  sse.Framer
	form    form
	midLine bool // the bytes so far do not end a line
	buf     []byte
	chunk   []byte // the unread rest, for arrays
	depth   int
	quoted  bool
	escaped bool
	ended   bool // the array is closed, or no more of the document is held
	problem string
}

func (s *source) feed(chunk []byte) {
	if s.form == undecided {
		s.framer.Limit = maxEvent
		for len(chunk) > 0 && bytes.IndexByte([]byte(" \t\r\n"), chunk[0]) >= 0 {
			chunk = chunk[1:]
		}
		if len(chunk) == 0 {
			return
		}
		switch chunk[0] {
		case '[':
			s.form, chunk = array, chunk[1:]
		case '{':
			s.form = document
		default:
			s.form = events
		}
	}
	switch s.form {
	case events:
		if bare := s.bare(chunk); bare >= 0 {
			s.framer.Feed(chunk[:bare])
			s.form = document
			s.hold(chunk[bare:])
			return
		}
		s.framer.Feed(chunk)
	case document:
		s.hold(chunk)
	case array:
		s.chunk = chunk
	}
}

// bare finds a line that begins with an object: the vendor reports errors
// within a stream so.
func (s *source) bare(chunk []byte) int {
	if len(chunk) == 0 {
		return -1
	}
	if !s.midLine && chunk[0] == '{' {
		return 0
	}
	s.midLine = chunk[len(chunk)-1] != '\n'
	if i := bytes.Index(chunk, []byte("\n{")); i >= 0 {
		return i + 1
	}
	return -1
}

func (s *source) hold(chunk []byte) {
	room := maxDocument - len(s.buf)
	s.buf = append(s.buf, chunk[:min(room, len(chunk))]...)
	s.ended = len(chunk) > room
}

// next gives the next JSON text, valid until the next call.
func (s *source) next() ([]byte, bool) {
	for s.problem == "" {
		if s.form == array {
			return s.element()
		}
		ev, ok := s.framer.Next()
		if !ok {
			break
		}
		if data := bytes.TrimSpace(ev.Data); len(data) > 0 {
			return data, true
		}
	}
	if s.framer.Err() != nil {
		s.problem = "the provider sent an event that is too large"
	}
	return nil, false
}

// document is the JSON object that stands in place of events, once it is whole.
func (s *source) document() []byte {
	if s.form != document || len(s.buf) == 0 {
		return nil
	}
	if s.ended || bytes.IndexByte(s.buf, '}') >= 0 {
		w := scan.Over(s.buf)
		if doc := w.Value(); doc != nil {
			return doc
		}
	}
	if s.ended {
		s.problem = "the provider answered with JSON instead of a stream"
	}
	return nil
}

// end gives what the end of the stream completes: a last event that only lacks
// its empty line.
func (s *source) end() ([]byte, bool) {
	ev, ok := s.framer.End()
	data := bytes.TrimSpace(ev.Data)
	return data, ok && len(data) > 0 && scan.Validate(data) == nil
}

// element gives the array's next object.
func (s *source) element() ([]byte, bool) {
	if s.depth == 0 {
		s.buf = s.buf[:0]
	}
	for i, c := range s.chunk {
		if s.depth == 0 && c != '{' {
			if !s.between(c) {
				return nil, false
			}
			continue
		}
		s.buf = append(s.buf, c)
		if len(s.buf) > maxEvent {
			s.problem = "the provider sent an event that is too large"
			return nil, false
		}
		if s.within(c); s.depth == 0 {
			s.chunk = s.chunk[i+1:]
			return s.buf, true
		}
	}
	s.chunk = nil
	return nil, false
}

// between judges a byte between elements.
func (s *source) between(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n':
		return true
	case ',':
		if !s.ended {
			return true
		}
	case ']':
		if !s.ended {
			s.ended = true
			return true
		}
	}
	s.problem = "the provider sent a stream that is no JSON array of objects"
	return false
}

// within follows a byte of an element: where it ends is all that matters here.
func (s *source) within(c byte) {
	switch {
	case s.escaped:
		s.escaped = false
	case s.quoted:
		s.escaped, s.quoted = c == '\\', c != '"'
	case c == '"':
		s.quoted = true
	case c == '{' || c == '[':
		s.depth++
	case c == '}' || c == ']':
		s.depth--
	}
}
