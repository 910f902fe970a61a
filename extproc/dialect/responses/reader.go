package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// reader implements dialect.Reader.
type reader struct {
	events stream.Events
	answer answer
}

func newReader() *reader { return &reader{events: stream.NewEvents(maxEvent)} }

func (r *reader) Feed(dst []llm.Event, chunk []byte) []llm.Event {
	r.answer.out = dst
	r.events.Feed(r, chunk)
	return r.take()
}

func (r *reader) Close(dst []llm.Event) []llm.Event {
	r.answer.out = dst
	r.events.Close(r)
	return r.take()
}

// take hands the events over; they are the caller's.
func (r *reader) take() []llm.Event {
	out := r.answer.out
	r.answer.out = nil
	return out
}

func (r *reader) Fail(p *llm.Problem) {
	r.events.Done = true
	r.answer.emit(llm.Event{Kind: llm.Failed, Problem: p})
}

func (r *reader) Event(name, data []byte) {
	if string(data) == stream.DoneMarker { // of compatible providers; this API has none
		return
	}
	var m packet
	if p := m.read(name, data); p != nil {
		r.Fail(p)
		return
	}
	switch string(m.kind) {
	case "error":
		r.Fail(openai.DecodeError(0, nil, data))
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		r.end(&m)
	default:
		if dialect.IsError(m.failure) && len(m.kind) == 0 {
			r.Fail(openai.DecodeError(0, nil, data))
			return
		}
		if p := r.answer.packet(&m); p != nil {
			r.Fail(p)
		}
	}
}

// end is the terminal event: what the stream left out stands in its response.
func (r *reader) end(m *packet) {
	p := failedResponse(m.kind, m.response)
	if p == nil {
		p = r.answer.response(m.response, string(m.kind) == "response.incomplete")
	} else {
		r.answer.usage(openai.FindUsage(m.response))
	}
	if r.events.Done = true; p != nil {
		r.Fail(p)
	}
}

// packet holds the members of a stream's event, raw. Which of them are there
// follows from its kind.
type packet struct {
	kind          []byte // without quotes
	id            []byte // of the item
	output, part  int64  // output_index, content_index or summary_index; -1 = unsaid
	delta         []byte
	whole         []byte // of a done event: text, arguments, input or refusal
	item, content []byte // item and part
	response      []byte
	probs         []byte
	failure       []byte
}

// read takes an event apart. Its kind is the member type; the name of the
// server-sent event stands in where a provider leaves it out.
func (m *packet) read(name, data []byte) *llm.Problem {
	m.output, m.part = -1, -1
	w := scan.Over(data)
	if !w.Object() {
		return dialect.BadAnswer("the provider sent an event that is not a JSON object")
	}
	for w.Member() {
		switch string(w.Key()) {
		case "type":
			m.kind = members.Unquoted(w.Value())
		case "item_id":
			m.id = members.Unquoted(w.Value())
		case "output_index":
			m.output = index(w.Value())
		case "content_index", "summary_index":
			m.part = index(w.Value())
		case "delta":
			m.delta = w.Value()
		case "text", "arguments", "input", "refusal":
			m.whole = w.Value()
		case "item":
			m.item = w.Value()
		case "part":
			m.content = w.Value()
		case "response":
			m.response = w.Value()
		case "logprobs":
			m.probs = w.Value()
		case "error":
			m.failure = w.Value()
		}
	}
	if err := w.End(); err != nil {
		return dialect.BadAnswer("the provider sent broken JSON: " + err.Error())
	}
	if len(m.kind) == 0 {
		m.kind = name
	}
	return nil
}

// index reads an index; -1 if it is none.
func index(raw []byte) int64 {
	n, ok := scan.Int(raw)
	if !ok || n < 0 {
		return -1
	}
	return n
}
