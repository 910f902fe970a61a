package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// DecodeUsage reads a usage object, or several one after the other of which the
// last that counts something holds; nil if none does. Members without a neutral
// word stay as Extra.
func DecodeUsage(raw []byte) (last *llm.Usage) {
	for value := range members.Values(raw) {
		if u := readUsage(value); u != nil {
			last = u
		}
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
			u.Input = members.Count(value)
		case "output_tokens":
			u.Output = members.Count(value)
		case "total_tokens":
			total = members.Count(value)
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
	openai.AddReasoning(u, total)
	return u
}

func usageDetails(u *llm.Usage, raw []byte, path string) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		name := string(w.Key())
		if value := w.Value(); !openai.Detail(u, path == inOutputDetails, name, value) && !scan.IsNull(value) {
			u.Extra = append(u.Extra, extra(path+name, value))
		}
	}
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
	o.OptTokens("cache_write_tokens", u.CacheWrite)
	o.OptTokens("audio_tokens", u.AudioInput)
	o.extras(u.Extra, inInputDetails)
	o.End()
	o.Integer("output_tokens", int64(u.Output.Or(0)))
	o.Begin("output_tokens_details")
	o.Integer("reasoning_tokens", int64(u.Reasoning.Or(0)))
	o.OptTokens("audio_tokens", u.AudioOut)
	o.extras(u.Extra, inOutputDetails)
	o.End()
	o.Integer("total_tokens", int64(u.Total()))
	o.extras(u.Extra, "")
	o.End()
}
