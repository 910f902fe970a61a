package bedrock

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// answer turns the events of a stream, or one whole answer, into ours.
type answer struct {
	out      []llm.Event
	started  bool
	finished bool
	calls    int32   // the client's; the emulation's own does not count
	blocks   []block // that are open
	block    *block  // the one that events are read for; it lies in blocks
}

// Bounds of a stream.
const (
	maxCalls = 1024
	maxIndex = 1 << 16
)

func (a *answer) emit(ev llm.Event) { a.out = append(a.out, ev) }

func (a *answer) start() {
	if !a.started {
		a.started = true
		a.emit(llm.Event{Kind: llm.Start})
	}
}

// event reads one event of a stream; unknown ones are passed over.
func (a *answer) event(name string, payload []byte) *llm.Problem {
	switch name {
	case "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata":
	default:
		return nil
	}
	if err := scan.Validate(payload); err != nil || scan.KindOf(bytes.TrimLeft(payload, " \t\r\n")) != scan.Object {
		return dialect.BadAnswer("the provider sent an event that is not a JSON object")
	}
	switch name {
	case "messageStart":
		a.start()
	case "contentBlockStart", "contentBlockDelta", "contentBlockStop":
		if a.finished {
			return nil
		}
		a.start()
		return a.blockEvent(name, payload)
	case "messageStop":
		a.start()
		a.stop(payload)
	default:
		a.start()
		a.rest(payload)
	}
	return nil
}

func (a *answer) blockEvent(name string, payload []byte) *llm.Problem {
	var (
		index          int64
		opening, delta []byte
	)
	w := scan.Over(payload)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "contentBlockIndex":
			index, _ = scan.Int(w.Value())
		case "start":
			opening = w.Value()
		case "delta":
			delta = w.Value()
		}
	}
	if index < 0 || index > maxIndex {
		return dialect.BadAnswer("the provider sent a content block with an index out of bounds")
	}
	if name == "contentBlockStop" {
		a.closeBlocks(func(b *block) bool { return int64(b.index) == index })
		return nil
	}
	if p := a.at(int32(index), name == "contentBlockStart"); p != nil {
		return p
	}
	if p := a.opening(opening); p != nil {
		return p
	}
	return a.delta(delta)
}

// stop reads messageStop.
func (a *answer) stop(payload []byte) {
	if a.finished {
		return
	}
	var reason, sequence []byte
	w := scan.Over(payload)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "stopReason":
			reason = w.Value()
		case "additionalModelResponseFields":
			value := w.Value()
			sequence = stopSequence(value)
			a.extra("additionalModelResponseFields", value)
		}
	}
	a.finish(reason, sequence)
}

func (a *answer) extra(name string, value []byte) {
	if !scan.IsNull(value) {
		a.emit(llm.Event{Kind: llm.ExtraEvent, Choice: -1, Extra: extra(name, value)})
	}
}

// stopSequence finds what Claude says of the stop sequence it met.
func stopSequence(fields []byte) (sequence []byte) {
	w := scan.Over(fields)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "stop_sequence" {
			sequence = w.Value()
		}
	}
	return sequence
}

// finishReasons are the words of Converse, and those of Claude's that it may
// pass on.
var finishReasons = map[string]llm.FinishReason{
	"end_turn":                      llm.FinishStop,
	"stop_sequence":                 llm.FinishStop,
	"tool_use":                      llm.FinishToolCalls,
	"max_tokens":                    llm.FinishLength,
	"model_context_window_exceeded": llm.FinishLength,
	"guardrail_intervened":          llm.FinishFilter,
	"content_filtered":              llm.FinishFilter,
	"malformed_model_output":        llm.FinishError,
	"malformed_tool_use":            llm.FinishError,
	"refusal":                       llm.FinishRefusal,
	"pause_turn":                    llm.FinishPause,
}

func (a *answer) finish(reason, sequence []byte) {
	a.closeBlocks(every)
	a.finished = true
	word, _ := scan.Text(reason)
	met, _ := scan.Text(sequence)
	is, known := finishReasons[word]
	switch {
	case a.calls > 0 && (word == "" || is == llm.FinishStop):
		is = llm.FinishToolCalls
	case a.calls == 0 && (word == "" || is == llm.FinishToolCalls):
		is = llm.FinishStop
	case !known:
		is = llm.FinishOther
	}
	a.emit(llm.Event{Kind: llm.Finish, Reason: is, Name: word, Text: met})
}

// rest reads what stands beside the message: metadata in a stream, the top
// level of an answer.
func (a *answer) rest(raw []byte) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		switch name := string(w.Key()); name {
		case "usage":
			if u := DecodeUsage(w.Value()); u != nil {
				a.emit(llm.Event{Kind: llm.UsageUpdate, Usage: u})
			}
		case "trace", "serviceTier", "performanceConfig":
			a.extra(name, w.Value())
		}
	}
}

// DecodeAnswer reads a JSON answer as the events that a stream of it carries.
func DecodeAnswer(body []byte) ([]llm.Event, *llm.Problem) {
	if p := CheckAnswer(body, true); p != nil {
		return nil, p
	}
	var (
		a                         answer
		message, reason, sequence []byte
		w                         = scan.Over(body)
	)
	a.start()
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "output":
			message = members.Find(w.Value(), "message")
		case "stopReason":
			reason = w.Value()
		case "additionalModelResponseFields":
			value := w.Value()
			sequence = stopSequence(value)
			a.extra("additionalModelResponseFields", value)
		}
	}
	blocks := scan.Over(members.Find(message, "content"))
	ok := blocks.Array()
	for i := 0; ok && blocks.Element(); i++ {
		a.closeBlocks(every)
		if p := a.at(int32(min(i, maxIndex)), true); p != nil {
			return nil, p
		}
		if p := a.wholeBlock(blocks.Value()); p != nil {
			return nil, p
		}
	}
	a.finish(reason, sequence)
	a.rest(body)
	return a.out, nil
}

// CheckAnswer judges a JSON answer with status 200.
func CheckAnswer(body []byte, complete bool) *llm.Problem {
	if p := dialect.CheckObject(body, complete); p != nil || !complete {
		return p
	}
	message := members.Find(members.Find(body, "output"), "message")
	switch {
	case scan.KindOf(members.Find(message, "content")) == scan.Array:
		return nil
	case isError(body):
		return DecodeError(0, nil, body)
	}
	return dialect.BadAnswer("the provider's answer has no message")
}

// isSchemaTool tells whether a call is the emulation of structured output.
func isSchemaTool(name string) bool { return name == dialect.SchemaTool }
