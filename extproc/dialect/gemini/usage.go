package gemini

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// FindUsage gives the usage object of a whole JSON answer; nil if it has none.
func FindUsage(body []byte) []byte { return members.Find(body, "usageMetadata") }

// DecodeUsage reads a usage object, or several one after the other as a stream
// reported them; nil if they count nothing.
func DecodeUsage(raw []byte) *llm.Usage {
	var total *llm.Usage
	for one := range members.Values(raw) {
		switch u := decodeUsage(one); {
		case u == nil:
		case total == nil:
			total = u
		default:
			total.Merge(*u)
		}
	}
	return total
}

// decodeUsage reads a usage object. promptTokenCount includes cached tokens;
// what tools of the vendor's put into the prompt is counted beside it, and
// thoughts beside the candidates.
func decodeUsage(raw []byte) *llm.Usage {
	u := &llm.Usage{}
	var prompt, tools, candidates llm.Opt[llm.Tokens]
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		key := string(w.Key())
		value := w.Value()
		switch key {
		case "promptTokenCount":
			prompt = count(value)
		case "candidatesTokenCount", "responseTokenCount":
			candidates = count(value)
		case "thoughtsTokenCount":
			u.Reasoning = count(value)
		case "cachedContentTokenCount":
			u.CacheRead = count(value)
		case "totalTokenCount":
		case "toolUsePromptTokenCount":
			tools = count(value)
			u.Extra = append(u.Extra, extra(key, value))
		default:
			switch key {
			case "promptTokensDetails":
				u.AudioInput = audio(value)
			case "candidatesTokensDetails":
				u.AudioOut = audio(value)
			}
			u.Extra = append(u.Extra, extra(key, value))
		}
	}
	u.Input, u.Output = sum(prompt, tools), sum(candidates, u.Reasoning)
	if !u.Known() {
		return nil
	}
	return u
}

func count(raw []byte) llm.Opt[llm.Tokens] {
	n, ok := integerOf(raw)
	if !ok {
		return llm.Opt[llm.Tokens]{}
	}
	return llm.Count(n)
}

func sum(a, b llm.Opt[llm.Tokens]) llm.Opt[llm.Tokens] {
	if !a.Set() && !b.Set() {
		return a
	}
	return llm.Count(int64(a.Or(0) + b.Or(0)))
}

// audio finds the sound's share in a list of tokens by modality.
func audio(raw []byte) (n llm.Opt[llm.Tokens]) {
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		if one := w.Value(); string(members.Find(one, "modality")) == `"AUDIO"` {
			n = count(members.Find(one, "tokenCount"))
		}
	}
	return n
}

// usage writes a usage object.
func (o *object) usage(u *llm.Usage) {
	tools, _ := count(u.Extra.Get(llm.Gemini, "toolUsePromptTokenCount")).Get()
	o.Begin("usageMetadata")
	o.Integer("promptTokenCount", int64(max(0, u.Input.Or(0)-tools)))
	if n, ok := u.Output.Get(); ok {
		o.Integer("candidatesTokenCount", int64(max(0, n-u.Reasoning.Or(0))))
	}
	o.Integer("totalTokenCount", int64(u.Total()))
	o.OptTokens("cachedContentTokenCount", u.CacheRead)
	o.OptTokens("thoughtsTokenCount", u.Reasoning)
	o.extras(u.Extra, "")
	o.End()
}
