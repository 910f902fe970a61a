package extproc

import (
	"bytes"
	"net/http"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// action is what becomes of a held answer.
type action uint8

const (
	keepHolding action = iota
	leaveIt            // commit; Envoy passes the rest as it comes
	replaceIt          // commit; out replaces what came so far
	failOver           // the next target, please
	passProblem        // the client's own problem, in its dialect
	breakOff           // committed and beyond repair: reset the stream
)

// ruling is a watch's decision after the bytes it was fed.
type ruling struct {
	do      action
	outcome chain.Outcome
	out     []byte
	last    bool // nothing follows
	// usage is what a whole answer says it used, and finish why it ended; nil
	// where only the guard sees its end.
	usage  *llm.Usage
	finish llm.FinishReason
	// broke is why an answer broke off that is committed, None if it did not;
	// partial: usage is not what the provider said at the end.
	broke   chain.Reason
	partial bool
}

func failed(p *llm.Problem) ruling {
	return ruling{do: failOver, outcome: chain.Outcome{Status: http.StatusOK, Problem: p}}
}

// watch judges an answer while it comes. Watches are pure: bytes in, rulings
// out.
type watch interface {
	feed(chunk []byte, end bool) ruling
}

var (
	_ watch = (*leaveWatch)(nil)
	_ watch = (*translateWatch)(nil)
	_ watch = (*answerWatch)(nil)
	_ watch = (*errorWatch)(nil)
)

// leaveWatch waits for the first content event of a stream in the client's own
// dialect.
type leaveWatch struct {
	probe dialect.Probe
	codec *dialect.Codec
	size  int
	// said is what the beginning says of usage: should the stream break off, it is
	// all there is. head is that beginning, if it came in pieces.
	said *llm.Usage
	head []byte
}

func (w *leaveWatch) feed(chunk []byte, end bool) ruling {
	w.size += len(chunk)
	w.count(chunk)
	seen, p := w.probe.Feed(chunk)
	if seen == dialect.Prelude && end {
		seen, p = w.probe.Close()
	}
	switch {
	case seen == dialect.Content:
		return ruling{do: leaveIt}
	case seen != dialect.Prelude:
		r := failed(p)
		r.outcome.Empty = end && w.size == 0
		return r
	case w.size > holdLimit:
		return ruling{do: leaveIt}
	default:
		return ruling{}
	}
}

// headLimit is how much of a beginning in pieces is looked at for usage.
const headLimit = 8 << 10

// count looks for usage in a beginning that goes on with chunk.
func (w *leaveWatch) count(chunk []byte) {
	name := counted[w.codec.Name]
	if name == nil || w.said != nil || len(w.head) > headLimit {
		return
	}
	if len(w.head) > 0 {
		w.head = append(w.head, chunk...)
		chunk = w.head
	}
	if w.said = usageIn(w.codec, name, chunk); w.said == nil && len(w.head) == 0 {
		w.head = append(w.head, chunk...)
	}
}

// counted are the members in which the first events of some dialects' streams
// count the input.
var counted = map[llm.Dialect][]byte{llm.Anthropic: []byte(`"usage":`), llm.Gemini: []byte(`"usageMetadata":`)}

// usageIn is what part of a stream says of usage, nil if nothing.
func usageIn(c *dialect.Codec, name, text []byte) *llm.Usage {
	at := bytes.LastIndex(text, name)
	if at < 0 {
		return nil
	}
	w := scan.Over(text[at+len(name):])
	raw := w.Value()
	if raw == nil {
		return nil
	}
	return c.DecodeUsage(raw)
}

// translateWatch turns a stream into the client's dialect, event by event.
type translateWatch struct {
	reader    dialect.Reader
	writer    dialect.Writer
	redact    func([]byte) []byte // what a provider says of an error
	events    []llm.Event
	out       []byte // written while held
	size      int
	committed bool
	usage     llm.Usage
	finish    llm.FinishReason
	broke     chain.Reason
}

func (w *translateWatch) feed(chunk []byte, end bool) ruling {
	w.size += len(chunk)
	w.events = w.reader.Feed(w.events[:0], chunk)
	fed := len(w.events)
	if end {
		w.events = w.reader.Close(w.events)
	}
	out := w.out
	if w.committed {
		// The last reply may still be on its way: its bytes are not ours.
		out = make([]byte, 0, 2*len(chunk)+64)
	}
	for i := range w.events {
		ev := &w.events[i]
		if !w.committed && ev.Kind == llm.Failed {
			return failed(ev.Problem)
		}
		w.committed = w.committed || ev.Carries()
		if ev.Usage != nil {
			w.usage.Merge(*ev.Usage)
		}
		switch {
		case ev.Kind == llm.Finish:
			w.finish = ev.Reason
		case ev.Kind == llm.Failed && i < fed:
			w.broke = chain.BrokenError
		case ev.Kind == llm.Failed:
			w.broke = chain.BrokenEnd
		}
		from := len(out)
		if out = w.writer.Write(out, *ev); ev.Kind == llm.Failed {
			out = append(out[:from], w.redact(out[from:])...)
		}
	}
	if end {
		out = w.writer.Close(out)
	}
	if w.committed = w.committed || w.size > holdLimit; !w.committed {
		w.out = out
		return ruling{}
	}
	w.out = nil
	r := ruling{do: replaceIt, out: out, last: end, broke: w.broke}
	if end {
		r.usage, r.finish, r.partial = &w.usage, w.finish, w.broke != chain.None
	}
	return r
}

// maxAnswer bounds a JSON answer that must be translated as a whole.
const maxAnswer = 64 << 20

// answerWatch judges a JSON answer: a small one when it is whole, a large one
// by its beginning.
type answerWatch struct {
	codec, client *dialect.Codec
	reply         dialect.Reply
	translate     bool
	stream        bool // a stream was asked for
	// input is what headers count, for an answer that does not.
	input     llm.Opt[llm.Tokens]
	buf       []byte
	committed bool
}

func (w *answerWatch) feed(chunk []byte, end bool) ruling {
	if len(w.buf)+len(chunk) > maxAnswer {
		return ruling{do: breakOff, broke: chain.BrokenError}
	}
	w.buf = append(w.buf, chunk...)
	switch {
	case end:
		return w.whole()
	case w.committed:
		return ruling{do: replaceIt}
	case len(w.buf) <= holdLimit:
		return ruling{}
	}
	if p := w.codec.CheckAnswer(w.buf, false); p != nil {
		return failed(p)
	}
	if w.stream {
		return failed(&llm.Problem{Kind: llm.BadAnswer, Message: "the provider answered JSON where a stream was asked for"})
	}
	if !w.translate {
		return ruling{do: leaveIt}
	}
	w.committed = true
	return ruling{do: replaceIt}
}

func (w *answerWatch) whole() ruling {
	p := w.codec.CheckAnswer(w.buf, true)
	if p == nil && w.stream {
		p = &llm.Problem{Kind: llm.BadAnswer, Message: "the provider answered JSON where a stream was asked for"}
	}
	var events []llm.Event
	if p == nil && w.translate {
		events, p = w.codec.DecodeAnswer(w.buf)
	}
	switch {
	case p != nil && w.committed:
		return ruling{do: breakOff, broke: chain.BrokenError}
	case p != nil:
		r := failed(p)
		r.outcome.Empty = len(w.buf) == 0
		return r
	}
	usage := w.codec.DecodeUsage(w.codec.FindUsage(w.buf))
	if usage == nil && w.input.Set() {
		usage = &llm.Usage{Input: w.input}
		events = append(events, llm.Event{Kind: llm.UsageUpdate, Usage: usage})
	}
	if !w.translate {
		return ruling{do: leaveIt, usage: usage, finish: w.codec.FinishOf(w.buf)}
	}
	return ruling{do: replaceIt, out: w.client.EncodeAnswer(nil, events, w.reply), last: true, usage: usage, finish: finishIn(events)}
}

// finishIn is why the last choice of an answer ended.
func finishIn(events []llm.Event) (reason llm.FinishReason) {
	for i := range events {
		if events[i].Kind == llm.Finish {
			reason = events[i].Reason
		}
	}
	return reason
}

// errorWatch reads an error answer and judges whose problem it is.
type errorWatch struct {
	codec     *dialect.Codec
	status    int
	header    http.Header
	onRefusal bool
	buf       []byte
}

func (w *errorWatch) feed(chunk []byte, end bool) ruling {
	w.buf = append(w.buf, chunk...)
	if !end && len(w.buf) <= holdLimit {
		return ruling{}
	}
	p := w.codec.DecodeError(w.status, w.header, w.buf)
	o := chain.Outcome{Status: w.status, Problem: p, OnRefusal: w.onRefusal}
	if _, next := chain.Classify(o); next {
		return ruling{do: failOver, outcome: o}
	}
	return ruling{do: passProblem, outcome: o}
}
