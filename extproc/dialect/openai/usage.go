package openai

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// FindUsage gives the usage object of a whole JSON answer; nil if it has none.
func FindUsage(body []byte) []byte { return members.Find(body, "usage") }

// DecodeUsage reads a usage object; nil if it counts nothing. prompt_tokens
// includes cached tokens everywhere in this dialect; where the cache stands
// differs: prompt_tokens_details (OpenAI), prompt_cache_hit_tokens (DeepSeek),
// cached_tokens (Moonshot), cache_creation_input_tokens (aggregators). Members
// without a neutral word stay as Extra.
func DecodeUsage(raw []byte) *llm.Usage {
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
			u.Input = members.Count(value)
		case "completion_tokens":
			u.Output = members.Count(value)
		case "total_tokens":
			total = members.Count(value)
		case "prompt_tokens_details":
			usageDetails(u, value, inInputDetails)
		case "completion_tokens_details":
			usageDetails(u, value, inOutputDetails)
		case "prompt_cache_hit_tokens", "cached_tokens":
			if !u.CacheRead.Set() {
				u.CacheRead = members.Count(value)
			}
			u.Extra = append(u.Extra, extra(key, value))
		case "cache_creation_input_tokens":
			if !u.CacheWrite.Set() {
				u.CacheWrite = members.Count(value)
			}
			u.Extra = append(u.Extra, extra(key, value))
		default:
			u.Extra = append(u.Extra, extra(key, value))
		}
	}
	if !u.Known() {
		return nil
	}
	AddReasoning(u, total)
	return u
}

// AddReasoning counts reasoning as output where a provider (xAI) counts it
// beside it, which only its total tells.
func AddReasoning(u *llm.Usage, total llm.Opt[llm.Tokens]) {
	if n, ok := u.Reasoning.Get(); ok && n > 0 && total.Or(0) == u.Total()+n {
		u.Output = llm.Some(u.Output.Or(0) + n)
	}
}

func usageDetails(u *llm.Usage, raw []byte, path string) {
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		name := string(w.Key())
		if value := w.Value(); !Detail(u, path == inOutputDetails, name, value) {
			u.Extra = append(u.Extra, extra(path+name, value))
		}
	}
}

// Detail reads a member of the details that this vendor's dialects have of
// input and of output tokens; false if its name is not known.
func Detail(u *llm.Usage, output bool, name string, value []byte) bool {
	var into *llm.Opt[llm.Tokens]
	switch {
	case !output && name == "cached_tokens":
		into = &u.CacheRead
	case !output && name == "cache_write_tokens":
		into = &u.CacheWrite
	case !output && name == "audio_tokens":
		into = &u.AudioInput
	case output && name == "reasoning_tokens":
		into = &u.Reasoning
	case output && name == "audio_tokens":
		into = &u.AudioOut
	default:
		return false
	}
	if n := members.Count(value); n.Set() {
		*into = n
	}
	return true
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
		o.OptTokens(c.name, c.count)
	}
	o.extras(more, path)
	if len(o.B) == empty {
		o.B = o.B[:from]
		return
	}
	o.End()
}
