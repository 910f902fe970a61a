package simulator

import (
	"iter"
	"strconv"
	"strings"
)

// anthropicStops maps finish reasons to those of the Messages API; other words
// are the vendor's own already.
var anthropicStops = map[string]string{
	"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal",
}

// anthropicStop is the stop reason and, if one was met, the stop sequence.
func anthropicStop(s *say) (reason, sequence string) {
	if s.stopped != "" && s.finish == "stop" {
		return "stop_sequence", s.stopped
	}
	reason = s.finish
	if own := anthropicStops[s.finish]; own != "" {
		reason = own
	}
	if stops := s.asked.hear().Stop; reason == "stop_sequence" && len(stops) > 0 {
		sequence = stops[0]
	}
	return reason, sequence
}

func anthropicCallID(c call) string {
	return "toolu_01" + strings.TrimPrefix(c.id, "call_")[:22]
}

// thinkingBlock appends the members of the block that holds a thought, hidden
// where the client wants it omitted.
func (s *say) thinkingBlock(dst []byte) []byte {
	text := s.reasoning.whole()
	if s.redacted {
		return append(appendString(append(dst, `{"type":"redacted_thinking","data":`...), wrap(thoughtForm, text)), '}')
	}
	shown := text
	if s.thoughtOmitted() {
		shown = ""
	}
	dst = appendString(append(dst, `{"type":"thinking","thinking":`...), shown)
	return append(appendString(append(dst, `,"signature":`...), s.thoughtSignature(text)), '}')
}

func (s *say) thoughtOmitted() bool {
	r := s.asked.hear().Reasoning
	return r != nil && r.Summary == "omitted"
}

func (s *say) thoughtSignature(text string) string {
	if s.thoughtOmitted() {
		return wrap(thoughtForm, text)
	}
	return seal(thoughtForm, text)
}

// anthropicAnswer spells a message.
func anthropicAnswer(s *say) document {
	d := document{}
	d.head = append(anthropicStart(nil, s), `,"content":[`...)
	separator := ""
	if n, _ := s.reasoning.size(); n > 0 {
		d.head = s.thinkingBlock(d.head)
		separator = ","
	}
	if length, pieces := s.content.size(); pieces > 0 {
		d.head = append(append(d.head, separator...), `{"type":"text","text":`...)
		if s.content.text != "" {
			d.head = appendString(d.head, s.content.text)
			d.tail = []byte{'}'}
		} else {
			d.head = append(d.head, '"')
			d.content, d.length = s.content, length
			d.tail = []byte(`"}`)
		}
		separator = ","
	}
	for _, c := range s.calls {
		d.tail = anthropicCall(append(d.tail, separator...), c, c.arguments)
		separator = ","
	}
	d.tail = append(d.tail, ']')
	d.tail = append(anthropicEnd(append(d.tail, ','), s), anthropicUsage(s, false)...)
	d.tail = append(d.tail, '}')
	return d
}

// anthropicStart appends the members that begin a message.
func anthropicStart(dst []byte, s *say) []byte {
	dst = appendString(append(dst, `{"model":`...), s.model)
	dst = appendString(append(dst, `,"id":`...), "msg_01"+s.id[:22])
	return append(dst, `,"type":"message","role":"assistant"`...)
}

func anthropicEnd(dst []byte, s *say) []byte {
	reason, sequence := anthropicStop(s)
	dst = appendString(append(dst, `"stop_reason":`...), reason)
	return appendOrNull(append(dst, `,"stop_sequence":`...), sequence)
}

func anthropicCall(dst []byte, c call, input string) []byte {
	dst = appendString(append(dst, `{"type":"tool_use","id":`...), anthropicCallID(c))
	dst = appendString(append(dst, `,"name":`...), c.name)
	if input == "" {
		input = "{}"
	}
	return append(append(append(dst, `,"input":`...), input...), '}')
}

// anthropicUsage is the member "usage", which counts caches beside the input.
// A stream's first one knows nothing of the output yet.
func anthropicUsage(s *say, beginning bool) []byte {
	if s.usage == nil {
		return nil
	}
	u := s.usage
	output, tail := u.completion, ""
	if beginning {
		output, tail = min(1, output), `,"service_tier":"standard"`
	} else if u.reasoning > 0 {
		tail = `,"output_tokens_details":{"thinking_tokens":` + strconv.FormatInt(u.reasoning, 10) + `}`
	}
	dst := strconv.AppendInt([]byte(`,"usage":{"input_tokens":`), max(0, u.prompt-u.cached-u.written), 10)
	dst = strconv.AppendInt(append(dst, `,"cache_creation_input_tokens":`...), u.written, 10)
	dst = strconv.AppendInt(append(dst, `,"cache_read_input_tokens":`...), u.cached, 10)
	dst = strconv.AppendInt(append(dst, `,"output_tokens":`...), output, 10)
	return append(append(dst, tail...), '}')
}

// blocks spells the events of a message stream into one buffer.
type blocks struct {
	index  int // of the open block or the next one
	pinged bool
	buf    []byte
	yield  func(event) bool
}

func (b *blocks) send(p Part, name string, fill func(dst []byte) []byte) bool {
	b.buf = append(append(append(b.buf[:0], `{"type":"`...), name...), '"')
	if name != "message_start" && strings.HasPrefix(name, "content_block") {
		b.buf = strconv.AppendInt(append(b.buf, `,"index":`...), int64(b.index), 10)
	}
	return b.yield(event{part: p, name: name, data: append(fill(b.buf), '}')})
}

// open starts a block; behind the first one the API sends a ping.
func (b *blocks) open(p Part, block func(dst []byte) []byte) bool {
	if !b.send(p, "content_block_start", func(dst []byte) []byte { return block(append(dst, `,"content_block":`...)) }) {
		return false
	}
	if b.pinged {
		return true
	}
	b.pinged = true
	return b.send(PartFrame, "ping", func(dst []byte) []byte { return dst })
}

func (b *blocks) delta(p Part, kind, member, value string) bool {
	return b.send(p, "content_block_delta", func(dst []byte) []byte {
		dst = append(append(dst, `,"delta":{"type":"`...), kind...)
		dst = append(append(append(dst, `","`...), member...), `":`...)
		return append(appendString(dst, value), '}')
	})
}

func (b *blocks) close() bool {
	ok := b.send(PartFrame, "content_block_stop", func(dst []byte) []byte { return dst })
	b.index++
	return ok
}

// anthropicEvents spells a stream of a message.
func anthropicEvents(s *say) iter.Seq[event] {
	return func(yield func(event) bool) {
		b := &blocks{yield: yield}
		if !b.send(PartPrelude, "message_start", func(dst []byte) []byte {
			dst = anthropicStart(append(dst, `,"message":`...), s)
			dst = append(dst, `,"content":[],"stop_reason":null,"stop_sequence":null`...)
			return append(append(dst, anthropicUsage(s, true)...), '}')
		}) || !b.thoughts(s) || !b.text(s.content) || !b.calls(s.calls) {
			return
		}
		if !b.send(PartFinish, "message_delta", func(dst []byte) []byte {
			dst = append(anthropicEnd(append(dst, `,"delta":{`...), s), '}')
			return append(dst, anthropicUsage(s, false)...)
		}) {
			return
		}
		b.send(PartDone, "message_stop", func(dst []byte) []byte { return dst })
	}
}

func (b *blocks) thoughts(s *say) bool {
	if n, _ := s.reasoning.size(); n == 0 {
		return true
	}
	if s.redacted {
		return b.open(PartFrame, s.thinkingBlock) && b.close()
	}
	if !b.open(PartFrame, func(dst []byte) []byte { return append(dst, `{"type":"thinking","thinking":"","signature":""}`...) }) {
		return false
	}
	for piece := range s.reasoning.pieces() {
		if !s.thoughtOmitted() && !b.delta(PartContent, "thinking_delta", "thinking", piece) {
			return false
		}
	}
	return b.delta(PartFrame, "signature_delta", "signature", s.thoughtSignature(s.reasoning.whole())) && b.close()
}

func (b *blocks) text(p prose) bool {
	if _, n := p.size(); n == 0 {
		return true
	}
	if !b.open(PartFrame, func(dst []byte) []byte { return append(dst, `{"type":"text","text":""}`...) }) {
		return false
	}
	for piece := range p.pieces() {
		if !b.delta(PartContent, "text_delta", "text", piece) {
			return false
		}
	}
	return b.close()
}

// calls spells tool calls one after another: the API never mixes blocks. Each
// begins with an empty delta, as the API's do.
func (b *blocks) calls(calls []call) bool {
	for step := range callSteps(calls, false) {
		var ok bool
		switch c := calls[step.index]; {
		case step.opens:
			ok = b.open(PartContent, func(dst []byte) []byte { return anthropicCall(dst, c, c.opening()) }) &&
				(c.shape != "" || b.delta(PartFrame, "input_json_delta", "partial_json", ""))
		case step.closes:
			ok = b.close()
		default:
			ok = b.delta(PartContent, "input_json_delta", "partial_json", step.piece)
		}
		if !ok {
			return false
		}
	}
	return true
}
