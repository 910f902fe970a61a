package anthropic_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func claude(id string) dialect.Target { return dialect.Target{ID: id, Genuine: true, MaxOutput: 64000} }

// encodeForeign writes a request of another dialect for a model of Anthropic's.
func encodeForeign(t *testing.T, c *dialect.Codec, body, id string) (out string, dropped []string, p *llm.Problem) {
	t.Helper()
	r, p := c.DecodeRequest([]byte(body))
	if p != nil {
		t.Fatal(p)
	}
	raw, dropped, p := anthropic.EncodeRequest(nil, r, claude(id))
	return string(raw), dropped, p
}

func TestModelsThatRefuseTheBeginningOfAnAnswerAreAskedToGoOn(t *testing.T) {
	const begun = `{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"Sure: "}]}`
	for id, refuses := range map[string]bool{
		"claude-haiku-4-5": false, "claude-opus-4-1": false, "claude-sonnet-4-6": true, "claude-opus-4-7": true, "claude-next": true,
	} {
		out, dropped, p := encodeForeign(t, openai.Codec(), begun, id)
		asked := strings.Contains(out, `{"role":"assistant","content":"Sure:"},{"role":"user","content":"Continue."}]`)
		if p != nil || asked != refuses || slices.Contains(dropped, "messages.1.prefill") != refuses {
			t.Errorf("%s: %s drops %v, %v", id, out, dropped, p)
		}
	}
	own, p := anthropic.DecodeRequest([]byte(`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`))
	if p != nil {
		t.Fatal(p)
	}
	if out, _, _ := anthropic.EncodeRequest(nil, own, claude("claude-opus-4-7")); strings.Contains(string(out), "Continue.") {
		t.Errorf("a client of this dialect is told by the provider: %s", out)
	}
}

func TestASummaryIsShownIfItIsAskedFor(t *testing.T) {
	out, dropped, p := encodeForeign(t, responses.Codec(),
		`{"model":"m","input":"a","reasoning":{"effort":"high","summary":"auto"}}`, "claude-opus-4-7")
	if p != nil || !strings.Contains(out, `"thinking":{"type":"adaptive","display":"summarized"}`) || len(dropped) > 0 {
		t.Errorf("%s drops %v, %v", out, dropped, p)
	}
}

func TestThinkingThatTheModelDecidesOnIsAdaptive(t *testing.T) {
	const dynamic = `{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}}`
	for id, want := range map[string]string{
		"claude-opus-4-7":   `"thinking":{"type":"adaptive"}}`,
		"claude-sonnet-4-6": `"thinking":{"type":"adaptive"}}`,
		"claude-opus-4-1":   `"thinking":{"type":"enabled","budget_tokens":8192}}`,
	} {
		out, dropped, p := encodeForeign(t, gemini.Codec(), dynamic, id)
		if p != nil || !strings.Contains(out, want) || len(dropped) > 0 {
			t.Errorf("%s: %s drops %v, %v", id, out, dropped, p)
		}
	}
}

func TestAToolWhoseNameAnthropicRefusesIsAProblem(t *testing.T) {
	_, _, p := encodeForeign(t, gemini.Codec(),
		`{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{"name":"fine"},{"name":"a.b:c"}]}]}`, "claude-opus-4-7")
	if p == nil || p.Kind != llm.Unsupported || p.Param != "tools.1.name" {
		t.Errorf("%+v", p)
	}
}

func TestThinkingWithoutAnAmountIsLeftToTheModel(t *testing.T) {
	out, dropped, p := encodeForeign(t, openai.Codec(),
		`{"model":"m","messages":[{"role":"user","content":"a"}],"reasoning":{"enabled":true}}`, "claude-opus-4-7")
	if p != nil || !strings.HasSuffix(out, `"thinking":{"type":"adaptive"}}`) || len(dropped) > 0 {
		t.Errorf("%s drops %v, %v", out, dropped, p)
	}
}
