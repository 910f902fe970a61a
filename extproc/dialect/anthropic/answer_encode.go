package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// EncodeAnswer appends the JSON answer that events make. An Extra that comes
// twice holds as it came last. A Failed event has no place in an answer: the
// caller answers with EncodeError instead.
func EncodeAnswer(dst []byte, events []llm.Event, r dialect.Reply) []byte {
	var a assembly
	var tops llm.Extras
	id := r.Generation
	for i := range events {
		ev := &events[i]
		switch {
		case ev.Kind == llm.Start && ev.ID != "":
			id = ev.ID
		case isTop(ev):
			tops = replace(tops, *ev.Extra)
		default:
			a.add(ev)
		}
	}
	o := newObject(append(dst, '{'))
	o.head(id, r.Model)
	o.BeginArray("content")
	for _, b := range a.blocks {
		o.answerBlock(b)
	}
	o.EndArray()
	word, sequence := a.stopReason()
	o.stopped(word, sequence)
	o.usage(&a.usage)
	o.extras(tops, "")
	o.B = append(o.B, '}')
	return o.B
}

// isTop tells whether an event is a member of the whole answer.
func isTop(ev *llm.Event) bool {
	return ev.Kind == llm.ExtraEvent && ev.Extra != nil && ev.Extra.Dialect == llm.Anthropic && ev.Choice < 0
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

func (o *object) head(id, model string) {
	o.Text("id", id)
	o.Text("type", "message")
	o.Text("role", "assistant")
	o.Text("model", model)
}

func (o *object) stopped(word, sequence string) {
	o.Text("stop_reason", word)
	if sequence == "" {
		o.Raw("stop_sequence", []byte("null"))
	} else {
		o.Text("stop_sequence", sequence)
	}
}

// answerBlock writes a whole block.
func (o *object) answerBlock(b *written) {
	if b.kind == wholeBlock {
		o.Element(b.whole)
		return
	}
	o.Open()
	switch b.kind {
	case textBlock:
		o.Text("type", "text")
		o.Text("text", b.text.String())
		if len(b.citations) > 0 {
			o.BeginArray("citations")
			for _, raw := range b.citations {
				o.Element(raw)
			}
			o.EndArray()
		}
	case thinkingBlock:
		signature, data := slots(b.text.String(), &b.thought)
		if data != "" {
			o.Text("type", "redacted_thinking")
			o.Text("data", data)
			break
		}
		o.Text("type", "thinking")
		o.Text("thinking", b.text.String())
		o.Text("signature", signature)
	case toolBlock:
		o.call(b)
		o.Raw("input", []byte(b.input()))
		o.extras(b.members, "")
	}
	o.End()
}

func (o *object) call(b *written) {
	o.Text("type", "tool_use")
	o.Text("id", b.id)
	o.Text("name", b.name)
}

// input is a call's arguments as an object.
func (b *written) input() string {
	if b.custom {
		return wrapText(b.text.String())
	}
	return objectText(b.text.String())
}
