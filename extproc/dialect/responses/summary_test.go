package responses_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Anthropic's API shows thoughts unless it is told not to, Google's when it is
// told to; this one shows a summary on demand only.
func TestThoughtsAreShownToWhomTheirOwnVendorShowsThem(t *testing.T) {
	low := llm.Reasoning{Effort: llm.Some("low")}
	with := func(r llm.Reasoning, change func(*llm.Reasoning)) llm.Reasoning { change(&r); return r }
	for _, c := range []struct {
		name      string
		dialect   llm.Dialect
		reasoning llm.Reasoning
		want      string
	}{
		{"Anthropic's client", llm.Anthropic, low, `"summary":"auto"`},
		{"one that hides them", llm.Anthropic, with(low, func(r *llm.Reasoning) { r.Hidden = llm.Some(true) }), ""},
		{"one that wants none", llm.Anthropic, llm.Reasoning{Enabled: llm.Some(false)}, ""},
		{"Google's client", llm.Gemini, low, ""},
		{"one that shows them", llm.Gemini, with(low, func(r *llm.Reasoning) { r.Hidden = llm.Some(false) }), `"summary":"auto"`},
		{"chat", llm.OpenAI, low, ""},
		{"a summary of its own", llm.Anthropic, with(low, func(r *llm.Reasoning) { r.Summary = llm.Some("concise") }), `"summary":"concise"`},
	} {
		rq := llm.Request{
			Dialect: c.dialect, Model: "m", Reasoning: c.reasoning,
			Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "a"}}}},
		}
		got, _, p := responses.EncodeRequest(nil, &rq, dialect.Target{ID: "gpt-x", Genuine: true})
		if p != nil {
			t.Fatal(p)
		}
		if c.want == "" && strings.Contains(string(got), `"summary"`) || !strings.Contains(string(got), c.want) {
			t.Errorf("%s: %s, want %q", c.name, got, c.want)
		}
	}
}
