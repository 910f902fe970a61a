package bedrock_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/bedrock"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// encodeForeign writes a request of a client's dialect for a model.
func encodeForeign(t *testing.T, c *dialect.Codec, body, id string) (out string, dropped []string, p *llm.Problem) {
	t.Helper()
	r, p := c.DecodeRequest([]byte(body))
	if p != nil {
		t.Fatal(p)
	}
	raw, dropped, p := bedrock.EncodeRequest(nil, r, dialect.Target{ID: id})
	return string(raw), dropped, p
}

func TestModelsThatRefuseTheBeginningOfAnAnswerAreAskedToGoOn(t *testing.T) {
	const begun = `{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"Sure: "}]}`
	for id, refuses := range map[string]bool{
		"us.anthropic.claude-sonnet-4-5-20250929-v1:0": false, "anthropic.claude-opus-4-6-v1": true, "amazon.nova-2-lite-v1:0": false,
	} {
		out, dropped, p := encodeForeign(t, openai.Codec(), begun, id)
		asked := strings.Contains(out, `{"role":"user","content":[{"text":"Continue."}]}]`)
		if p != nil || asked != refuses || slices.Contains(dropped, "messages.1.prefill") != refuses {
			t.Errorf("%s: %s drops %v, %v", id, out, dropped, p)
		}
	}
}

func TestAToolWhoseNameAmazonRefusesIsAProblem(t *testing.T) {
	for name, fine := range map[string]bool{"a-b_1": true, "a.b:c": false, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false} {
		_, _, p := encodeForeign(t, gemini.Codec(),
			`{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{"name":"`+name+`"}]}]}`, "amazon.nova-lite-v1:0")
		if fine != (p == nil) || p != nil && (p.Kind != llm.Unsupported || p.Param != "tools.0.name") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestThinkingThatTheModelDecidesOnIsAdaptive(t *testing.T) {
	const dynamic = `{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}}`
	for id, want := range map[string]string{
		"anthropic.claude-opus-4-7":                    `"additionalModelRequestFields":{"thinking":{"type":"adaptive"}}`,
		"anthropic.claude-opus-4-6-v1":                 `"additionalModelRequestFields":{"thinking":{"type":"adaptive"}}`,
		"us.anthropic.claude-sonnet-4-5-20250929-v1:0": `"thinking":{"type":"enabled","budget_tokens":8192}`,
	} {
		out, dropped, p := encodeForeign(t, gemini.Codec(), dynamic, id)
		if p != nil || !strings.Contains(out, want) || len(dropped) > 0 {
			t.Errorf("%s: %s drops %v, %v", id, out, dropped, p)
		}
	}
}

func TestThinkingWithoutAnAmountIsLeftToTheModel(t *testing.T) {
	const on = `{"model":"m","max_tokens":9000,"messages":[{"role":"user","content":"a"}],"thinking":{"type":"adaptive"}}`
	out, dropped, p := encodeForeign(t, anthropic.Codec(), on, "anthropic.claude-opus-4-7")
	if p != nil || !strings.Contains(out, `"additionalModelRequestFields":{"thinking":{"type":"adaptive"}}`) || len(dropped) > 0 {
		t.Errorf("%s drops %v, %v", out, dropped, p)
	}
}

func TestASummaryOfNoThinkingIsNamed(t *testing.T) {
	out, dropped, p := encodeForeign(t, responses.Codec(), `{"model":"m","input":"a","reasoning":{"summary":"auto"}}`, "anthropic.claude-opus-4-7")
	if p != nil || strings.Contains(out, "thinking") || !slices.Equal(dropped, []string{"reasoning.summary"}) {
		t.Errorf("%s drops %v, %v", out, dropped, p)
	}
}
