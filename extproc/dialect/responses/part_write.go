package responses

import "github.com/dragoman-gateway/dragoman/extproc/llm"

// place writes the members that tell an event's item.
func (w *writer) place(k *openItem) {
	w.text("item_id", k.id)
	w.integer("output_index", int64(k.output))
}

// partPlace writes the members that tell an event's part.
func (w *writer) partPlace(k *openItem, p *openPart) {
	w.place(k)
	if p.kind == "summary_text" {
		w.integer("summary_index", int64(p.index))
	} else {
		w.integer("content_index", int64(p.index))
	}
}

// piece adds text to the open part, or begins a part.
func (w *writer) piece(k *openItem, kind string, ev llm.Event) {
	if p := k.part; p == nil || p.kind != kind || p.block != ev.Index {
		w.closePart(k)
		k.part = &openPart{kind: kind, block: ev.Index, index: k.contents}
		if kind == "summary_text" {
			k.part.index = k.summaries
			k.summaries++
		} else {
			k.contents++
		}
		w.partEvent(k, "added")
	}
	k.part.text = append(k.part.text, ev.Text...)
	w.kept += len(ev.Text)
}

// partEvent announces a part: it is empty when added.
func (w *writer) partEvent(k *openItem, step string) {
	p := k.part
	name := "response.content_part." + step
	if p.kind == "summary_text" {
		name = "response.reasoning_summary_part." + step
	}
	if w.event(name) {
		w.partPlace(k, p)
		w.key("part")
		p.write(&w.object)
		w.send()
	}
}

// write writes the part as it stands.
func (p *openPart) write(o *object) {
	o.open()
	o.text("type", p.kind)
	switch p.kind {
	case "refusal":
		o.text("refusal", string(p.text))
	case "output_text":
		if p.annotations != nil {
			o.raw("annotations", p.annotations)
		} else {
			o.word("annotations", "[]")
		}
		o.array("logprobs", p.probs)
		o.text("text", string(p.text))
	default:
		o.text("text", string(p.text))
	}
	o.end()
}

// delta writes a piece of text or arguments.
func (w *writer) delta(k *openItem, name, text string) {
	if !w.event(name) {
		return
	}
	if k.part != nil {
		w.partPlace(k, k.part)
	} else {
		w.place(k)
	}
	w.text("delta", text)
	if k.part != nil && k.part.kind == "output_text" {
		w.word("logprobs", "[]")
	}
	w.send()
}

// Done events of parts by kind, and the member of their text.
var partsDone = map[string]struct{ event, member string }{
	"output_text":  {"response.output_text.done", "text"},
	"refusal":      {"response.refusal.done", "refusal"},
	"summary_text": {"response.reasoning_summary_text.done", "text"},
	rawText:        {"response.reasoning_text.done", "text"},
}

// closePart closes the open part of an item, if there is one.
func (w *writer) closePart(k *openItem) {
	p := k.part
	if p == nil {
		return
	}
	if end := partsDone[p.kind]; w.event(end.event) {
		w.partPlace(k, p)
		if p.kind == "output_text" {
			w.array("logprobs", p.probs)
		}
		w.text(end.member, string(p.text))
		w.send()
	}
	w.partEvent(k, "done")
	o := object{k.content}
	if p.kind == "summary_text" {
		o.b = k.summary
	}
	if len(o.b) > 0 {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, p.bytes()...)
	if p.kind == "summary_text" {
		k.summary = o.b
	} else {
		k.content = o.b
	}
	k.part = nil
}

func (p *openPart) bytes() []byte {
	var o object
	p.write(&o)
	return o.b
}
