package bedrock

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// FindUsage gives the usage object of a whole JSON answer; nil if it has none.
func FindUsage(body []byte) []byte { return members.Find(body, "usage") }

// DecodeUsage reads a usage object, or several one after the other; nil if they
// count nothing. Converse counts what comes from or goes to the cache beside
// inputTokens.
func DecodeUsage(raw []byte) *llm.Usage {
	var sum llm.Usage
	for value := range members.Values(raw) {
		if u := tokenUsage(value); u != nil {
			sum.Merge(*u)
		}
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
			u.Input = members.Count(value)
		case "outputTokens":
			u.Output = members.Count(value)
		case "cacheReadInputTokens":
			u.CacheRead = members.Count(value)
		case "cacheWriteInputTokens":
			u.CacheWrite = members.Count(value)
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

// writtenForHour adds up the cache writes that live for an hour.
func writtenForHour(raw []byte) (sum llm.Opt[llm.Tokens]) {
	w := scan.Over(raw)
	for ok := w.Array(); ok && w.Element(); {
		detail := w.Value()
		if string(members.Find(detail, "ttl")) != `"1h"` {
			continue
		}
		if n, ok := members.Count(members.Find(detail, "inputTokens")).Get(); ok {
			sum = llm.Some(sum.Or(0) + n)
		}
	}
	return sum
}
