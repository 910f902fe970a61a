package table_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Every vendor refuses a choice among no tools, such as when all of them are run
// by another vendor.
func TestThereIsNoChoiceAmongNoTools(t *testing.T) {
	for client, body := range map[llm.Dialect]string{
		llm.OpenAI:    `{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"odd"}],"tool_choice":"required","parallel_tool_calls":false}`,
		llm.Responses: `{"model":"m","input":"a","tools":[{"type":"web_search"}],"tool_choice":"required","parallel_tool_calls":false}`,
		llm.Anthropic: `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}],"tools":[{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}}`,
		llm.Gemini:    `{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`,
	} {
		r, p := table.Codec(client).DecodeRequest([]byte(body))
		if p != nil {
			t.Fatal(p)
		}
		for _, c := range []struct {
			to     llm.Dialect
			target dialect.Target
		}{
			{llm.OpenAI, dialect.Target{ID: "gpt-5.1", Genuine: true}},
			{llm.OpenAI, dialect.Target{ID: "acme"}},
			{llm.Responses, dialect.Target{ID: "gpt-5.1", Genuine: true}},
			{llm.Anthropic, dialect.Target{ID: "claude-opus-4-7", Genuine: true}},
			{llm.Gemini, dialect.Target{ID: "gemini-3-flash"}},
			{llm.Bedrock, dialect.Target{ID: "anthropic.claude-opus-4-7"}},
		} {
			if c.to == client {
				continue
			}
			raw, dropped, p := table.Codec(c.to).EncodeRequest(nil, r, c.target)
			if p != nil || strings.Contains(string(raw), "hoice") || strings.Contains(string(raw), "toolConfig") || strings.Contains(string(raw), "parallel") {
				t.Errorf("%s to %s: %s drops %v, %v", client, c.to, raw, dropped, p)
			}
			if len(dropped) == 0 {
				t.Errorf("%s to %s: nothing says that the tool is lost", client, c.to)
			}
		}
	}
}
