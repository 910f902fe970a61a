package openai

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// FindUsage gives the usage object of a whole JSON answer; nil if it has none.
func FindUsage(body []byte) (usage []byte) {
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "usage" {
			usage = w.Value()
		}
	}
	return usage
}

// DecodeUsage reads a usage object; nil if it counts nothing.
func DecodeUsage(raw []byte) *llm.Usage { return decodeUsage(raw) }

// decodeUsage reads a usage object; nil if it counts nothing. prompt_tokens
// includes cached tokens everywhere in this dialect; where the cache stands
// differs: prompt_tokens_details (OpenAI), prompt_cache_hit_tokens (DeepSeek),
// cached_tokens (Moonshot), cache_creation_input_tokens (aggregators). Members
// without a neutral word stay as Extra.
func decodeUsage(raw []byte) *llm.Usage {
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
		case "prompt_tokens":
			u.Input = count(value)
		case "completion_tokens":
			u.Output = count(value)
		case "total_tokens":
			total = count(value)
		case "prompt_tokens_details":
			usageDetails(u, value, inInputDetails)
		case "completion_tokens_details":
			usageDetails(u, value, inOutputDetails)
		case "prompt_cache_hit_tokens", "cached_tokens":
			if !u.CacheRead.Set() {
				u.CacheRead = count(value)
			}
			u.Extra = append(u.Extra, extra(key, value))
		case "cache_creation_input_tokens":
			if !u.CacheWrite.Set() {
				u.CacheWrite = count(value)
			}
			u.Extra = append(u.Extra, extra(key, value))
		default:
			u.Extra = append(u.Extra, extra(key, value))
		}
	}
	if !u.Known() {
		return nil
	}
	// xAI counts reasoning beside completion_tokens; only its total tells.
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
			if n := count(value); n.Set() {
				u.CacheRead = n
			}
		case inInputDetails + "cache_write_tokens":
			if n := count(value); n.Set() {
				u.CacheWrite = n
			}
		case inInputDetails + "audio_tokens":
			u.AudioInput = count(value)
		case inOutputDetails + "reasoning_tokens":
			u.Reasoning = count(value)
		case inOutputDetails + "audio_tokens":
			u.AudioOut = count(value)
		default:
			u.Extra = append(u.Extra, extra(name, value))
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

// usage writes a usage object. The details are left out if nothing is known of
// them.
func (o *object) usage(u *llm.Usage) {
	o.Begin("usage")
	o.Integer("prompt_tokens", int64(u.Input.Or(0)))
	o.Integer("completion_tokens", int64(u.Output.Or(0)))
	o.Integer("total_tokens", int64(u.Total()))
	o.details("prompt_tokens_details", inInputDetails, u.Extra,
		class{"cached_tokens", u.CacheRead}, class{"cache_write_tokens", u.CacheWrite}, class{"audio_tokens", u.AudioInput})
	o.details("completion_tokens_details", inOutputDetails, u.Extra,
		class{"reasoning_tokens", u.Reasoning}, class{"audio_tokens", u.AudioOut})
	o.extras(u.Extra, "")
	o.End()
}

type class struct {
	name  string
	count llm.Opt[llm.Tokens]
}

func (o *object) details(name, path string, more llm.Extras, classes ...class) {
	from := len(o.B)
	o.Begin(name)
	empty := len(o.B)
	for _, c := range classes {
		if n, ok := c.count.Get(); ok {
			o.Integer(c.name, int64(n))
		}
	}
	o.extras(more, path)
	if len(o.B) == empty {
		o.B = o.B[:from]
		return
	}
	o.End()
}
