package gemini

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// reader implements dialect.Reader.
type reader struct {
	source source
	answer answer
	done   bool // an error has passed
}

func (r *reader) Feed(dst []llm.Event, chunk []byte) []llm.Event {
	if r.done {
		return dst
	}
	r.answer.out = dst
	r.source.feed(chunk)
	for doc, ok := r.source.next(); ok && !r.done; doc, ok = r.source.next() {
		r.read(doc)
	}
	if doc := r.source.document(); doc != nil && !r.done {
		r.fail(documentProblem(doc))
	}
	if r.source.problem != "" && !r.done {
		r.fail(dialect.BadAnswer(r.source.problem))
	}
	return r.take()
}

func (r *reader) Close(dst []llm.Event) []llm.Event {
	r.answer.out = dst
	if !r.done {
		if doc, ok := r.source.end(); ok {
			r.read(doc)
		}
	}
	if !r.done {
		r.fail(dialect.BadAnswer("the provider ended the stream early"))
	}
	r.done = true
	return r.take()
}

// take hands the events over; they are the caller's.
func (r *reader) take() []llm.Event {
	out := r.answer.out
	r.answer.out = nil
	return out
}

// fail ends the events. What goes wrong behind the last finish does no harm:
// the answer is whole.
func (r *reader) fail(p *llm.Problem) {
	r.done = true
	if !r.answer.whole() {
		r.answer.emit(llm.Event{Kind: llm.Failed, Problem: p})
	}
}

func (r *reader) read(doc []byte) {
	if string(doc) == stream.DoneMarker { // of compatible providers; the vendor has none
		return
	}
	if p := r.answer.read(doc); p != nil {
		r.fail(p)
	}
}

// documentProblem is what a JSON object in place of events means.
func documentProblem(doc []byte) *llm.Problem {
	if dialect.IsErrorDocument(doc) {
		return DecodeError(0, nil, doc)
	}
	return dialect.BadAnswer("the provider answered with JSON instead of a stream")
}

// DecodeAnswer reads a JSON answer as the events that a stream of it carries.
func DecodeAnswer(body []byte) ([]llm.Event, *llm.Problem) {
	if p := CheckAnswer(body, true); p != nil {
		return nil, p
	}
	var a answer
	if p := a.read(bytes.TrimSpace(body)); p != nil {
		return nil, p
	}
	for i := range a.choices {
		if c := &a.choices[i]; !c.finished {
			a.finish(c, "")
		}
	}
	return a.out, nil
}
