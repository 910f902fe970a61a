package bedrock

import (
	"errors"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// reader implements dialect.Reader. A stream that begins with '{' is a JSON
// document: an error in place of the stream.
type reader struct {
	framer framer
	answer answer
	begun  bool
	isJSON bool
	json   []byte
	done   bool
	broken bool // the bytes are no event stream
}

// maxDocument is how much of a JSON document in place of a stream is kept.
const maxDocument = 16 << 10

func (r *reader) Feed(dst []llm.Event, chunk []byte) []llm.Event {
	if r.done || len(chunk) == 0 {
		return dst
	}
	if !r.begun {
		r.begun, r.isJSON = true, chunk[0] == '{'
	}
	if r.isJSON {
		r.json = append(r.json, chunk[:min(len(chunk), maxDocument-len(r.json))]...)
		return dst
	}
	r.answer.out = dst
	r.framer.feed(chunk)
	for fr, ok := r.framer.next(); ok && !r.done; fr, ok = r.framer.next() {
		r.frame(fr)
	}
	if err := r.framer.err; err != nil && !r.done {
		r.broken = true
		r.fail(&llm.Problem{Kind: llm.BadAnswer, Message: "the provider's answer is not an event stream", Cause: err})
	}
	return r.take()
}

func (r *reader) Close(dst []llm.Event) []llm.Event {
	if r.done {
		return dst
	}
	r.answer.out = dst
	if r.isJSON {
		r.fail(documentProblem(r.json))
		return r.take()
	}
	if fr, ok := r.framer.last(); ok && scan.Validate(fr.payload) == nil {
		r.frame(fr)
	}
	if !r.done {
		r.fail(dialect.BadAnswer("the provider ended the stream early"))
	}
	return r.take()
}

// documentProblem is what a JSON document in place of a stream means.
func documentProblem(raw []byte) *llm.Problem {
	if isError(raw) {
		return DecodeError(0, nil, raw)
	}
	return dialect.BadAnswer("the provider answered with JSON instead of a stream")
}

// take hands the events over; they are the caller's.
func (r *reader) take() []llm.Event {
	out := r.answer.out
	r.answer.out = nil
	return out
}

// fail ends the events. What goes wrong behind the finish does no harm: the
// answer is whole.
func (r *reader) fail(p *llm.Problem) {
	r.done = true
	if !r.answer.finished {
		r.answer.emit(llm.Event{Kind: llm.Failed, Problem: p})
	}
}

func (r *reader) frame(fr frame) {
	switch string(fr.messageType) {
	case "exception":
		r.fail(exception(string(fr.exceptionType), fr.payload))
	case "error": // one that Converse does not declare
		p := exception(string(fr.errorCode), fr.payload)
		if len(fr.errorMessage) > 0 {
			p.Cause = errors.Join(p.Cause, errors.New("provider: "+string(fr.errorMessage)))
		}
		r.fail(p)
	default:
		if p := r.answer.event(string(fr.eventType), fr.payload); p != nil {
			r.fail(p)
		}
	}
}
