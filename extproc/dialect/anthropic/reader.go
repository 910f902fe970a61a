package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// reader implements dialect.Reader.
type reader struct {
	events stream.Events
	source source
}

func newReader() *reader {
	return &reader{source: newSource()}
}

func newSource() source { return source{native: &llm.Thought{Format: llm.FormatAnthropic}} }

func (r *reader) Feed(dst []llm.Event, chunk []byte) []llm.Event {
	r.source.out = dst
	r.events.Feed(r, chunk)
	return r.take()
}

func (r *reader) Close(dst []llm.Event) []llm.Event {
	r.source.out = dst
	r.events.Close(r)
	return r.take()
}

// take hands the events over; they are the caller's.
func (r *reader) take() []llm.Event {
	out := r.source.out
	r.source.out = nil
	return out
}

// Fail ends the events. What goes wrong behind the finish does no harm: the
// answer is whole.
func (r *reader) Fail(p *llm.Problem) {
	r.events.Done = true
	if !r.source.finished {
		r.source.emit(llm.Event{Kind: llm.Failed, Problem: p})
	}
}

// end is the terminal event: the answer is whole by the provider's word, so a
// finish it left out is supplied, unless there was no answer at all.
func (r *reader) end() {
	switch {
	case r.source.finished:
	case r.source.carried:
		r.source.finish("", "")
	default:
		r.Fail(dialect.BadAnswer("the provider's answer is empty"))
	}
	r.events.Done = true
}

// streamEvent are the members of an event of a stream.
type streamEvent struct {
	kind, message, block, delta, usage []byte
	index                              int64
	failed                             bool
	rest                               []llm.Member
}

func readEvent(data []byte) (ev streamEvent, err *scan.Error) {
	w := scan.Over(data)
	for ok := w.Object(); ok && w.Member(); {
		switch key := w.Key(); string(key) {
		case "type":
			ev.kind = w.Value()
		case "index":
			ev.index, _ = scan.Int(w.Value())
		case "message":
			ev.message = w.Value()
		case "content_block":
			ev.block = w.Value()
		case "delta":
			ev.delta = w.Value()
		case "usage":
			ev.usage = w.Value()
		case "error":
			ev.failed = dialect.IsError(w.Value())
		default:
			name := string(key)
			if value := w.Value(); !scan.IsNull(value) {
				ev.rest = append(ev.rest, llm.Member{Name: name, Value: value})
			}
		}
	}
	return ev, w.End()
}

func (r *reader) Event(name, data []byte) {
	if string(data) == stream.DoneMarker {
		r.end()
		return
	}
	m, err := readEvent(data)
	if err != nil || data[0] != '{' {
		r.Fail(dialect.BadAnswer("the provider sent an event that is not a JSON object"))
		return
	}
	kind := members.Unquoted(m.kind)
	if kind == nil {
		kind = name
	}
	if m.failed || string(kind) == "error" {
		r.Fail(DecodeError(0, nil, data))
		return
	}
	if p := r.step(string(kind), &m); p != nil {
		r.Fail(p)
	}
}

// step takes an event in. Kinds unknown here are passed over, as the API's
// versioning policy asks of clients.
func (r *reader) step(kind string, m *streamEvent) *llm.Problem {
	s := &r.source
	if s.finished && kind != "message_delta" && kind != "message_stop" {
		return nil
	}
	switch kind {
	case "message_start":
		s.message(m.message)
	case "content_block_start":
		return s.start(m.index, m.block)
	case "content_block_delta":
		s.begin()
		return s.delta(m.index, m.delta)
	case "content_block_stop":
		s.stop(m.index)
	case "message_delta":
		s.messageDelta(m)
	case "message_stop":
		r.end()
	case "ping":
		if s.started {
			s.emit(llm.Event{Kind: llm.Ping})
		}
	}
	return nil
}

func (s *source) messageDelta(m *streamEvent) {
	var word, sequence []byte
	w := scan.Over(m.delta)
	for ok := w.Object(); ok && w.Member(); {
		switch key := w.Key(); string(key) {
		case "stop_reason":
			word = w.Value()
		case "stop_sequence":
			sequence = w.Value()
		default:
			name := string(key)
			if value := w.Value(); !scan.IsNull(value) {
				m.rest = append(m.rest, llm.Member{Name: name, Value: value})
			}
		}
	}
	s.begin()
	s.usage(m.usage)
	for _, x := range m.rest {
		s.emitExtra(x.Name, x.Value, -1, 0)
	}
	if reason, _ := scan.Text(word); reason != "" && !s.finished {
		text, _ := scan.Text(sequence)
		s.finish(reason, text)
	}
}

// DecodeAnswer reads a JSON answer as the events that a stream of it carries.
func DecodeAnswer(body []byte) ([]llm.Event, *llm.Problem) {
	if p := CheckAnswer(body, true); p != nil {
		return nil, p
	}
	s := newSource()
	var content, word, sequence []byte
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "content":
			content = w.Value()
		case "stop_reason":
			word = w.Value()
		case "stop_sequence":
			sequence = w.Value()
		}
	}
	s.message(body)
	w = scan.Over(content)
	for i, ok := int64(0), w.Array(); ok && w.Element(); i++ {
		if p := s.start(i, w.Value()); p != nil {
			return nil, p
		}
		s.stop(i)
	}
	reason, _ := scan.Text(word)
	text, _ := scan.Text(sequence)
	s.finish(reason, text)
	return s.out, nil
}
