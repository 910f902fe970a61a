package simulator

import (
	"iter"
	"strconv"
)

// openAIAnswer spells a chat.completion.
func openAIAnswer(s *say) document {
	head := openAIStart(nil, s, "chat.completion")
	head = append(head, `,"choices":[{"index":0,"message":{"role":"assistant"`...)
	if n, _ := s.reasoning.size(); n > 0 && !s.redacted {
		head = append(head, `,"reasoning_content":"`...)
		for piece := range s.reasoning.blocks(n) {
			head = appendEscaped(head, piece)
		}
		head = append(head, '"')
	}
	d := document{}
	length, pieces := s.content.size()
	head = append(head, `,"content":`...)
	switch {
	case pieces == 0 && len(s.calls) > 0:
		head = append(head, `null`...)
	case s.content.text != "":
		head = appendString(head, s.content.text)
	default:
		head = append(head, '"')
		d.content, d.length = s.content, length
		d.tail = append(d.tail, '"')
	}
	d.head = head
	d.tail = append(d.tail, `,"refusal":null,"annotations":[]`...)
	if len(s.calls) > 0 {
		d.tail = append(d.tail, `,"tool_calls":[`...)
		for i, c := range s.calls {
			if i > 0 {
				d.tail = append(d.tail, ',')
			}
			d.tail = append(d.tail, `{"id":`...)
			d.tail = appendCall(d.tail, c, c.arguments)
			d.tail = append(d.tail, '}')
		}
		d.tail = append(d.tail, ']')
	}
	d.tail = append(d.tail, `},"logprobs":null,"finish_reason":`...)
	d.tail = append(appendString(d.tail, s.finish), `}]`...)
	if s.usage != nil {
		d.tail = openAIUsage(append(d.tail, `,"usage":`...), s.usage)
	}
	d.tail = append(d.tail, `,"service_tier":"default","system_fingerprint":`...)
	d.tail = append(appendString(d.tail, s.fingerprint), '}')
	return d
}

// openAIStart appends the members that begin an answer and every chunk.
func openAIStart(dst []byte, s *say, object string) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, "chatcmpl-"+s.id)
	dst = append(dst, `,"object":"`...)
	dst = append(dst, object...)
	dst = append(dst, `","created":`...)
	dst = strconv.AppendInt(dst, s.created, 10)
	dst = append(dst, `,"model":`...)
	return appendString(dst, s.model)
}

// appendCall appends id, type and function of a tool call.
func appendCall(dst []byte, c call, arguments string) []byte {
	dst = appendString(dst, c.id)
	dst = append(dst, `,"type":"function","function":{"name":`...)
	dst = appendString(dst, c.name)
	dst = append(dst, `,"arguments":`...)
	return append(appendString(dst, arguments), '}')
}

func openAIUsage(dst []byte, u *counts) []byte {
	dst = strconv.AppendInt(append(dst, `{"prompt_tokens":`...), u.prompt, 10)
	dst = strconv.AppendInt(append(dst, `,"completion_tokens":`...), u.completion, 10)
	dst = strconv.AppendInt(append(dst, `,"total_tokens":`...), u.total, 10)
	dst = strconv.AppendInt(append(dst, `,"prompt_tokens_details":{"cached_tokens":`...), u.cached, 10)
	if u.written > 0 {
		dst = strconv.AppendInt(append(dst, `,"cache_write_tokens":`...), u.written, 10)
	}
	dst = strconv.AppendInt(append(dst, `,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":`...), u.reasoning, 10)
	return append(dst, `,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`...)
}

// chunks spells the chunks of one stream into one buffer.
type chunks struct {
	start, rest []byte // what surrounds delta and finish reason
	buf         []byte
	yield       func(event) bool
}

// delta yields a chunk whose delta is what fill appends.
func (c *chunks) delta(p Part, fill func(dst []byte) []byte) bool {
	c.buf = append(append(c.buf[:0], c.start...), '{')
	c.buf = append(fill(c.buf), `},"logprobs":null,"finish_reason":null}]`...)
	c.buf = append(c.buf, c.rest...)
	return c.yield(event{part: p, data: c.buf})
}

// openAIEvents spells a stream of chat.completion.chunk. With include_usage
// every chunk but the one that carries it says "usage":null.
func openAIEvents(s *say) iter.Seq[event] {
	return func(yield func(event) bool) {
		c := &chunks{yield: yield, start: openAIStart(nil, s, "chat.completion.chunk")}
		c.start = append(c.start, `,"service_tier":"default","system_fingerprint":`...)
		c.start = append(appendString(c.start, s.fingerprint), `,"choices":[`...)
		common := len(c.start)
		c.start = append(c.start, `{"index":0,"delta":`...)
		c.rest = []byte(`}`)
		if s.wantsUsage && s.usage != nil {
			c.rest = []byte(`,"usage":null}`)
		}
		thought := s.reasoning
		if s.redacted {
			thought = prose{}
		}
		if !c.prelude(s) || !c.prose("reasoning_content", thought) || !c.prose("content", s.content) || !c.calls(s.calls) {
			return
		}
		c.buf = append(append(c.buf[:0], c.start...), `{},"logprobs":null,"finish_reason":`...)
		c.buf = append(append(appendString(c.buf, s.finish), `}]`...), c.rest...)
		if !yield(event{part: PartFinish, data: c.buf}) {
			return
		}
		if s.wantsUsage && s.usage != nil {
			c.buf = append(append(c.buf[:0], c.start[:common]...), `],"usage":`...)
			c.buf = append(openAIUsage(c.buf, s.usage), '}')
			if !yield(event{part: PartUsage, data: c.buf}) {
				return
			}
		}
		yield(event{part: PartDone, data: []byte("[DONE]")})
	}
}

// prelude is the role chunk; an answer that only calls tools has no content.
func (c *chunks) prelude(s *say) bool {
	content := `""`
	if _, n := s.content.size(); n == 0 && len(s.calls) > 0 {
		content = "null"
	}
	return c.delta(PartPrelude, func(dst []byte) []byte {
		return append(append(append(dst, `"role":"assistant","content":`...), content...), `,"refusal":null`...)
	})
}

func (c *chunks) prose(member string, p prose) bool {
	for piece := range p.pieces() {
		if !c.delta(PartContent, func(dst []byte) []byte {
			return appendString(append(append(append(dst, '"'), member...), `":`...), piece)
		}) {
			return false
		}
	}
	return true
}

func (c *chunks) calls(calls []call) bool {
	for step := range callSteps(calls, true) {
		call := calls[step.index]
		if !step.closes && !c.delta(PartContent, func(dst []byte) []byte {
			dst = strconv.AppendInt(append(dst, `"tool_calls":[{"index":`...), int64(step.index), 10)
			if step.opens {
				return append(appendCall(append(dst, `,"id":`...), call, call.opening()), `}]`...)
			}
			return append(appendString(append(dst, `,"function":{"arguments":`...), step.piece), `}}]`...)
		}) {
			return false
		}
	}
	return true
}
