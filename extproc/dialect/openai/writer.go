package openai

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// writer implements dialect.Writer.
type writer struct {
	reply   dialect.Reply
	id      string
	created int64
	tops    llm.Extras // extras that stand in every chunk
	pending llm.Extras // extras for the next chunk
	head    []byte     // what all chunks begin with
	choices []written
	usage   llm.Usage
	closed  bool // the end marker or an error is out
}

// written is what a choice has had so far.
type written struct {
	index    int32
	begun    bool // the role is out
	finished bool
	custom   map[int32]bool
}

// everyChunk are the top-level extras that OpenAI repeats in each chunk.
var everyChunk = map[string]bool{"service_tier": true, "system_fingerprint": true}

func (w *writer) Write(dst []byte, ev llm.Event) []byte {
	if w.closed {
		return dst
	}
	switch ev.Kind {
	case llm.Start:
		w.id, w.created, w.head = ev.ID, ev.Created, nil
	case llm.UsageUpdate:
		if ev.Usage != nil {
			w.usage.Merge(*ev.Usage)
		}
	case llm.Ping:
		return sse.AppendComment(dst, "ping")
	case llm.Failed:
		return w.fail(dst, ev.Problem)
	case llm.ExtraEvent:
		return w.extra(dst, ev)
	default:
		return w.delta(dst, ev)
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
	usage := w.reply.WantsUsage && w.usage.Known()
	if usage || len(w.pending) > 0 {
		o, from := w.chunk(dst)
		o.BeginArray("choices")
		o.EndArray()
		if usage {
			o.usage(&w.usage)
		}
		dst = w.send(o, from)
	}
	w.closed = true
	return append(dst, "data: "+stream.DoneMarker+"\n\n"...)
}

// fail tells the client that the stream is broken, unless its choices have all
// finished: then it is whole for the client.
func (w *writer) fail(dst []byte, p *llm.Problem) []byte {
	if w.whole() || p == nil {
		return dst
	}
	w.closed = true
	return append(dst, EncodeStreamError(p, w.reply.Generation)...)
}

func (w *writer) whole() bool {
	for i := range w.choices {
		if !w.choices[i].finished {
			return false
		}
	}
	return len(w.choices) > 0
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

// chunk begins a chunk; send ends it.
func (w *writer) chunk(dst []byte) (o object, from int) {
	if w.head == nil {
		w.head = w.makeHead()
	}
	from = len(dst)
	dst = append(dst, "data: "...)
	return newObject(append(dst, w.head...)), from
}

func (w *writer) makeHead() []byte {
	var o object
	o.Open()
	if w.id == "" {
		w.id = w.reply.Generation
	}
	if w.created == 0 {
		w.created = w.reply.Created
	}
	o.Text("id", w.id)
	o.Text("object", "chat.completion.chunk")
	o.Integer("created", w.created)
	o.Text("model", w.reply.Model)
	o.extras(w.tops, "")
	return o.B
}

// send ends a chunk. A line end can only come from raw JSON, where it is white
// space between tokens; in the stream it would end the line.
func (w *writer) send(o object, from int) []byte {
	o.extras(w.pending, "")
	w.pending = w.pending[:0]
	o.End()
	for _, lineEnd := range [...]byte{'\n', '\r'} {
		for text := o.B[from:]; ; {
			i := bytes.IndexByte(text, lineEnd)
			if i < 0 {
				break
			}
			text[i] = ' '
		}
	}
	return append(o.B, "\n\n"...)
}

// delta writes an event of a choice as a chunk of its own.
func (w *writer) delta(dst []byte, ev llm.Event) []byte {
	c := w.choice(ev.Choice)
	if c.finished {
		return dst
	}
	o, from := w.chunk(dst)
	o.BeginArray("choices")
	o.Open()
	o.Integer("index", int64(ev.Choice))
	o.Begin("delta")
	if !c.begun {
		o.Text("role", "assistant")
	}
	if !c.content(&o, ev) {
		return dst // no words for it
	}
	c.begun = true
	o.End()
	if ev.Kind == llm.Logprobs {
		o.Raw("logprobs", ev.Raw)
	}
	if ev.Kind == llm.Finish {
		c.finished = true
		o.Text("finish_reason", finishWord(ev))
	} else {
		o.Raw("finish_reason", []byte("null"))
	}
	o.End()
	o.EndArray()
	return w.send(o, from)
}

// content writes the members of a delta; false if there are no words for it.
func (c *written) content(o *object, ev llm.Event) bool {
	switch ev.Kind {
	case llm.TextDelta:
		o.Text("content", ev.Text)
		o.signed(ev.Thought)
	case llm.RefusalDelta:
		o.Text("refusal", ev.Text)
	case llm.ReasoningDelta:
		o.reasoning(ev)
	case llm.ToolStart:
		c.toolStart(o, ev)
	case llm.ToolArgs:
		o.BeginArray("tool_calls")
		o.Open()
		o.Integer("index", int64(ev.Index))
		kind, args := "function", "arguments"
		if c.custom[ev.Index] {
			kind, args = "custom", "input"
		}
		o.Begin(kind)
		o.Text(args, ev.Text)
		o.End()
		o.End()
		o.EndArray()
	case llm.MediaPart:
		return o.answerMedia(ev.Media)
	case llm.Logprobs, llm.Finish:
	default:
		return false
	}
	return true
}

func (c *written) toolStart(o *object, ev llm.Event) {
	kind, args := "function", "arguments"
	if ev.Custom {
		if kind, args = "custom", "input"; c.custom == nil {
			c.custom = map[int32]bool{}
		}
		c.custom[ev.Index] = true
	}
	o.BeginArray("tool_calls")
	o.Open()
	o.Integer("index", int64(ev.Index))
	o.Text("id", ev.ID)
	o.Text("type", kind)
	o.Begin(kind)
	o.Text("name", ev.Name)
	o.Text(args, "")
	o.End()
	o.signed(ev.Thought)
	o.End()
	o.EndArray()
}

// reasoning writes text as reasoning_content and, where something must come
// back unchanged, also as fragments of reasoning_details, which clients join
// by index.
func (o *object) reasoning(ev llm.Event) {
	if ev.Text != "" {
		o.Text(reasoningContent, ev.Text)
	}
	if ev.Thought != nil {
		o.BeginArray("reasoning_details")
		o.detail(ev.Text, ev.Thought, indexed(ev.Index))
		o.EndArray()
	}
}

// indexed is the index of an element of reasoning_details.
func indexed(n int32) llm.Extras {
	return llm.Extras{{Dialect: llm.OpenAI, Name: "index", Value: strconv.AppendInt(nil, int64(n), 10)}}
}

// extra writes what only this dialect says, at its place.
func (w *writer) extra(dst []byte, ev llm.Event) []byte {
	x := ev.Extra
	if x == nil || x.Dialect != llm.OpenAI {
		return dst
	}
	if ev.Choice < 0 {
		if everyChunk[x.Name] {
			w.tops, w.head = replace(w.tops, *x), nil
		} else {
			w.pending = replace(w.pending, *x)
		}
		return dst
	}
	c := w.choice(ev.Choice)
	o, from := w.chunk(dst)
	o.BeginArray("choices")
	o.Open()
	o.Integer("index", int64(ev.Choice))
	o.Begin("delta")
	if !c.begun {
		c.begun = true
		o.Text("role", "assistant")
	}
	o.extras(llm.Extras{*x}, inDelta)
	o.End()
	o.extras(llm.Extras{*x}, inChoice)
	o.Raw("finish_reason", []byte("null"))
	o.End()
	o.EndArray()
	return w.send(o, from)
}

// replace sets the extra of that name.
func replace(list llm.Extras, x llm.Extra) llm.Extras {
	for i := range list {
		if list[i].Name == x.Name {
			list[i] = x
			return list
		}
	}
	return append(list, x)
}

// finishWord is OpenAI's word for a reason: the provider's own where it is one.
func finishWord(ev llm.Event) string {
	switch ev.Reason {
	case llm.FinishLength:
		return "length"
	case llm.FinishToolCalls:
		if ev.Name == "function_call" {
			return ev.Name
		}
		return "tool_calls"
	case llm.FinishFilter, llm.FinishRefusal:
		return "content_filter"
	case llm.FinishError:
		return "error"
	}
	return "stop"
}

// answerMedia writes an image as aggregators do and sound as OpenAI does; false
// for anything else.
func (o *object) answerMedia(m *llm.Media) bool {
	switch {
	case m == nil:
		return false
	case strings.HasPrefix(m.Type, "audio/"):
		o.Begin("audio")
		o.Text("data", m.Base64)
		o.End()
		return true
	case m.Type != "" && !strings.HasPrefix(m.Type, "image/"):
		return false
	}
	o.BeginArray("images")
	o.image(m)
	o.EndArray()
	return true
}

func (o *object) image(m *llm.Media) {
	o.Open()
	o.Text("type", "image_url")
	o.Begin("image_url")
	o.Text("url", url(m))
	o.TextIf("detail", m.Detail)
	o.End()
	o.End()
}
