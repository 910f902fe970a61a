package simulator

import (
	"iter"
	"strconv"
)

// stream spells the events of a response into one buffer and numbers them.
type stream struct {
	*spoken
	sequence int
	buf      []byte
	yield    func(event) bool
}

// send yields an event; fill appends its members, each with a comma before it.
func (t *stream) send(p Part, name string, fill func(dst []byte) []byte) bool {
	t.buf = append(append(append(t.buf[:0], `{"type":"`...), name...), `","sequence_number":`...)
	t.buf = strconv.AppendInt(t.buf, int64(t.sequence), 10)
	t.sequence++
	t.buf = append(fill(t.buf), '}')
	return t.yield(event{part: p, name: name, data: t.buf})
}

// response sends an event that carries the response as it stands.
func (t *stream) response(p Part, name string, ended bool) bool {
	return t.send(p, name, func(dst []byte) []byte {
		dst = t.open(append(dst, `,"response":`...), ended)
		if ended {
			dst = t.items(dst)
		}
		return t.close(dst, ended)
	})
}

func (t *stream) items(dst []byte) []byte {
	separator := ""
	if t.thoughts > 0 {
		dst = t.reasoningItem(dst, true)
		separator = ","
	}
	if t.messages > 0 {
		dst = t.messageDone(append(dst, separator...))
		separator = ","
	}
	for i, c := range t.calls {
		dst = t.callItem(append(dst, separator...), i, "completed", c.arguments)
		separator = ","
	}
	return dst
}

func (t *stream) messageDone(dst []byte) []byte {
	dst = t.messageHead(dst, t.messageStatus())
	return append(t.textPart(dst, t.content.whole()), "]}"...)
}

func (t *stream) textPart(dst []byte, text string) []byte {
	return append(appendString(append(dst, `{"type":"output_text","annotations":[],"logprobs":[],"text":`...), text), '}')
}

// spot is where an event belongs: the item and, if not empty, the index of the
// part in it.
type spot struct {
	item   string
	output int
	index  string // such as "content_index"
}

func (p spot) append(dst []byte) []byte {
	dst = appendString(append(dst, `,"item_id":`...), p.item)
	dst = strconv.AppendInt(append(dst, `,"output_index":`...), int64(p.output), 10)
	if p.index != "" {
		dst = append(append(append(dst, `,"`...), p.index...), `":0`...)
	}
	return dst
}

// item sends the event that opens or closes an item.
func (t *stream) item(p Part, name string, output int, item func(dst []byte) []byte) bool {
	return t.send(p, name, func(dst []byte) []byte {
		dst = strconv.AppendInt(append(dst, `,"output_index":`...), int64(output), 10)
		return item(append(dst, `,"item":`...))
	})
}

// text sends an event with a text in one of its members.
func (t *stream) text(p Part, name string, at spot, member, text string) bool {
	return t.send(p, name, func(dst []byte) []byte {
		dst = append(append(append(at.append(dst), `,"`...), member...), `":`...)
		dst = appendString(dst, text)
		if at.index == "content_index" {
			dst = append(dst, `,"logprobs":[]`...)
		}
		return dst
	})
}

// responsesEvents spells a stream of a response. The event that ends it carries
// all that was said; there is no other end marker.
func responsesEvents(s *say) iter.Seq[event] {
	return func(yield func(event) bool) {
		t := &stream{spoken: spokenOf(s), yield: yield}
		if !t.response(PartPrelude, "response.created", false) || !t.response(PartPrelude, "response.in_progress", false) ||
			!t.thinks() || !t.says() || !t.callsTools() {
			return
		}
		status, _ := t.outcome()
		t.response(PartFinish, "response."+status, true)
	}
}

func (t *stream) thinks() bool {
	if t.thoughts == 0 {
		return true
	}
	at := spot{thoughtID(t.thought), 0, "summary_index"}
	if !t.item(PartFrame, "response.output_item.added", 0, func(dst []byte) []byte { return t.reasoningItem(dst, false) }) {
		return false
	}
	if !t.hidden && !t.summarizes(at) {
		return false
	}
	return t.item(PartFrame, "response.output_item.done", 0, func(dst []byte) []byte { return t.reasoningItem(dst, true) })
}

func (t *stream) summarizes(at spot) bool {
	part := func(text string) func(dst []byte) []byte {
		return func(dst []byte) []byte {
			dst = append(at.append(dst), `,"part":{"type":"summary_text","text":`...)
			return append(appendString(dst, text), '}')
		}
	}
	if !t.send(PartFrame, "response.reasoning_summary_part.added", part("")) {
		return false
	}
	for piece := range t.reasoning.pieces() {
		if !t.text(PartContent, "response.reasoning_summary_text.delta", at, "delta", piece) {
			return false
		}
	}
	return t.text(PartFrame, "response.reasoning_summary_text.done", at, "text", t.thought) &&
		t.send(PartFrame, "response.reasoning_summary_part.done", part(t.thought))
}

func (t *stream) says() bool {
	if t.messages == 0 {
		return true
	}
	at := spot{t.messageID(), t.thoughts, "content_index"}
	part := func(text string) func(dst []byte) []byte {
		return func(dst []byte) []byte { return t.textPart(append(at.append(dst), `,"part":`...), text) }
	}
	if !t.item(PartFrame, "response.output_item.added", at.output, func(dst []byte) []byte {
		return append(t.messageHead(dst, "in_progress"), "]}"...)
	}) || !t.send(PartFrame, "response.content_part.added", part("")) {
		return false
	}
	for piece := range t.content.pieces() {
		if !t.text(PartContent, "response.output_text.delta", at, "delta", piece) {
			return false
		}
	}
	whole := t.content.whole()
	return t.text(PartFrame, "response.output_text.done", at, "text", whole) &&
		t.send(PartFrame, "response.content_part.done", part(whole)) &&
		t.item(PartFrame, "response.output_item.done", at.output, t.messageDone)
}

func (t *stream) callsTools() bool {
	for step := range callSteps(t.calls, true) {
		c, at := t.calls[step.index], spot{t.callID(step.index), t.thoughts + t.messages + step.index, ""}
		var ok bool
		switch {
		case step.opens:
			ok = t.item(PartContent, "response.output_item.added", at.output, func(dst []byte) []byte {
				return t.callItem(dst, step.index, "in_progress", c.opening())
			})
		case step.closes:
			ok = t.text(PartFrame, "response.function_call_arguments.done", at, "arguments", c.arguments) &&
				t.item(PartFrame, "response.output_item.done", at.output, func(dst []byte) []byte {
					return t.callItem(dst, step.index, "completed", c.arguments)
				})
		default:
			ok = t.text(PartContent, "response.function_call_arguments.delta", at, "delta", step.piece)
		}
		if !ok {
			return false
		}
	}
	return true
}
