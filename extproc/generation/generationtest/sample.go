package generationtest

import (
	"math/rand/v2"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Epoch is when the samples' time begins.
var Epoch = time.Date(2027, 2, 27, 21, 30, 0, 0, time.UTC)

// Full is a record of which every field says something.
func Full() *generation.Record {
	n := llm.Some[llm.Tokens]
	usage := llm.Usage{
		Input: n(1200), CacheRead: n(1000), CacheWrite: n(0), CacheWriteHour: n(0), AudioInput: n(7),
		Output: n(90), Reasoning: n(40), AudioOut: n(3),
	}
	return &generation.Record{
		ID: generation.ID{0xfe, 1, 2}, Started: Epoch.Add(123456789), Key: "ci", KeyID: "k1", Tenant: "acme", Tags: []string{"env:prod", "team \"x\""},
		User: "Zoë 日本 '; DROP TABLE gen_records; --", Surface: "openai", Model: "anthropic/claude-sonnet-4.5", Served: "openai/gpt-5",
		Provider: "openai-eu", TargetID: "gpt-5-2026", Stream: true, Lane: "translate", Status: 200, Finish: "stop",
		Attempts: []generation.Attempt{
			{Provider: "anthropic", Model: "anthropic/claude-sonnet-4.5", Reason: "rate_limited", Status: 429, Began: 1, Took: 2e6, Own: true},
			{Provider: "openai-eu", Model: "openai/gpt-5", Status: 200, Began: 3e6, Took: 4e9, Usage: usage, Cost: 123_456_789, Priced: true},
		},
		Usage: usage, Cost: 123_456_789, Market: 223_456_789, Priced: true, FirstToken: 2e8, Took: 4e9 + 1,
		Estimated: true, Unobserved: true, Aborted: true, Corrected: true, Recovered: true, Error: "overloaded",
		Contents: &generation.Contents{Request: `{"a":"<b>"}`, Answer: "data: …\n\n", Cut: true},
	}
}

// Random is a record of a small world, so that many share each property.
func Random(rnd *rand.Rand) *generation.Record {
	pick := func(words ...string) string { return words[rnd.IntN(len(words))] }
	n := func(most int64) llm.Opt[llm.Tokens] { return llm.Some(llm.Tokens(rnd.Int64N(most))) }
	r := &generation.Record{
		Started: Epoch.Add(time.Duration(rnd.Int64N(int64(60 * time.Hour)))), Key: pick("ci", "web", "O'Neil"), KeyID: pick("", "k1", "k2"),
		Tenant: pick("acme", "globex", ""), User: pick("", "zoë", "%_"), Model: pick("a/1", "a/2"), Status: 200, Priced: rnd.IntN(5) > 0,
		Usage: llm.Usage{Input: n(1e6), Output: n(1e4), CacheRead: n(100), CacheWrite: n(100), Reasoning: n(50)},
		Cost:  llm.NanoUSD(rnd.Int64N(3e9)), Estimated: rnd.IntN(3) == 0, Surface: "openai", Took: time.Duration(rnd.Int64N(1e10)),
	}
	r.Market = r.Cost * 2
	for i := range r.ID {
		r.ID[i] = byte(rnd.Uint32())
	}
	for _, tag := range []string{"env:prod", "x", "\"", "é"} {
		if rnd.IntN(3) == 0 {
			r.Tags = append(r.Tags, tag)
		}
	}
	r.Attempts = []generation.Attempt{{Provider: pick("p", "q"), Took: r.Took, Own: rnd.IntN(3) == 0, Usage: r.Usage, Cost: r.Market}}
	if rnd.IntN(4) == 0 {
		r.Status, r.Error = 502, pick("overloaded", "timeout")
	} else {
		r.Served, r.Provider, r.Finish = pick("a/1", "a/2", "b/3"), r.Attempts[0].Provider, "stop"
	}
	return r
}

// Some are that many random records, always the same for a seed.
func Some(seed uint64, count int) []*generation.Record {
	rnd := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the same records every time
	list := make([]*generation.Record, count)
	for i := range list {
		list[i] = Random(rnd)
	}
	return list
}
