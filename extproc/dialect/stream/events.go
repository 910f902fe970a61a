package stream

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// Decoder is the half of a Reader that knows the dialect.
type Decoder interface {
	// Event takes an event in, perhaps a DoneMarker; data is not empty, has no
	// white space around it and is only valid during the call.
	Event(name, data []byte)
	// Fail takes in what went wrong: the stream has ended, or an event was too
	// large.
	Fail(p *llm.Problem)
}

// Events brings a Decoder the events of a stream. The zero value is ready and
// has the framer's default limit.
type Events struct {
	// Done is set by the Decoder once a terminal event or an error has passed:
	// nothing follows then.
	Done   bool
	framer sse.Framer
}

// NewEvents has a limit of its own for the size of an event in bytes.
func NewEvents(limit int) Events { return Events{framer: sse.Framer{Limit: limit}} }

// Feed takes the next bytes of the stream and gives d the events they complete.
func (s *Events) Feed(d Decoder, chunk []byte) {
	if s.Done {
		return
	}
	s.framer.Feed(chunk)
	for ev, ok := s.framer.Next(); ok && !s.Done; ev, ok = s.framer.Next() {
		if data := bytes.TrimSpace(ev.Data); len(data) > 0 {
			d.Event(ev.Name, data)
		}
	}
	if err := s.framer.Err(); err != nil && !s.Done {
		s.Done = true
		d.Fail(&llm.Problem{Kind: llm.BadAnswer, Message: "the provider sent an event that is too large", Cause: err})
	}
}

// Close takes the end of the stream: a failure unless d was done with it.
func (s *Events) Close(d Decoder) {
	if s.Done {
		return
	}
	if name, data := last(&s.framer); data != nil {
		d.Event(name, data)
	}
	if !s.Done {
		s.Done = true
		d.Fail(dialect.BadAnswer("the provider ended the stream early"))
	}
}
