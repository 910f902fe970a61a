package bedrock

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// FindUsage gives the usage object of a whole JSON answer; nil if it has none.
func FindUsage(body []byte) []byte { return member(body, "usage") }

// DecodeUsage reads a usage object, or several one after the other; nil if they
// count nothing. Converse counts what comes from or goes to the cache beside
// inputTokens.
func DecodeUsage(raw []byte) *llm.Usage {
	var sum llm.Usage
	for len(raw) > 0 {
		w := scan.Over(raw)
		value := w.Value()
		if value == nil {
			break
		}
		if u := tokenUsage(value); u != nil {
			sum.Merge(*u)
		}
		raw = raw[w.Pos():]
	}
	if !sum.Known() {
		return nil
	}
	return &sum
}

func tokenUsage(raw []byte) *llm.Usage {
	u := &llm.Usage{}
	w := scan.Over(raw)
	for ok := w.Object(); ok && w.Member(); {
		name, value := string(w.Key()), w.Value()
		switch name {
		case "inputTokens":
			u.Input = count(value)
		case "outputTokens":
			u.Output = count(value)
		case "cacheReadInputTokens":
			u.CacheRead = count(value)
		case "cacheWriteInputTokens":
			u.CacheWrite = count(value)
		case "cacheDetails":
			u.CacheWriteHour = writtenForHour(value)
		case "totalTokens", "cacheReadInputTokenCount", "cacheWriteInputTokenCount": // sums and old names
		default:
			if !scan.IsNull(value) {
				u.Extra = append(u.Extra, *extra(name, value))
			}
		}
	}
	if !u.Known() {
		return nil
	}
	if n, ok := u.Input.Get(); ok {
		u.Input = llm.Some(n + u.CacheRead.Or(0) + u.CacheWrite.Or(0))
	}
	return u
}

func count(raw []byte) llm.Opt[llm.Tokens] {
	n, ok := scan.Int(raw)
	if !ok {
		return llm.Opt[llm.Tokens]{}
	}
	return llm.Count(n)
}

// writtenForHour adds up the cache writes that live for an hour.
func writtenForHour(raw []byte) (sum llm.Opt[llm.Tokens]) {
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		detail := w.Value()
		if string(member(detail, "ttl")) != `"1h"` {
			continue
		}
		if n, ok := count(member(detail, "inputTokens")).Get(); ok {
			sum = llm.Some(sum.Or(0) + n)
		}
	}
	return sum
}
