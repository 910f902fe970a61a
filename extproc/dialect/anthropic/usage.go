package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// FindUsage gives the usage object of a whole JSON answer; nil if it has none.
func FindUsage(body []byte) []byte { return members.Find(body, "usage") }

// DecodeUsage reads a usage object, or several one after the other: those of
// message_start and of message_delta; nil if they count nothing.
func DecodeUsage(raw []byte) *llm.Usage {
	var c counts
	for object := range members.Values(raw) {
		c.add(object)
	}
	return c.usage()
}

// counts are the classes as the API reports them: input that is read from or
// written to the cache stands beside input_tokens, not within. Streams report
// running totals in message_start and message_delta, compatible providers all
// but zeros in only one of them, so per class the greatest holds.
type counts struct {
	fresh, read, write, writeHour, output, thinking llm.Opt[llm.Tokens]
	extra                                           llm.Extras
}

// add takes a report in; false if it is none.
func (c *counts) add(raw []byte) bool {
	w := scan.Over(raw)
	if !w.Object() {
		return false
	}
	var brief, hour llm.Opt[llm.Tokens]
	for w.Member() {
		switch key := w.Key(); string(key) {
		case "input_tokens":
			greater(&c.fresh, members.Count(w.Value()))
		case "cache_read_input_tokens":
			greater(&c.read, members.Count(w.Value()))
		case "cache_creation_input_tokens":
			greater(&c.write, members.Count(w.Value()))
		case "cache_creation":
			for ok := w.Object(); ok && w.Member(); {
				switch string(w.Key()) {
				case "ephemeral_5m_input_tokens":
					brief = members.Count(w.Value())
				case "ephemeral_1h_input_tokens":
					hour = members.Count(w.Value())
				}
			}
		case "output_tokens":
			greater(&c.output, members.Count(w.Value()))
		case "output_tokens_details":
			for ok := w.Object(); ok && w.Member(); {
				if string(w.Key()) == "thinking_tokens" {
					greater(&c.thinking, members.Count(w.Value()))
				}
			}
		default:
			name := string(key)
			if value := w.Value(); !scan.IsNull(value) {
				c.keep(extra(name, value))
			}
		}
	}
	greater(&c.writeHour, hour)
	if brief.Set() || hour.Set() {
		greater(&c.write, llm.Some(brief.Or(0)+hour.Or(0)))
	}
	return true
}

// maxUsageExtras bounds the members that are remembered.
const maxUsageExtras = 32

func (c *counts) keep(x llm.Extra) {
	for i := range c.extra {
		if c.extra[i].Name == x.Name {
			c.extra[i] = x
			return
		}
	}
	if len(c.extra) < maxUsageExtras {
		c.extra = append(c.extra, x)
	}
}

func greater(into *llm.Opt[llm.Tokens], n llm.Opt[llm.Tokens]) {
	if v, ok := n.Get(); ok && v >= into.Or(0) {
		*into = n
	}
}

// usage is what the reports so far say; nil if they count nothing.
func (c *counts) usage() *llm.Usage {
	u := llm.Usage{
		CacheRead: c.read, CacheWrite: c.write, CacheWriteHour: c.writeHour, Output: c.output, Reasoning: c.thinking,
		Extra: append(llm.Extras(nil), c.extra...),
	}
	if c.fresh.Set() || c.read.Set() || c.write.Set() {
		u.Input = llm.Some(c.fresh.Or(0) + c.read.Or(0) + c.write.Or(0))
	}
	if !u.Known() {
		return nil
	}
	return &u
}

// usage writes a usage object with the members that clients count on.
func (o *object) usage(u *llm.Usage) {
	o.Begin("usage")
	o.Integer("input_tokens", int64(u.Fresh()))
	o.Integer("cache_creation_input_tokens", int64(u.CacheWrite.Or(0)))
	o.Integer("cache_read_input_tokens", int64(u.CacheRead.Or(0)))
	if hour, ok := u.CacheWriteHour.Get(); ok {
		o.Begin("cache_creation")
		o.Integer("ephemeral_5m_input_tokens", int64(max(0, u.CacheWrite.Or(0)-hour)))
		o.Integer("ephemeral_1h_input_tokens", int64(hour))
		o.End()
	}
	o.Integer("output_tokens", int64(u.Output.Or(0)))
	if n, ok := u.Reasoning.Get(); ok {
		o.Begin("output_tokens_details")
		o.Integer("thinking_tokens", int64(n))
		o.End()
	}
	o.extras(u.Extra, "")
	o.End()
}
