package llm_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestAnAbsentValueIsNotAZero(t *testing.T) {
	var absent llm.Opt[int64]
	zero := llm.Some[int64](0)
	if absent.Equal(zero) || absent.Set() || !zero.Set() || absent.Or(7) != 7 || zero.Or(7) != 0 {
		t.Error("absent and zero are confused")
	}
	if v, ok := zero.Get(); v != 0 || !ok {
		t.Error("a present zero is lost")
	}
}

func TestUsageOfStartAndEndIsMerged(t *testing.T) {
	n := llm.Some[llm.Tokens]
	for _, c := range []struct {
		name       string
		start, end llm.Usage
		want       llm.Usage
	}{
		{
			"input at the start, output at the end",
			llm.Usage{Input: n(9038), CacheRead: n(9000), Output: n(1)},
			llm.Usage{Output: n(50)},
			llm.Usage{Input: n(9038), CacheRead: n(9000), Output: n(50)},
		},
		{
			"input and cache only at the end",
			llm.Usage{Input: n(5), Output: n(1)},
			llm.Usage{Input: n(9038), CacheRead: n(9000), Output: n(50)},
			llm.Usage{Input: n(9038), CacheRead: n(9000), Output: n(50)},
		},
		{
			"a zero at the end erases nothing",
			llm.Usage{Input: n(9038), CacheWrite: n(30)},
			llm.Usage{Input: n(0), CacheWrite: n(0), Output: n(2)},
			llm.Usage{Input: n(9038), CacheWrite: n(30), Output: n(2)},
		},
		{"a zero alone is known", llm.Usage{}, llm.Usage{Output: n(0)}, llm.Usage{Output: n(0)}},
	} {
		got := c.start
		got.Merge(c.end)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestInputTokensAreCountedOnce(t *testing.T) {
	n := llm.Some[llm.Tokens]
	u := llm.Usage{Input: n(100), CacheRead: n(60), CacheWrite: n(30), Output: n(5), Reasoning: n(3)}
	if u.Fresh() != 10 || u.Total() != 105 {
		t.Errorf("fresh %d, total %d", u.Fresh(), u.Total())
	}
	odd := llm.Usage{Input: n(1), CacheRead: n(60)}
	if odd.Fresh() != 0 {
		t.Error("fresh input is negative")
	}
}

func TestUnbelievableCountsAreIgnored(t *testing.T) {
	for _, n := range []int64{-1, 1 << 62} {
		if llm.Count(n).Set() {
			t.Errorf("%d is believed", n)
		}
	}
	if llm.Count(0) != llm.Some[llm.Tokens](0) {
		t.Error("zero is not believed")
	}
}

func TestNeedsFollowFromTheRequest(t *testing.T) {
	image := llm.Part{Kind: llm.Image, Media: &llm.Media{URL: "u"}}
	r := &llm.Request{
		Tools:  []llm.Tool{{Name: "t"}},
		Format: llm.Format{Kind: llm.FormatJSONSchema},
		N:      llm.Some[int64](2), Logprobs: llm.Some(true),
		Reasoning: llm.Reasoning{Effort: llm.Some("low")},
		Messages: []llm.Message{{Parts: []llm.Part{
			{Kind: llm.File, Media: &llm.Media{}},
			{Kind: llm.Audio, Media: &llm.Media{}},
			{Kind: llm.Result, Result: &llm.ToolResult{Parts: []llm.Part{image}}},
		}}},
	}
	want := llm.NeedTools | llm.NeedImages | llm.NeedFiles | llm.NeedAudio | llm.NeedJSONSchema | llm.NeedReasoning | llm.NeedLogprobs | llm.NeedChoices
	if got := r.Needs(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (&llm.Request{Reasoning: llm.Reasoning{Effort: llm.Some("none")}}).Needs(); got != 0 {
		t.Errorf("a plain request needs %s", got)
	}
	if missing := want.Missing(llm.NeedTools | llm.NeedImages); missing.Has(llm.NeedTools) || !missing.Has(llm.NeedFiles) {
		t.Errorf("missing %s", missing)
	}
}

func TestEveryNameIsThere(t *testing.T) {
	all := ^llm.Needs(0) >> (16 - 13)
	if names := strings.Split(all.String(), ", "); len(names) != 13 || strings.Contains(all.String(), ", ,") {
		t.Errorf("names %q", names)
	}
	seen := map[string]bool{}
	for k := range llm.NumKinds {
		if k.Status() < 400 || k.String() == "" || seen[k.String()] {
			t.Errorf("kind %d: %d %q", k, k.Status(), k)
		}
		seen[k.String()] = true
	}
	for r := range llm.NumFinishReasons {
		if r.String() == "" {
			t.Errorf("reason %d has no name", r)
		}
	}
}

func TestOnlyContentEndsThePrelude(t *testing.T) {
	for _, c := range []struct {
		ev   llm.Event
		want bool
	}{
		{llm.Event{Kind: llm.Start}, false},
		{llm.Event{Kind: llm.Ping}, false},
		{llm.Event{Kind: llm.UsageUpdate}, false},
		{llm.Event{Kind: llm.ExtraEvent}, false},
		{llm.Event{Kind: llm.TextDelta}, false},
		{llm.Event{Kind: llm.TextDelta, Text: "x"}, true},
		{llm.Event{Kind: llm.ReasoningDelta, Thought: &llm.Thought{Encrypted: "x"}}, true},
		{llm.Event{Kind: llm.ToolStart}, true},
		{llm.Event{Kind: llm.MediaPart}, true},
		{llm.Event{Kind: llm.Finish}, true},
	} {
		if c.ev.Carries() != c.want {
			t.Errorf("%+v carries content: %t", c.ev, !c.want)
		}
	}
}

func TestExtrasAreFoundByDialect(t *testing.T) {
	x := llm.Extras{{Dialect: llm.Anthropic, Name: "a", Value: llm.Raw("1")}, {Dialect: llm.OpenAI, Name: "a", Value: llm.Raw("2")}}
	if string(x.Get(llm.OpenAI, "a")) != "2" || x.Get(llm.Gemini, "a") != nil {
		t.Error("the wrong extra is found")
	}
}
