package openai_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
)

// vendor is OpenAI's own API.
var vendor = dialect.Target{ID: "gpt-5.1", Genuine: true}

// encodeForeign writes a request of another dialect for OpenAI.
func encodeForeign(t *testing.T, c *dialect.Codec, body string) (out string, dropped []string) {
	t.Helper()
	r, p := c.DecodeRequest([]byte(body))
	if p != nil {
		t.Fatal(p)
	}
	raw, dropped, p := openai.EncodeRequest(nil, r, vendor)
	if p != nil {
		t.Fatal(p)
	}
	return string(raw), dropped
}

func TestStrictIsOnlySaidOfSchemasThatOpenAITakes(t *testing.T) {
	const head = `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"a"}],"tools":[{"name":"f","strict":true,"input_schema":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"additionalProperties":false,"required":`
	for required, strict := range map[string]bool{`["a"]`: false, `["a","b"]`: true} {
		out, dropped := encodeForeign(t, anthropic.Codec(), head+required+`}}]}`)
		if strings.Contains(out, `"strict":true`) != strict || slices.Contains(dropped, "tools.0.strict") == strict {
			t.Errorf("%s: %s drops %v", required, out, dropped)
		}
	}
}

func TestToolsOfResponsesAreStrictUnasked(t *testing.T) {
	const head = `{"model":"m","input":"a","tools":[{"type":"function","name":"f",`
	const fit = `"parameters":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`
	for tool, strict := range map[string]bool{
		fit:                     true,
		fit + `,"strict":false`: false,
		`"parameters":{"type":"object","properties":{"a":{"type":"string"}}}`: false,
		`"parameters":null`: false,
	} {
		if out, _ := encodeForeign(t, responses.Codec(), head+tool+`}]}`); strings.Contains(out, `"strict":true`) != strict {
			t.Errorf("%s: %s", tool, out)
		}
	}
}

func TestAnAmountOfThinkingBecomesAWordThatTheModelTakes(t *testing.T) {
	out, _ := encodeForeign(t, anthropic.Codec(), `{"model":"m","max_tokens":2000,"messages":[{"role":"user","content":"a"}],"thinking":{"type":"enabled","budget_tokens":1024}}`)
	if !strings.Contains(out, `"reasoning_effort":"low"`) {
		t.Error(out)
	}
}
