package gemini

import (
	"bytes"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// answer turns chunks, or one whole answer, into events. Both have the same
// shape.
type answer struct {
	out     []llm.Event
	started bool
	id      string
	choices []choice
	usage   []byte     // as last seen
	tops    llm.Extras // top-level extras as last seen
}

type choice struct {
	index    int32
	calls    int32 // begun so far
	texts    int32 // blocks of text that a signature has ended
	thoughts int32 // and of reasoning
	finished bool
	extras   llm.Extras // as last seen
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

func (a *answer) choice(index int32) *choice {
	for i := range a.choices {
		if a.choices[i].index == index {
			return &a.choices[i]
		}
	}
	a.choices = append(a.choices, choice{index: index})
	return &a.choices[len(a.choices)-1]
}

// read takes one chunk or one whole answer. Its members may stand in any order;
// events have a fixed one, usage first, so that a client's dialect that opens
// with it can.
func (a *answer) read(doc []byte) *llm.Problem {
	var id, model, created, candidates, usage, feedback []byte
	failed, known := false, len(a.tops)
	w := scan.Over(doc)
	if !w.Object() {
		return dialect.BadAnswer("the provider sent an event that is not a JSON object")
	}
	for w.Member() {
		switch key := w.Key(); string(key) {
		case "responseId":
			id = w.Value()
		case "modelVersion":
			model = w.Value()
		case "createTime":
			created = w.Value()
		case "candidates":
			candidates = w.Value()
		case "usageMetadata":
			usage = w.Value()
		case "error":
			failed = dialect.IsError(w.Value()) || failed
		case "promptFeedback":
			feedback = w.Value()
			a.top(key, feedback)
		default:
			a.top(key, w.Value())
		}
	}
	if err := w.End(); err != nil {
		return dialect.BadAnswer("the provider sent broken JSON: " + err.Error())
	}
	if failed {
		return DecodeError(0, nil, doc)
	}
	if !a.started {
		a.start(id, model, created)
		known = 0
	}
	for i := range a.tops[known:] {
		x := a.tops[known+i]
		a.emit(llm.Event{Kind: llm.ExtraEvent, Choice: -1, Extra: &x})
	}
	a.report(usage)
	if p := a.candidates(candidates); p != nil {
		return p
	}
	a.blocked(feedback)
	return nil
}

func (a *answer) start(id, model, created []byte) {
	ev := llm.Event{Kind: llm.Start}
	ev.ID, _ = scan.Text(id)
	ev.Name, _ = scan.Text(model)
	if text, ok := scan.Text(created); ok {
		if at, err := time.Parse(time.RFC3339, text); err == nil && at.Unix() > 0 {
			ev.Created = at.Unix()
		}
	}
	a.started, a.id = true, ev.ID
	a.emit(ev)
}

// report sends usage unless it repeats what the last chunk said.
func (a *answer) report(raw []byte) {
	if len(raw) == 0 || bytes.Equal(raw, a.usage) {
		return
	}
	a.usage = append(a.usage[:0], raw...)
	if u := decodeUsage(raw); u != nil {
		a.emit(llm.Event{Kind: llm.UsageUpdate, Usage: u})
	}
}

// maxKept bounds how many extras of an answer or a choice are remembered.
const maxKept = 32

// note remembers an extra; changed tells that an earlier one of its name had
// another value, added that there was none.
func note(list llm.Extras, x llm.Extra) (out llm.Extras, changed, added bool) {
	for i := range list {
		if list[i].Name == x.Name {
			changed = !bytes.Equal(list[i].Value, x.Value)
			list[i] = x
			return list, changed, false
		}
	}
	if len(list) == maxKept {
		return list, false, false
	}
	return append(list, x), false, true
}

// top notes an extra of the whole answer. Streams repeat them in each chunk:
// only the first and changed ones become events.
func (a *answer) top(key, value []byte) {
	if scan.IsNull(value) {
		return
	}
	x := extra(string(key), value)
	var changed bool
	if a.tops, changed, _ = note(a.tops, x); changed && a.started {
		a.emit(llm.Event{Kind: llm.ExtraEvent, Choice: -1, Extra: &x})
	}
}

// blocked finishes an answer whose prompt was blocked: it has no candidates.
func (a *answer) blocked(feedback []byte) {
	reason, _ := scan.Text(members.Find(feedback, "blockReason"))
	if reason == "" || len(a.choices) > 0 {
		return
	}
	c := a.choice(0)
	c.finished = true
	a.emit(llm.Event{Kind: llm.Finish, Reason: llm.FinishFilter, Name: reason})
}
