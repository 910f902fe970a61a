package gemini

import (
	"bytes"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// writer implements dialect.Writer: each piece of content is a chunk of its
// own, calls are written once their arguments are whole, and the finish of all
// choices is the last chunk, which so has the final usage.
type writer struct {
	reply   dialect.Reply
	id      string
	created int64
	tail    []byte     // what all chunks end with
	pending llm.Extras // top-level extras for the next chunk
	blocked bool       // the prompt was: there are no candidates
	choices []written
	usage   llm.Usage
	begun   bool // bytes are out
	closed  bool // the end or an error is out
}

// written is what a choice has had so far.
type written struct {
	index    int32
	calls    []heldCall
	said     bool
	finish   llm.Event
	finished bool
	extras   llm.Extras // for its next chunk
	probs    []llm.Raw  // for its next chunk
}

// heldCall is a call whose arguments are not known to be whole.
type heldCall struct {
	llm.ToolCall
	index   int32
	thought *llm.Thought
	args    []byte
}

func (w *writer) Write(dst []byte, ev llm.Event) []byte {
	if w.closed {
		return dst
	}
	switch ev.Kind {
	case llm.Start:
		w.id, w.created, w.tail = ev.ID, ev.Created, nil
	case llm.UsageUpdate:
		if ev.Usage != nil {
			w.usage.Merge(*ev.Usage)
		}
	case llm.Ping:
	case llm.Failed:
		return w.fail(dst, ev.Problem)
	case llm.ExtraEvent:
		return w.extra(dst, ev)
	default:
		return w.piece(dst, ev)
	}
	return dst
}

func (w *writer) piece(dst []byte, ev llm.Event) []byte {
	c := w.choice(ev.Choice)
	if c.finished {
		return dst
	}
	switch ev.Kind {
	case llm.Finish:
		c.finish, c.finished = ev, true
		return dst
	case llm.Logprobs:
		c.probs = append(c.probs, ev.Raw)
		return dst
	case llm.ToolArgs:
		for i := range c.calls {
			if c.calls[i].index == ev.Index {
				c.calls[i].args = append(c.calls[i].args, ev.Text...)
			}
		}
		return dst
	}
	dst = w.wholeCalls(dst, c)
	if ev.Kind == llm.ToolStart {
		c.calls = append(c.calls, heldCall{
			ToolCall: llm.ToolCall{ID: ev.ID, Name: ev.Name, Custom: ev.Custom}, index: ev.Index, thought: ev.Thought,
		})
		return dst
	}
	o, from := w.begin(dst)
	o.beginContent()
	if !o.piece(&ev) {
		return dst // no words for it
	}
	o.endContent()
	return w.end(o, from, c)
}

// wholeCalls writes the calls in front whose arguments are an object: no more
// can follow those.
func (w *writer) wholeCalls(dst []byte, c *written) []byte {
	for len(c.calls) > 0 {
		k := &c.calls[0]
		if k.Custom || len(k.args) == 0 || k.args[0] != '{' || scan.Validate(k.args) != nil {
			break
		}
		o, from := w.begin(dst)
		o.beginContent()
		o.heldCall(k)
		o.endContent()
		dst = w.end(o, from, c)
		c.calls = c.calls[1:]
	}
	return dst
}

// extra writes what only this dialect says, or keeps it for the chunk it stands
// beside.
func (w *writer) extra(dst []byte, ev llm.Event) []byte {
	x := ev.Extra
	switch {
	case x == nil || x.Dialect != llm.Gemini:
	case ev.Choice < 0:
		w.pending = replace(w.pending, *x)
		w.blocked = w.blocked || x.Name == "promptFeedback" && len(members.Find(x.Value, "blockReason")) > 2
	case x.Name == "part":
		c := w.choice(ev.Choice)
		if c.finished {
			break
		}
		dst = w.wholeCalls(dst, c)
		o, from := w.begin(dst)
		o.beginContent()
		o.Element(x.Value)
		o.endContent()
		return w.end(o, from, c)
	default:
		c := w.choice(ev.Choice)
		c.extras = replace(c.extras, *x)
	}
	return dst
}

func (w *writer) Close(dst []byte) []byte {
	switch {
	case w.closed:
		return dst
	case !w.whole():
		return w.fail(dst, dialect.BadAnswer("the provider ended the stream early"))
	}
	dst = w.ends(dst)
	w.closed = true
	if w.reply.Array {
		dst = append(dst, "\n]"...)
	}
	return dst
}

// ends writes the chunk that ends the choices that have finished.
func (w *writer) ends(dst []byte) []byte {
	from := len(dst)
	o := w.open(dst)
	if !w.blocked || w.said() {
		o.BeginArray("candidates")
		for i := range w.choices {
			if w.choices[i].finished {
				w.choices[i].last(&o)
			}
		}
		o.EndArray()
	}
	return w.send(o, from)
}

// last writes the end of a choice: calls that were held, and why it ended. With
// no more to say it has an empty text, as the vendor's own streams end: SDKs
// record no turn that has a chunk without parts.
func (c *written) last(o *object) {
	o.Open()
	o.beginContent()
	empty := len(o.B)
	word := finishWord(&c.finish)
	for i := range c.calls {
		if k := &c.calls[i]; k.broken() {
			word = brokenWord(&c.finish)
		} else {
			o.heldCall(k)
		}
	}
	if c.said && len(o.B) == empty {
		o.Open()
		o.Text("text", "")
		o.End()
	}
	o.endContent()
	o.Text("finishReason", word)
	c.beside(o)
	o.End()
}

// beside writes what stands beside a candidate's content.
func (c *written) beside(o *object) {
	o.Integer("index", int64(c.index))
	o.extras(c.extras, inCandidate)
	if len(c.probs) > 0 {
		o.logprobs(c.probs)
	}
	c.extras, c.probs = c.extras[:0], c.probs[:0]
}

// broken tells that a call's arguments are no JSON.
func (k *heldCall) broken() bool {
	text := bytes.TrimSpace(k.args)
	return !k.Custom && len(text) > 0 && scan.Validate(text) != nil
}

// fail tells the client that the stream is broken, unless its choices have all
// finished: then it is whole for the client.
func (w *writer) fail(dst []byte, p *llm.Problem) []byte {
	if w.whole() || p == nil {
		return dst
	}
	w.closed = true
	finished := false
	for i := range w.choices {
		c := &w.choices[i]
		if finished = finished || c.finished; !c.finished {
			dst = w.wholeCalls(dst, c)
		}
	}
	if finished {
		dst = w.ends(dst)
	}
	if !w.reply.Array {
		return append(dst, EncodeStreamError(p, w.reply.Generation)...)
	}
	dst = append(dst, w.separator()...)
	dst = append(dst, EncodeError(p, w.reply.Generation)...)
	return append(dst, "\n]"...)
}

func (w *writer) whole() bool {
	for i := range w.choices {
		if !w.choices[i].finished {
			return false
		}
	}
	return len(w.choices) > 0
}

func (w *writer) said() bool {
	for i := range w.choices {
		if w.choices[i].said || len(w.choices[i].calls) > 0 {
			return true
		}
	}
	return false
}

func (w *writer) choice(index int32) *written {
	for i := range w.choices {
		if w.choices[i].index == index {
			return &w.choices[i]
		}
	}
	w.choices = append(w.choices, written{index: index})
	return &w.choices[len(w.choices)-1]
}

// separator is what stands in front of a chunk.
func (w *writer) separator() string {
	switch {
	case !w.reply.Array:
		return "data: "
	case w.begun:
		return "\n,\n"
	}
	return "["
}

func (w *writer) open(dst []byte) object {
	return newObject(append(append(dst, w.separator()...), '{'))
}

// begin begins a chunk with one candidate; end ends both.
func (w *writer) begin(dst []byte) (o object, from int) {
	from = len(dst)
	o = w.open(dst)
	o.BeginArray("candidates")
	o.Open()
	return o, from
}

func (w *writer) end(o object, from int, c *written) []byte {
	c.said = true
	c.beside(&o)
	o.End()
	o.EndArray()
	return w.send(o, from)
}

// send ends a chunk.
func (w *writer) send(o object, from int) []byte {
	w.begun = true
	if w.usage.Known() {
		o.usage(&w.usage)
	}
	o.extras(w.pending, "")
	w.pending = w.pending[:0]
	if w.tail == nil {
		w.tail = w.makeTail()
	}
	if len(w.tail) > 0 {
		o.Element(w.tail)
	}
	o.End()
	if w.reply.Array {
		return o.B
	}
	members.OneLine(o.B[from:])
	return append(o.B, "\n\n"...)
}

// makeTail writes the members that all chunks repeat, without braces.
func (w *writer) makeTail() []byte {
	if w.id == "" {
		w.id = w.reply.Generation
	}
	if w.created == 0 {
		w.created = w.reply.Created
	}
	return answerTail(w.reply.Model, w.created, w.id)
}

// answerTail has createTime only where the provider or the gateway knows one.
func answerTail(model string, created int64, id string) []byte {
	o := newObject([]byte("{"))
	o.Text("modelVersion", model)
	if created > 0 {
		o.Text("createTime", time.Unix(created, 0).UTC().Format(time.RFC3339))
	}
	o.Text("responseId", id)
	return o.B[1:]
}
