package responses

import (
	"bytes"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// maxKept bounds what a writer keeps of an answer for its done events and the
// terminal one, which repeat it. An answer beyond that fails.
const maxKept = 32 << 20

// writer implements dialect.Writer. One message or reasoning item is open at a
// time; calls stay open until the end, because pieces of their arguments may
// still interleave.
type writer struct {
	object   // of the event in the making, in the caller's buffer
	reply    dialect.Reply
	silent   bool // nothing is written: the output is all that matters
	sequence int64
	created  int64
	begun    bool // response.created is out

	current *openItem
	calls   []*openItem
	output  [][]byte // items that are done, by output index
	kept    int

	usage    llm.Usage
	tier     llm.Raw
	finish   llm.Event
	finished bool
	closed   bool         // the terminal event is out
	failure  *llm.Problem // why a JSON answer failed
}

func newWriter(r dialect.Reply) *writer { return &writer{reply: r, created: r.Created} }

func (w *writer) Write(dst []byte, ev llm.Event) []byte {
	if w.closed {
		return dst
	}
	w.B = dst
	switch {
	case ev.Kind == llm.Start:
		if ev.Created != 0 {
			w.created = ev.Created
		}
		w.start()
	case ev.Kind == llm.UsageUpdate:
		if ev.Usage != nil {
			w.usage.Merge(*ev.Usage)
		}
	case ev.Kind == llm.Ping:
		return sse.AppendComment(dst, "ping")
	case ev.Kind == llm.Failed:
		if !w.finished && ev.Problem != nil {
			w.fail(ev.Problem)
		}
	case ev.Kind == llm.ExtraEvent && ev.Choice < 0:
		if x := ev.Extra; x != nil && x.Dialect == llm.Responses && x.Name == "service_tier" {
			w.tier = x.Value
		}
	case ev.Choice == 0 && !w.finished:
		w.start()
		w.content(ev)
		if w.kept > maxKept {
			w.fail(dialect.BadAnswer("the provider's answer is too long to be repeated at its end"))
		}
	}
	return w.take()
}

// Close appends the terminal event, whatever the provider's dialect had for one.
func (w *writer) Close(dst []byte) []byte {
	if w.closed {
		return dst
	}
	w.B = dst
	if !w.finished {
		w.fail(dialect.BadAnswer("the provider ended the stream early"))
		return w.take()
	}
	w.closed = true
	status := "completed"
	if w.incomplete() != "" {
		status = "incomplete"
	}
	w.event("response." + status)
	w.response(&w.object, status, nil)
	w.send()
	return w.take()
}

// take hands the buffer back; it is the caller's.
func (w *writer) take() []byte {
	out := w.B
	w.B = nil
	return out
}

// content writes an event of the answer.
func (w *writer) content(ev llm.Event) {
	switch ev.Kind {
	case llm.TextDelta, llm.RefusalDelta:
		w.say(ev)
	case llm.ReasoningDelta:
		w.reasoning(ev)
	case llm.ToolStart:
		w.call(ev)
	case llm.ToolArgs:
		w.args(ev)
	case llm.MediaPart:
		w.media(ev.Media)
	case llm.Logprobs:
		w.probs(ev.Raw)
	case llm.ExtraEvent:
		w.extra(ev.Extra)
	case llm.Finish:
		w.end(ev)
	}
}

// start writes the two events that begin every stream.
func (w *writer) start() {
	if w.begun {
		return
	}
	w.begun = true
	for _, name := range [...]string{"response.created", "response.in_progress"} {
		if w.event(name) {
			w.response(&w.object, "in_progress", nil)
			w.send()
		}
	}
}

// end closes what is open. An answer that was cut short was so in its last item.
func (w *writer) end(ev llm.Event) {
	if ev.Reason == llm.FinishError {
		w.fail(&llm.Problem{Kind: llm.Unavailable, Message: "the provider failed while it answered"})
		return
	}
	w.finish, w.finished = ev, true
	cut := w.incomplete() != ""
	if w.current != nil && cut && len(w.calls) > 0 && w.calls[len(w.calls)-1].output > w.current.output {
		w.closeCurrent("completed")
	} else if w.current != nil {
		status := "completed"
		if cut {
			status = "incomplete"
		}
		w.closeCurrent(status)
		cut = false
	}
	for i, k := range w.calls {
		status := "completed"
		if cut && i == len(w.calls)-1 {
			status = "incomplete"
		}
		w.closeCall(k, status)
	}
}

// incomplete is the reason why the answer is incomplete, "" if it is not.
func (w *writer) incomplete() string {
	switch w.finish.Reason {
	case llm.FinishLength:
		return "max_output_tokens"
	case llm.FinishFilter, llm.FinishRefusal:
		return "content_filter"
	}
	return ""
}

// fail ends the stream as the API does: an error event, at which OpenAI's
// clients stop, and response.failed, which is what agents look for.
func (w *writer) fail(p *llm.Problem) {
	if w.silent {
		w.failure = p
		return
	}
	w.closed = true
	w.event("error")
	errorMembers(&w.object, p, w.reply.Generation)
	w.send()
	w.event("response.failed")
	w.response(&w.object, "failed", p)
	w.send()
}

// event begins an event; false if nothing is written.
func (w *writer) event(name string) bool {
	if w.silent {
		return false
	}
	w.B = append(append(append(w.B, "event: "...), name...), "\ndata: "...)
	w.B = append(w.B, '{')
	w.Text("type", name)
	w.Integer("sequence_number", w.sequence)
	w.sequence++
	return true
}

// send ends an event.
func (w *writer) send() {
	if w.silent {
		return
	}
	w.object.End()
	w.B = append(w.B, "\n\n"...)
}

// oneLine takes the line ends out of raw JSON, where they are white space
// between tokens; in a stream they would end the line.
func oneLine(raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	out := bytes.Clone(raw)
	for i, c := range out {
		if c == '\n' || c == '\r' {
			out[i] = ' '
		}
	}
	return out
}

// response writes the response object as a member.
func (w *writer) response(o *object, status string, p *llm.Problem) {
	if w.silent {
		return
	}
	o.Key("response")
	w.whole(o, status, p)
}

// whole writes the response. Members that repeat the request are given their
// defaults, since the answer does not know it; store tells the truth.
func (w *writer) whole(o *object, status string, p *llm.Problem) {
	o.B = append(o.B, '{')
	o.Text("id", "resp_"+w.reply.Generation)
	o.Text("object", "response")
	o.Integer("created_at", w.created)
	o.Text("status", status)
	o.Word("background", "false")
	if p != nil {
		o.Begin("error")
		o.Text("code", failedCode(p))
		o.Text("message", p.Message)
		o.End()
	} else {
		o.Word("error", "null")
	}
	if reason := w.incomplete(); reason != "" && status == "incomplete" {
		o.Begin("incomplete_details")
		o.Text("reason", reason)
		o.End()
	} else {
		o.Word("incomplete_details", "null")
	}
	o.Word("instructions", "null")
	o.Word("max_output_tokens", "null")
	o.Text("model", w.reply.Model)
	o.BeginArray("output")
	if status != "in_progress" {
		for _, item := range w.output {
			if item != nil {
				o.Element(item)
			}
		}
	}
	o.EndArray()
	o.B = append(o.B, `,"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":null,"summary":null}`...)
	if w.tier != nil {
		o.Raw("service_tier", oneLine(w.tier))
	}
	o.B = append(o.B, `,"store":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":null,"truncation":"disabled"`...)
	o.usage(&w.usage)
	o.Word("user", "null")
	o.Word("metadata", "{}")
	o.End()
}

// EncodeAnswer appends the JSON answer that events make. A Failed event has no
// place in an answer: the caller answers with an error instead.
func EncodeAnswer(dst []byte, events []llm.Event, r dialect.Reply) []byte {
	w := newWriter(r)
	w.silent = true
	for i := range events {
		if events[i].Kind != llm.Failed {
			w.Write(nil, events[i])
		}
	}
	if !w.finished && w.failure == nil {
		w.end(llm.Event{Kind: llm.Finish, Reason: llm.FinishStop})
	}
	status := "completed"
	switch {
	case w.failure != nil:
		status = "failed"
		w.closeCurrent("incomplete")
	case w.incomplete() != "":
		status = "incomplete"
	}
	o := newObject(dst)
	w.whole(&o, status, w.failure)
	return o.B
}

// image tells whether media is an image whose bytes are known.
func image(m *llm.Media) bool {
	return m != nil && m.Base64 != "" && (m.Type == "" || strings.HasPrefix(m.Type, "image/"))
}

// chatProbs gives the elements of content of log probabilities in OpenAI chat's
// words, which are this API's, joined by commas.
func chatProbs(raw []byte) (elements []byte) {
	var o object
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		content := string(w.Key()) == "content"
		for ok := w.Array(); ok && w.Element(); {
			if value := w.Value(); content {
				o.Element(oneLine(value))
			}
		}
	}
	return o.B
}
