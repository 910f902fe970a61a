package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// DecodeUsage reads a usage object, or several one after the other of which the
// last that counts something holds; nil if none does. Members without a neutral
// word stay as Extra.
func DecodeUsage(raw []byte) (last *llm.Usage) {
	for len(raw) > 0 {
		w := scan.Over(raw)
		value := w.Value()
		if value == nil {
			break
		}
		if u := readUsage(value); u != nil {
			last = u
		}
		raw = raw[w.Pos():]
	}
	return last
}

func readUsage(raw []byte) *llm.Usage {
	if scan.KindOf(raw) != scan.Object {
		return nil
	}
	u := &llm.Usage{}
	var total llm.Opt[llm.Tokens]
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		key := string(w.Key())
		value := w.Value()
		switch key {
		case "input_tokens":
			u.Input = count(value)
		case "output_tokens":
			u.Output = count(value)
		case "total_tokens":
			total = count(value)
		case "input_tokens_details":
			usageDetails(u, value, inInputDetails)
		case "output_tokens_details":
			usageDetails(u, value, inOutputDetails)
		default:
			u.Extra = append(u.Extra, extra(key, value))
		}
	}
	if !u.Known() {
		return nil
	}
	// xAI may count reasoning beside output_tokens; only its total tells.
	if n, ok := u.Reasoning.Get(); ok && n > 0 && total.Or(0) == u.Total()+n {
		u.Output = llm.Some(u.Output.Or(0) + n)
	}
	return u
}

func usageDetails(u *llm.Usage, raw []byte, path string) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		name := path + string(w.Key())
		value := w.Value()
		switch name {
		case inInputDetails + "cached_tokens":
			u.CacheRead = count(value)
		case inInputDetails + "cache_write_tokens":
			u.CacheWrite = count(value)
		case inInputDetails + "audio_tokens":
			u.AudioInput = count(value)
		case inOutputDetails + "reasoning_tokens":
			u.Reasoning = count(value)
		case inOutputDetails + "audio_tokens":
			u.AudioOut = count(value)
		default:
			if !scan.IsNull(value) {
				u.Extra = append(u.Extra, extra(name, value))
			}
		}
	}
}

func count(raw []byte) llm.Opt[llm.Tokens] {
	n, ok := scan.Int(raw)
	if !ok {
		return llm.Opt[llm.Tokens]{}
	}
	return llm.Count(n)
}

// usage writes a usage object; clients insist on the two details that are
// always there.
func (o *object) usage(u *llm.Usage) {
	if !u.Known() {
		o.Word("usage", "null")
		return
	}
	o.Begin("usage")
	o.Integer("input_tokens", int64(u.Input.Or(0)))
	o.Begin("input_tokens_details")
	o.Integer("cached_tokens", int64(u.CacheRead.Or(0)))
	o.tokensIf("cache_write_tokens", u.CacheWrite)
	o.tokensIf("audio_tokens", u.AudioInput)
	o.extras(u.Extra, inInputDetails)
	o.End()
	o.Integer("output_tokens", int64(u.Output.Or(0)))
	o.Begin("output_tokens_details")
	o.Integer("reasoning_tokens", int64(u.Reasoning.Or(0)))
	o.tokensIf("audio_tokens", u.AudioOut)
	o.extras(u.Extra, inOutputDetails)
	o.End()
	o.Integer("total_tokens", int64(u.Total()))
	o.extras(u.Extra, "")
	o.End()
}

func (o *object) tokensIf(name string, n llm.Opt[llm.Tokens]) {
	if v, ok := n.Get(); ok {
		o.Integer(name, int64(v))
	}
}
