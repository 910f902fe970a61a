package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// writer implements dialect.Writer. The first block of its assembly is written
// as it grows; the others wait, because blocks of this dialect follow each
// other strictly. message_start waits for the first content, so that it can
// tell the usage known by then, and the end waits for Close, so that it can
// tell the usage that comes behind the finish.
type writer struct {
	assembly
	reply dialect.Reply
	id    string
	tops  llm.Extras // members of the whole answer that are not written yet
	place int        // of the next block
	begun bool       // message_start is out
	done  bool       // the terminal event or an error is out
}

func newWriter(r dialect.Reply) *writer { return &writer{reply: r, id: r.Generation} }

func (w *writer) Write(dst []byte, ev llm.Event) []byte {
	if w.done {
		return dst
	}
	switch {
	case ev.Kind == llm.Start:
		if ev.ID != "" {
			w.id = ev.ID
		}
	case ev.Kind == llm.Ping:
		if !w.ended {
			dst = append(w.begin(dst), "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
		}
	case ev.Kind == llm.Failed:
		return w.fail(dst, ev.Problem)
	case isTop(&ev):
		w.tops = replace(w.tops, *ev.Extra)
	case w.add(&ev):
		return w.drain(dst)
	}
	return dst
}

func (w *writer) Close(dst []byte) []byte {
	switch {
	case w.done:
		return dst
	case !w.ended:
		return w.fail(dst, dialect.BadAnswer("the provider ended the stream early"))
	}
	word, sequence := w.stopReason()
	if word == wordError {
		w.ended = false
		return w.fail(dst, dialect.BadAnswer("the model failed midway"))
	}
	w.done = true
	dst = w.begin(dst)
	o, from := event(dst, "message_delta")
	o.Begin("delta")
	o.stopped(word, sequence)
	for i := range w.tops {
		if w.tops[i].Name != besideDelta {
			o.Raw(w.tops[i].Name, w.tops[i].Value)
		}
	}
	o.End()
	o.usage(&w.usage)
	o.RawIf(besideDelta, w.tops.Get(llm.Anthropic, besideDelta))
	dst = send(o, from)
	return append(dst, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
}

// Members of the whole answer that streams tell at their end, in message_delta,
// whose word clients take as the last.
const besideDelta = "context_management"

var atEnd = map[string]bool{besideDelta: true, "stop_details": true}

// fail tells the client that the stream is broken, unless the answer has
// finished: then it is whole for the client.
func (w *writer) fail(dst []byte, p *llm.Problem) []byte {
	if w.ended || p == nil {
		return dst
	}
	w.done = true
	return append(dst, EncodeStreamError(p, w.reply.Generation)...)
}

// event begins an event of the stream; send ends it.
func event(dst []byte, name string) (o object, from int) {
	dst = append(append(append(dst, "event: "...), name...), "\ndata: "...)
	o, from = newObject(dst), len(dst)
	o.B = append(o.B, '{')
	o.Text("type", name)
	return o, from
}

func send(o object, from int) []byte {
	o.End()
	members.OneLine(o.B[from:])
	return append(o.B, "\n\n"...)
}

// begin writes message_start once.
func (w *writer) begin(dst []byte) []byte {
	if w.begun {
		return dst
	}
	w.begun = true
	o, from := event(dst, "message_start")
	o.Begin("message")
	o.head(w.id, w.reply.Model)
	o.BeginArray("content")
	o.EndArray()
	o.Raw("stop_reason", []byte("null"))
	o.Raw("stop_sequence", []byte("null"))
	o.usage(&w.usage)
	late := w.tops[:0]
	for _, x := range w.tops {
		if atEnd[x.Name] {
			late = append(late, x)
		} else {
			o.Raw(x.Name, x.Value)
		}
	}
	w.tops = late
	o.End()
	return send(o, from)
}

// maxWaiting bounds the bytes of blocks that wait for the first one.
const maxWaiting = 16 << 20

// drain writes what can be written: the first block, and while others stand
// behind it and it is complete, its end. Behind the finish all are.
func (w *writer) drain(dst []byte) []byte {
	for len(w.blocks) > 0 {
		b := w.blocks[0]
		dst = w.grow(w.begin(dst), b)
		if !w.ended && (len(w.blocks) == 1 || !b.complete()) {
			break
		}
		dst = w.close(dst, b)
		w.blocks = w.blocks[1:]
	}
	if len(w.blocks) > 1 && w.waiting() > maxWaiting {
		return w.fail(dst, dialect.BadAnswer("the provider interleaved calls that are too large to put in order"))
	}
	return dst
}

func (w *writer) waiting() (n int) {
	for _, b := range w.blocks[1:] {
		n += b.text.size() + len(b.whole)
	}
	return n
}

// grow writes a block's start and the pieces that have come since.
func (w *writer) grow(dst []byte, b *written) []byte {
	if b.kind == thinkingBlock && b.text.size() == 0 && !b.open {
		return dst // what kind of block it is shows at its end
	}
	dst = w.open(dst, b)
	if b.text.size() > 0 && !b.custom {
		dst = b.delta(dst, deltaWords[b.kind], b.text.take())
	}
	for _, raw := range b.citations {
		o, from := b.event(dst)
		o.Text("type", "citations_delta")
		o.Raw("citation", raw)
		o.End()
		dst = send(o, from)
	}
	b.citations = nil
	return dst
}

// deltaWords are the types of deltas and the members that hold the piece.
var deltaWords = map[blockKind][2]string{
	textBlock: {"text_delta", "text"}, thinkingBlock: {"thinking_delta", "thinking"}, toolBlock: {"input_json_delta", "partial_json"},
}

func (b *written) event(dst []byte) (o object, from int) {
	o, from = event(dst, "content_block_delta")
	o.Integer("index", int64(b.place))
	o.Begin("delta")
	return o, from
}

func (b *written) delta(dst []byte, words [2]string, text string) []byte {
	o, from := b.event(dst)
	o.Text("type", words[0])
	o.Text(words[1], text)
	o.End()
	return send(o, from)
}

func (w *writer) open(dst []byte, b *written) []byte {
	if b.open {
		return dst
	}
	b.open, b.place = true, w.place
	w.place++
	o, from := event(dst, "content_block_start")
	o.Integer("index", int64(b.place))
	if b.kind == wholeBlock {
		o.Raw("content_block", b.whole)
		return send(o, from)
	}
	o.Begin("content_block")
	switch b.kind {
	case textBlock:
		o.Text("type", "text")
		o.Text("text", "")
	case thinkingBlock:
		o.Text("type", "thinking")
		o.Text("thinking", "")
		o.Text("signature", "")
	case toolBlock:
		o.call(b)
		o.Begin("input")
		o.End()
		o.extras(b.members, "")
	}
	o.End()
	return send(o, from)
}

// close writes what stands at a block's end, and the end.
func (w *writer) close(dst []byte, b *written) []byte {
	switch b.kind {
	case thinkingBlock:
		text := ""
		if b.open {
			text = "has been written"
		}
		signature, data := slots(text, &b.thought)
		if data != "" {
			return w.redacted(dst, b, data)
		}
		dst = w.open(dst, b)
		if signature != "" {
			dst = b.delta(dst, [2]string{"signature_delta", "signature"}, signature)
		}
	case toolBlock:
		if b.custom {
			dst = b.delta(dst, deltaWords[toolBlock], b.input())
		}
	}
	return b.stop(dst)
}

func (b *written) stop(dst []byte) []byte {
	o, from := event(dst, "content_block_stop")
	o.Integer("index", int64(b.place))
	return send(o, from)
}

// redacted writes a thought without text.
func (w *writer) redacted(dst []byte, b *written, data string) []byte {
	b.open, b.place = true, w.place
	w.place++
	o, from := event(dst, "content_block_start")
	o.Integer("index", int64(b.place))
	o.Begin("content_block")
	o.Text("type", "redacted_thinking")
	o.Text("data", data)
	o.End()
	return b.stop(send(o, from))
}
