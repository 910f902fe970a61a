package simulator

import (
	"encoding/base64"
	"hash/crc32"
	"iter"
	"strconv"
	"strings"
)

// bedrockStops are the reasons in this vendor's words.
var bedrockStops = map[string]string{
	"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "content_filtered",
}

func bedrockStop(s *say) string {
	switch word := bedrockStops[s.finish]; {
	case s.blocked == "content_policy_violation":
		return "guardrail_intervened"
	case s.finish == "stop" && s.stopped != "":
		return "stop_sequence"
	case word != "":
		return word
	}
	return s.finish
}

// bedrockBlocked is what a guardrail says instead of the model.
const bedrockBlocked = "Sorry, the model cannot answer this question."

// bedrockContent is what is said: where a guardrail intervenes, its words.
func bedrockContent(s *say) prose {
	if s.blocked == "content_policy_violation" {
		return prose{text: bedrockBlocked, total: len(bedrockBlocked), events: 1, runes: len(bedrockBlocked)}
	}
	return s.content
}

// bedrockAnswer spells a ConverseResponse.
func bedrockAnswer(s *say) document {
	d := document{head: []byte(`{"metrics":{"latencyMs":`)}
	d.head = append(strconv.AppendInt(d.head, bedrockLatency(s), 10), `},"output":{"message":{"content":[`...)
	open := len(d.head)
	if n, _ := s.reasoning.size(); n > 0 {
		d.head = append(bedrockThought(d.head, s), '}')
	}
	content := bedrockContent(s)
	length, pieces := content.size()
	if pieces > 0 {
		d.head = append(comma(d.head, open), `{"text":`...)
		if content.text != "" {
			d.head = appendString(d.head, content.text)
			d.tail = append(d.tail, '}')
		} else {
			d.head = append(d.head, '"')
			d.content, d.length = content, length
			d.tail = append(d.tail, `"}`...)
		}
	}
	for i, c := range s.calls {
		if i > 0 || len(d.head) > open {
			d.tail = append(d.tail, ',')
		}
		d.tail = append(bedrockCall(append(d.tail, `{"toolUse":{`...), c), `,"input":`...)
		arguments := c.arguments
		if arguments == "" {
			arguments = "{}"
		}
		d.tail = append(append(d.tail, arguments...), `}}`...)
	}
	d.tail = append(d.tail, `],"role":"assistant"}},"stopReason":`...)
	d.tail = appendString(d.tail, bedrockStop(s))
	if s.usage != nil {
		d.tail = bedrockUsage(append(d.tail, `,"usage":`...), s.usage)
	}
	d.tail = append(d.tail, '}')
	return d
}

// bedrockThought appends a block with the reasoning; its last brace is left to
// the caller. Only Anthropic's models sign.
func bedrockThought(dst []byte, s *say) []byte {
	text := s.reasoning.whole()
	dst = append(dst, `{"reasoningContent":{`...)
	if s.redacted {
		return append(bedrockRedacted(dst, text), '}')
	}
	shown := text
	if s.thoughtOmitted() {
		shown = ""
	}
	dst = append(dst, `"reasoningText":{`...)
	if s.asked.claude() {
		dst = append(appendString(append(dst, `"signature":`...), s.thoughtSignature(text)), ',')
	}
	return append(appendString(append(dst, `"text":`...), shown), `}}`...)
}

// bedrockRedacted appends reasoning that is encrypted: a blob, whose bytes are
// Anthropic's data.
func bedrockRedacted(dst []byte, text string) []byte {
	blob := base64.StdEncoding.EncodeToString([]byte(wrap(thoughtForm, text)))
	return appendString(append(dst, `"redactedContent":`...), blob)
}

// bedrockCall appends name and id of a call.
func bedrockCall(dst []byte, c call) []byte {
	dst = appendString(append(dst, `"name":`...), c.name)
	return appendString(append(dst, `,"toolUseId":`...), "tooluse_"+strings.TrimPrefix(c.id, "call_")[:22])
}

// bedrockUsage counts caches beside the input.
func bedrockUsage(dst []byte, u *counts) []byte {
	dst = append(dst, '{')
	if u.written > 0 {
		dst = append(strconv.AppendInt(append(dst, `"cacheDetails":[{"inputTokens":`...), u.written, 10), `,"ttl":"5m"}],`...)
	}
	dst = strconv.AppendInt(append(dst, `"cacheReadInputTokens":`...), u.cached, 10)
	dst = strconv.AppendInt(append(dst, `,"cacheWriteInputTokens":`...), u.written, 10)
	dst = strconv.AppendInt(append(dst, `,"inputTokens":`...), u.prompt-u.cached-u.written, 10)
	dst = strconv.AppendInt(append(dst, `,"outputTokens":`...), u.completion, 10)
	return append(strconv.AppendInt(append(dst, `,"totalTokens":`...), u.total, 10), '}')
}

// bedrockLatency is what the answer would have taken, in milliseconds.
func bedrockLatency(s *say) int64 {
	if s.usage == nil {
		return 1
	}
	return 1 + s.usage.completion
}

// padding is what the service pads its events with, so that their lengths do
// not tell what is inside.
const padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// bedrockFrames spells the events of one stream into two buffers.
type bedrockFrames struct {
	dice           dice
	index          int // of the content block
	payload, frame []byte
	yield          func(event) bool
}

// send yields an event whose payload is what fill appends to the open brace,
// and the padding.
func (b *bedrockFrames) send(p Part, kind string, fill func(dst []byte) []byte) bool {
	b.payload = fill(append(b.payload[:0], '{'))
	if b.payload[len(b.payload)-1] != '{' {
		b.payload = append(b.payload, ',')
	}
	b.payload = append(b.payload, `"p":"`...)
	b.payload = append(b.payload, padding[:1+b.dice.throw()%uint64(len(padding))]...)
	b.payload = append(b.payload, `"}`...)
	b.frame = appendJSONEvent(b.frame[:0], kind, b.payload)
	return b.yield(event{part: p, data: b.frame})
}

// block yields an event of the present content block.
func (b *bedrockFrames) block(p Part, kind string, fill func(dst []byte) []byte) bool {
	return b.send(p, kind, func(dst []byte) []byte {
		return fill(strconv.AppendInt(append(dst, `"contentBlockIndex":`...), int64(b.index), 10))
	})
}

// delta yields a delta: what stands before a text, the text and what follows.
func (b *bedrockFrames) delta(p Part, before, text, after string) bool {
	return b.block(p, "contentBlockDelta", func(dst []byte) []byte {
		dst = append(append(dst, `,"delta":{`...), before...)
		return append(append(appendString(dst, text), after...), '}')
	})
}

func (b *bedrockFrames) close() bool {
	ok := b.block(PartFrame, "contentBlockStop", func(dst []byte) []byte { return dst })
	b.index++
	return ok
}

// bedrockEvents spells a ConverseStream. Blocks of text and reasoning have no
// start; usage comes last, after the stop.
func bedrockEvents(s *say) iter.Seq[event] {
	return func(yield func(event) bool) {
		b := &bedrockFrames{yield: yield, dice: dice(crc32.Checksum([]byte(s.id), castagnoli))}
		if !b.send(PartPrelude, "messageStart", func(dst []byte) []byte { return append(dst, `"role":"assistant"`...) }) ||
			!b.thoughts(s) || !b.text(bedrockContent(s)) || !b.calls(s.calls) {
			return
		}
		if !b.send(PartFinish, "messageStop", func(dst []byte) []byte {
			return appendString(append(dst, `"stopReason":`...), bedrockStop(s))
		}) {
			return
		}
		b.send(PartUsage, "metadata", func(dst []byte) []byte {
			dst = strconv.AppendInt(append(dst, `"metrics":{"latencyMs":`...), bedrockLatency(s), 10)
			dst = append(dst, '}')
			if s.usage != nil {
				dst = bedrockUsage(append(dst, `,"usage":`...), s.usage)
			}
			return dst
		})
	}
}

func (b *bedrockFrames) thoughts(s *say) bool {
	n, _ := s.reasoning.size()
	if n == 0 {
		return true
	}
	text := s.reasoning.whole()
	if s.redacted {
		return b.block(PartFrame, "contentBlockDelta", func(dst []byte) []byte {
			return append(bedrockRedacted(append(dst, `,"delta":{"reasoningContent":{`...), text), `}}`...)
		}) && b.close()
	}
	for piece := range s.reasoning.pieces() {
		if !s.thoughtOmitted() && !b.delta(PartContent, `"reasoningContent":{"text":`, piece, `}`) {
			return false
		}
	}
	if s.asked.claude() && !b.delta(PartFrame, `"reasoningContent":{"signature":`, s.thoughtSignature(text), `}`) {
		return false
	}
	return b.close()
}

func (b *bedrockFrames) text(p prose) bool {
	if _, n := p.size(); n == 0 {
		return true
	}
	for piece := range p.pieces() {
		if !b.delta(PartContent, `"text":`, piece, ``) {
			return false
		}
	}
	return b.close()
}

// calls spells tool calls one after another: the service never mixes blocks.
func (b *bedrockFrames) calls(calls []call) bool {
	for step := range callSteps(calls, false) {
		ok := true
		switch c := calls[step.index]; {
		case step.opens:
			ok = b.block(PartContent, "contentBlockStart", func(dst []byte) []byte {
				return append(bedrockCall(append(dst, `,"start":{"toolUse":{`...), c), `}}`...)
			}) && (c.opening() == "" || b.delta(PartFrame, `"toolUse":{"input":`, c.opening(), `}`))
		case step.closes:
			if c.shape == argumentsLast {
				ok = b.delta(PartFrame, `"toolUse":{"input":`, c.arguments, `}`)
			}
			ok = ok && b.close()
		default:
			ok = b.delta(PartContent, `"toolUse":{"input":`, step.piece, `}`)
		}
		if !ok {
			return false
		}
	}
	return true
}
