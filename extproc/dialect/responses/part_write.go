package responses

import "github.com/dragoman-gateway/dragoman/extproc/llm"

// place writes the members that tell an event's item.
func (w *writer) place(k *openItem) {
	w.Text("item_id", k.id)
	w.Integer("output_index", int64(k.output))
}

// partPlace writes the members that tell an event's part.
func (w *writer) partPlace(k *openItem, p *openPart) {
	w.place(k)
	if p.kind == "summary_text" {
		w.Integer("summary_index", int64(p.index))
	} else {
		w.Integer("content_index", int64(p.index))
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
		w.Key("part")
		p.write(&w.object)
		w.send()
	}
}

// write writes the part as it stands.
func (p *openPart) write(o *object) {
	o.Open()
	o.Text("type", p.kind)
	switch p.kind {
	case "refusal":
		o.Text("refusal", string(p.text))
	case "output_text":
		if p.annotations != nil {
			o.Raw("annotations", p.annotations)
		} else {
			o.Word("annotations", "[]")
		}
		o.Array("logprobs", p.probs)
		o.Text("text", string(p.text))
	default:
		o.Text("text", string(p.text))
	}
	o.End()
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
	w.Text("delta", text)
	if k.part != nil && k.part.kind == "output_text" {
		w.Word("logprobs", "[]")
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
			w.Array("logprobs", p.probs)
		}
		w.Text(end.member, string(p.text))
		w.send()
	}
	w.partEvent(k, "done")
	o := newObject(k.content)
	if p.kind == "summary_text" {
		o.B = k.summary
	}
	if len(o.B) > 0 {
		o.B = append(o.B, ',')
	}
	o.B = append(o.B, p.bytes()...)
	if p.kind == "summary_text" {
		k.summary = o.B
	} else {
		k.content = o.B
	}
	k.part = nil
}

func (p *openPart) bytes() []byte {
	var o object
	p.write(&o)
	return o.B
}
