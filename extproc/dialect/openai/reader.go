package openai

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// reader implements dialect.Reader.
type reader struct {
	events stream.Events
	answer answer
}

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

// Fail ends the events. What goes wrong behind the last finish does no harm:
// the answer is whole.
func (r *reader) Fail(p *llm.Problem) {
	r.events.Done = true
	if r.answer.whole() {
		return
	}
	r.answer.emit(llm.Event{Kind: llm.Failed, Problem: p})
}

func (r *reader) Event(name, data []byte) {
	switch {
	case string(data) == stream.DoneMarker:
		r.end()
		return
	case string(name) == "error":
		r.Fail(DecodeError(0, nil, data))
		return
	}
	if p := r.answer.read(data); p != nil {
		r.Fail(p)
	}
}

// end is the end marker: the answer is whole by the provider's word, so a
// finish it left out is supplied, unless there was no answer at all.
func (r *reader) end() {
	r.events.Done = true
	if r.answer.whole() {
		return
	}
	if !r.answer.supplyFinish() {
		r.Fail(dialect.BadAnswer("the provider's answer is empty"))
	}
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
	if !a.whole() {
		a.closeAll()
	}
	return a.out, nil
}

// answer turns chunks, or one whole answer, into events. Both have the same
// shape but for delta and message.
type answer struct {
	out     []llm.Event
	started bool
	id      string
	choices []choice
	tops    llm.Extras // top-level extras as last seen
}

type choice struct {
	index    int32
	calls    []call
	started  int32 // of the calls
	carried  bool  // content has passed
	calledBy bool  // a legacy function_call has passed
	finished bool
}

func (a *answer) emit(ev llm.Event) { a.out = append(a.out, ev) }

// whole tells whether every choice has finished.
func (a *answer) whole() bool {
	for i := range a.choices {
		if !a.choices[i].finished {
			return false
		}
	}
	return len(a.choices) > 0
}

// supplyFinish finishes choices that have content; false if one has none.
func (a *answer) supplyFinish() bool {
	for i := range a.choices {
		if c := &a.choices[i]; !c.finished && !c.carried {
			return false
		}
	}
	a.closeAll()
	return len(a.choices) > 0
}

func (a *answer) closeAll() {
	for i := range a.choices {
		if c := &a.choices[i]; !c.finished {
			a.finish(c, "")
		}
	}
}

func (a *answer) choice(index int32) *choice {
	for i := range a.choices {
		if a.choices[i].index == index {
			return &a.choices[i]
		}
	}
	a.choices = append(a.choices, choice{index: index})
	return &a.choices[len(a.choices)-1]
}

// read takes one chunk or one whole answer. Its members may stand in any
// order; events have a fixed one.
func (a *answer) read(data []byte) *llm.Problem {
	var id, model, created, choices, usage, groq []byte
	failed, known := false, len(a.tops)
	w := scan.Over(data)
	if !w.Object() {
		return dialect.BadAnswer("the provider sent an event that is not a JSON object")
	}
	for w.Member() {
		switch key := w.Key(); string(key) {
		case "id":
			id = w.Value()
		case "model":
			model = w.Value()
		case "created":
			created = w.Value()
		case "choices":
			choices = w.Value()
		case "usage":
			usage = w.Value()
		case "error":
			failed = dialect.IsError(w.Value()) || failed
		case "object", "obfuscation":
		default:
			value := w.Value()
			if string(key) == "x_groq" {
				groq = value
			}
			a.top(key, value)
		}
	}
	if err := w.End(); err != nil {
		return dialect.BadAnswer("the provider sent broken JSON: " + err.Error())
	}
	if failed {
		return DecodeError(0, nil, data)
	}
	if !a.started && (filled(id) || filled(choices)) {
		a.start(id, model, created)
		known = 0
	}
	if a.started {
		a.extras(known)
	}
	if p := a.readChoices(choices); p != nil {
		return p
	}
	if scan.IsNull(usage) {
		usage = members.Find(groq, "usage") // which is where Groq's streams carry it
	}
	a.usage(usage)
	return nil
}

func (a *answer) start(id, model, created []byte) {
	ev := llm.Event{Kind: llm.Start}
	ev.ID, _ = scan.Text(id)
	ev.Name, _ = scan.Text(model)
	ev.Created, _ = scan.Int(created)
	a.started, a.id = true, ev.ID
	a.emit(ev)
}

// maxTops bounds how many top-level members of a stream are remembered.
const maxTops = 32

// top notes an extra of the whole answer. Streams repeat them in each chunk:
// only the first and changed ones become events.
func (a *answer) top(key, value []byte) {
	if scan.IsNull(value) {
		return
	}
	for i := range a.tops {
		if a.tops[i].Name == string(key) {
			if !bytes.Equal(a.tops[i].Value, value) {
				a.tops[i] = extra(string(key), value)
				if a.started {
					a.emitExtra(a.tops[i], -1)
				}
			}
			return
		}
	}
	if len(a.tops) < maxTops {
		a.tops = append(a.tops, extra(string(key), value))
	}
}

// extras sends the top-level extras from a place in the list on.
func (a *answer) extras(from int) {
	for _, x := range a.tops[from:] {
		a.emitExtra(x, -1)
	}
}

func (a *answer) emitExtra(x llm.Extra, choice int32) {
	a.emit(llm.Event{Kind: llm.ExtraEvent, Choice: choice, Extra: &x})
}

func (a *answer) usage(raw []byte) {
	if u := DecodeUsage(raw); u != nil {
		a.emit(llm.Event{Kind: llm.UsageUpdate, Usage: u})
	}
}
