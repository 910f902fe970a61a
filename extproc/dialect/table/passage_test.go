package table_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Passages are what the client asks about: without them the model would answer
// a question about nothing.
func TestPassagesForCitationsReachModelsThatDoNotCite(t *testing.T) {
	const result = `{"type":"search_result","source":"https://example.com/a","title":"Found","content":[{"type":"text","text":"passage one"},{"type":"text","text":"passage two"}],"citations":{"enabled":true}}`
	const document = `{"type":"document","title":"Book","source":{"type":"content","content":[{"type":"text","text":"chapter"}]}}`
	const plain = `{"type":"document","source":{"type":"content","content":"leaflet"}}`
	r, p := table.Codec(llm.Anthropic).DecodeRequest([]byte(`{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[` + document + `,` + plain +
		`]},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[` + result + `]}]}]}`))
	if p != nil {
		t.Fatal(p)
	}
	for to, target := range map[llm.Dialect]dialect.Target{
		llm.OpenAI: {ID: "gpt-5.1", Genuine: true}, llm.Responses: {ID: "gpt-5.1", Genuine: true}, llm.Gemini: {ID: "gemini-3-flash"},
		llm.Bedrock: {ID: "amazon.nova-lite-v1:0"},
	} {
		raw, dropped, p := table.Codec(to).EncodeRequest(nil, r, target)
		if p != nil {
			t.Fatal(p)
		}
		for _, want := range []string{`Book\n\nchapter`, `leaflet`, `Found\nhttps://example.com/a\n\npassage one\npassage two`} {
			if !strings.Contains(string(raw), want) {
				t.Errorf("%s: no %s in %s", to, want, raw)
			}
		}
		if len(dropped) == 0 {
			t.Errorf("%s: nothing says that citations are lost: %s", to, raw)
		}
	}
	raw, dropped, p := table.Codec(llm.Anthropic).EncodeRequest(nil, r, dialect.Target{ID: "claude-opus-4-7", Genuine: true})
	if p != nil || len(dropped) > 0 || !strings.Contains(string(raw), result) || !strings.Contains(string(raw), document) || !strings.Contains(string(raw), plain) {
		t.Errorf("%s drops %v, %v", raw, dropped, p)
	}
}
