package extproc

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

func TestLimitsAreToldInTheWordsOfTheClientsVendor(t *testing.T) {
	t.Parallel()
	soon, later := epoch.Add(time.Minute), epoch.Add(90*time.Minute+250*time.Millisecond)
	standings := []quota.Remaining{
		{Unit: quota.Requests, Amount: 100, Remaining: 90, Resets: soon},
		{Unit: quota.Requests, Amount: 1000, Remaining: 10, Resets: later}, // ends first
		{Unit: quota.Requests, Amount: 5, Remaining: 0},                    // never begins anew
		{Unit: quota.Tokens, Amount: 4000, Remaining: -3, Resets: soon},
		{Unit: quota.Input, Amount: 3000, Remaining: 2000, Resets: soon},
		{Unit: quota.Money, Amount: 100, Remaining: 1, Resets: soon},
		{Unit: quota.Concurrent, Amount: 100, Remaining: 1},
	}
	openAI := [][2]string{
		{"x-ratelimit-limit-requests", "1000"},
		{"x-ratelimit-remaining-requests", "10"},
		{"x-ratelimit-reset-requests", "1h30m0.25s"},
		{"x-ratelimit-limit-tokens", "4000"},
		{"x-ratelimit-remaining-tokens", "0"},
		{"x-ratelimit-reset-tokens", "1m0s"},
	}
	anthropic := [][2]string{
		{"anthropic-ratelimit-requests-limit", "1000"},
		{"anthropic-ratelimit-requests-remaining", "10"},
		{"anthropic-ratelimit-requests-reset", "2027-03-01T01:29:00Z"},
		{"anthropic-ratelimit-tokens-limit", "4000"},
		{"anthropic-ratelimit-tokens-remaining", "0"},
		{"anthropic-ratelimit-tokens-reset", "2027-03-01T00:00:00Z"},
		{"anthropic-ratelimit-input-tokens-limit", "3000"},
		{"anthropic-ratelimit-input-tokens-remaining", "2000"},
		{"anthropic-ratelimit-input-tokens-reset", "2027-03-01T00:00:00Z"},
	}
	for dialect, want := range map[llm.Dialect][][2]string{
		llm.OpenAI: openAI, llm.Responses: openAI, llm.Gemini: openAI, llm.Embeddings: openAI,
		llm.Anthropic: anthropic, llm.AnthropicCount: anthropic,
	} {
		r := &routing{started: epoch}
		var got [][2]string
		for _, h := range r.limitHeaders(&exchange{codec: table.Codec(dialect)}, standings) {
			got = append(got, [2]string{h.name, string(h.value)})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dialect, diff)
		}
	}
}

func TestAResetThatHasPassedIsNow(t *testing.T) {
	t.Parallel()
	r := &routing{started: epoch}
	set := r.limitHeaders(&exchange{codec: table.Codec(llm.OpenAI)}, []quota.Remaining{{Unit: quota.Requests, Amount: 1, Resets: epoch.Add(-time.Second)}})
	if got := string(set[2].value); got != "0s" {
		t.Errorf("resets in %s", got)
	}
}

func TestEveryHeaderOfLimitsIsOneThatEnvoySets(t *testing.T) {
	t.Parallel()
	known := make(map[string]bool)
	for _, name := range envoy.LimitHeaders {
		known[name] = true
	}
	var all []quota.Remaining
	for u := range quota.NumUnits {
		all = append(all, quota.Remaining{Unit: u, Amount: 1, Resets: epoch})
	}
	for _, d := range []llm.Dialect{llm.OpenAI, llm.Anthropic} {
		for _, h := range (&routing{}).limitHeaders(&exchange{codec: table.Codec(d)}, all) {
			if !known[h.name] {
				t.Errorf("%s is set by nobody", h.name)
			}
		}
	}
}

func TestLimitsAreToldOnSuccessAndOnRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newPremises(t, "open: true"+shopModels+"budgets: [{name: few, requests: 2, per: minute}]\n").open(t)
		<-time.After(time.Second)
		for i, want := range []string{"1", "0"} {
			v := h.send("/v1/chat/completions", chat("sim/leave"))
			facts, _ := v.facts[envoy.LimitsNamespace].(map[string]any)
			if facts["x-ratelimit-limit-requests"] != "2" || facts["x-ratelimit-remaining-requests"] != want || facts["x-ratelimit-reset-requests"] != "59s" {
				t.Errorf("request %d: %v", i, facts)
			}
		}
		v := h.send("/v1/chat/completions", chat("sim/leave"))
		if v.status != 429 || v.headers["x-ratelimit-remaining-requests"] != "0" || v.headers["x-ratelimit-limit-requests"] != "2" || v.headers["retry-after"] != "59" {
			t.Errorf("%d %v", v.status, v.headers)
		}
		<-time.After(silence + time.Minute)
		h.freed()
	})
}

func TestWithoutLimitsNothingIsTold(t *testing.T) {
	t.Parallel()
	if limitFacts(nil) != nil {
		t.Error("facts of nothing")
	}
}
