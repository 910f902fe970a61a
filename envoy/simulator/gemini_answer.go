package simulator

import (
	"iter"
	"strconv"
	"time"
)

// geminiFinish are the reasons in this vendor's words; a call of functions is
// no reason of its own.
var geminiFinish = map[string]string{
	"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY",
}

func geminiReason(s *say) string {
	if word := geminiFinish[s.finish]; word != "" {
		return word
	}
	return s.finish
}

// geminiShows tells whether thoughts are shown: not to a client that configures
// thinking without asking for them.
func geminiShows(s *say) bool {
	r := s.asked.hear().Reasoning
	return !s.redacted && (r == nil || r.Summary != "")
}

// geminiSigns tells whether the answer carries a thought signature.
func geminiSigns(s *say) bool {
	n, _ := s.reasoning.size()
	return n > 0 || geminiThree(s.model)
}

// geminiAnswer spells a GenerateContentResponse.
func geminiAnswer(s *say) document {
	if s.blocked != "" {
		return document{head: geminiBlocked(s)}
	}
	const begin, list = `{"candidates":[{"content":{`, `"parts":[`
	d, parts, open := document{}, []byte(begin+list), len(begin+list)
	if n, _ := s.reasoning.size(); n > 0 && geminiShows(s) {
		parts = append(parts, `{"text":"`...)
		for piece := range s.reasoning.blocks(n) {
			parts = appendEscaped(parts, piece)
		}
		parts = append(parts, `","thought":true}`...)
	}
	length, pieces := s.content.size()
	if pieces > 0 {
		parts = comma(parts, open)
		parts = append(parts, `{"text":"`...)
		if s.content.text != "" {
			parts = appendEscaped(parts, s.content.text)
		} else {
			d.content, d.length = s.content, length
		}
		d.tail = append(d.tail, '"')
		if geminiSigns(s) && len(s.calls) == 0 {
			d.tail = append(appendString(append(d.tail, `,"thoughtSignature":`...), geminiSignature(nil)), '}')
		} else {
			d.tail = append(d.tail, '}')
		}
	}
	for i := range s.calls {
		if i > 0 || pieces > 0 || len(parts) > open {
			d.tail = append(d.tail, ',')
		}
		d.tail = geminiCall(d.tail, s, i)
	}
	if len(parts) == open && len(d.tail) == 0 { // parts are left out, not empty
		parts = parts[:len(begin)]
	} else {
		d.tail = append(d.tail, `],`...)
	}
	d.head = parts
	d.tail = append(d.tail, `"role":"model"},"finishReason":`...)
	d.tail = append(appendString(d.tail, geminiReason(s)), `,"index":0}],`...)
	d.tail = geminiEnd(d.tail, s, s.usage)
	return d
}

// comma appends a comma unless a list, whose content begins at an index, is
// empty so far.
func comma(dst []byte, open int) []byte {
	if len(dst) > open {
		return append(dst, ',')
	}
	return dst
}

// geminiCall appends a part with a call. The first one carries the signature.
// Ids are left out, as the API does unless a client works asynchronously.
func geminiCall(dst []byte, s *say, i int) []byte {
	c := &s.calls[i]
	dst = appendString(append(dst, `{"functionCall":{"name":`...), c.name)
	if c.arguments != "" {
		dst = append(append(dst, `,"args":`...), c.arguments...)
	}
	dst = append(dst, '}')
	if i == 0 && geminiSigns(s) {
		dst = appendString(append(dst, `,"thoughtSignature":`...), geminiSignature(c))
	}
	return append(dst, '}')
}

// geminiEnd appends the members that end an answer and every chunk.
func geminiEnd(dst []byte, s *say, u *counts) []byte {
	if u != nil {
		dst = append(geminiUsage(append(dst, `"usageMetadata":`...), u, s.asked.onVertex()), ',')
	}
	dst = appendString(append(dst, `"modelVersion":`...), s.model)
	if s.asked.onVertex() {
		at := time.Unix(s.created, 0).UTC().Format("2006-01-02T15:04:05.000000Z")
		dst = appendString(append(dst, `,"createTime":`...), at)
	}
	return append(appendString(append(dst, `,"responseId":`...), s.id), '}')
}

// geminiUsage counts thoughts beside what candidates say, and what is cached in
// the prompt. Counts of zero are left out.
func geminiUsage(dst []byte, u *counts, vertex bool) []byte {
	dst = append(dst, `{"promptTokenCount":`...)
	dst = strconv.AppendInt(dst, u.prompt, 10)
	if n := u.completion - u.reasoning; n > 0 {
		dst = strconv.AppendInt(append(dst, `,"candidatesTokenCount":`...), n, 10)
	}
	dst = strconv.AppendInt(append(dst, `,"totalTokenCount":`...), u.total, 10)
	if u.cached > 0 {
		dst = strconv.AppendInt(append(dst, `,"cachedContentTokenCount":`...), u.cached, 10)
	}
	dst = strconv.AppendInt(append(dst, `,"promptTokensDetails":[{"modality":"TEXT","tokenCount":`...), u.prompt, 10)
	dst = append(dst, `}]`...)
	if u.cached > 0 {
		dst = strconv.AppendInt(append(dst, `,"cacheTokensDetails":[{"modality":"TEXT","tokenCount":`...), u.cached, 10)
		dst = append(dst, `}]`...)
	}
	if u.reasoning > 0 {
		dst = strconv.AppendInt(append(dst, `,"thoughtsTokenCount":`...), u.reasoning, 10)
	}
	if vertex {
		dst = append(dst, `,"trafficType":"ON_DEMAND"`...)
	}
	return append(dst, '}')
}

// geminiBlocked spells the answer to a prompt that is refused: no candidates.
func geminiBlocked(s *say) []byte {
	word := "PROHIBITED_CONTENT"
	if s.blocked == "content_filter" {
		word = "SAFETY"
	}
	out := appendString([]byte(`{"promptFeedback":{"blockReason":`), word)
	out = append(out, `},`...)
	return geminiEnd(out, s, s.usage)
}

// geminiChunks spells the chunks of one stream into one buffer.
type geminiChunks struct {
	say   *say
	sofar counts
	buf   []byte
	yield func(event) bool
}

// geminiEvents spells a stream of GenerateContentResponse: server-sent events,
// or the elements of one JSON array. Every chunk has the usage so far.
func geminiEvents(s *say) iter.Seq[event] {
	return func(yield func(event) bool) {
		c := &geminiChunks{say: s, yield: yield}
		if s.usage != nil {
			c.sofar = counts{prompt: s.usage.prompt, total: s.usage.prompt, cached: s.usage.cached}
		}
		if c.body() && s.asked.framing.array {
			yield(event{part: PartDone, data: []byte("\n]\n")})
		}
	}
}

// body yields all chunks.
func (c *geminiChunks) body() bool {
	s := c.say
	if s.blocked != "" {
		return c.yield(event{part: PartFinish, data: geminiBlocked(s)})
	}
	if geminiShows(s) {
		for piece := range s.reasoning.pieces() {
			c.sofar.reasoning++
			c.sofar.completion++
			if !c.content(func(dst []byte) []byte {
				return append(appendString(append(dst, `{"text":`...), piece), `,"thought":true}`...)
			}) {
				return false
			}
		}
	} else if s.usage != nil {
		c.sofar.reasoning, c.sofar.completion = s.usage.reasoning, s.usage.reasoning
	}
	for piece := range s.content.pieces() {
		c.sofar.completion++
		if !c.content(func(dst []byte) []byte {
			return append(appendString(append(dst, `{"text":`...), piece), '}')
		}) {
			return false
		}
	}
	for i := range s.calls {
		c.sofar.completion++
		if !c.content(func(dst []byte) []byte { return geminiCall(dst, s, i) }) {
			return false
		}
	}
	return c.finish()
}

// content yields a chunk with one part.
func (c *geminiChunks) content(part func(dst []byte) []byte) bool {
	c.sofar.total = c.sofar.prompt + c.sofar.completion
	u := &c.sofar
	if c.say.usage == nil {
		u = nil
	}
	c.buf = part(append(c.buf[:0], `{"candidates":[{"content":{"parts":[`...))
	c.buf = append(c.buf, `],"role":"model"},"index":0}],`...)
	c.buf = geminiEnd(c.buf, c.say, u)
	return c.yield(event{part: PartContent, data: c.buf})
}

// finish yields the last chunk: an empty text, which carries the signature of
// an answer without calls.
func (c *geminiChunks) finish() bool {
	s := c.say
	c.buf = append(c.buf[:0], `{"candidates":[{"content":{"parts":[{"text":""`...)
	if geminiSigns(s) && len(s.calls) == 0 {
		c.buf = appendString(append(c.buf, `,"thoughtSignature":`...), geminiSignature(nil))
	}
	c.buf = append(c.buf, `}],"role":"model"},"finishReason":`...)
	c.buf = append(appendString(c.buf, geminiReason(s)), `,"index":0}],`...)
	c.buf = geminiEnd(c.buf, s, s.usage)
	return c.yield(event{part: PartFinish, data: c.buf})
}
