package table_test

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Three clients let the model call f or g, but not h.
var someTools = map[llm.Dialect]string{
	llm.OpenAI: `{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}},{"type":"function","function":{"name":"h"}}],` +
		`"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]}}}`,
	llm.Responses: `{"model":"m","input":"a","tools":[{"type":"function","name":"f"},{"type":"custom","name":"g"},{"type":"function","name":"h"}],` +
		`"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"custom","name":"g"}]}}`,
	llm.Gemini: `{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"},{"name":"h"}]}],` +
		`"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f","g"]}}}`,
}

func TestAToolThatTheClientDoesNotAllowIsNotCalled(t *testing.T) {
	for client, body := range someTools {
		r, p := table.Codec(client).DecodeRequest([]byte(body))
		if p != nil {
			t.Fatal(p)
		}
		for _, c := range []struct {
			to     llm.Dialect
			target dialect.Target
			choice string
			words  string // for some of the tools
		}{
			{
				llm.OpenAI,
				dialect.Target{ID: "gpt-5.1", Genuine: true},
				`"tool_choice":"required"`,
				`"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]}}`,
			},
			{llm.OpenAI, dialect.Target{ID: "acme"}, `"tool_choice":"required"`, `"allowed_tools":{"mode":"required"`},
			{
				llm.Responses,
				dialect.Target{ID: "gpt-5.1", Genuine: true},
				`"tool_choice":"required"`,
				`"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"`,
			},
			{llm.Anthropic, dialect.Target{ID: "claude-opus-4-7", Genuine: true}, `"tool_choice":{"type":"any"}`, "none"},
			{llm.Gemini, dialect.Target{ID: "gemini-3-flash", Genuine: true}, `"mode":"ANY"`, `"mode":"ANY","allowedFunctionNames":["f","g"]`},
			{llm.Bedrock, dialect.Target{ID: "anthropic.claude-opus-4-7"}, `"toolChoice":{"any":{}}`, "none"},
		} {
			raw, dropped, p := table.Codec(c.to).EncodeRequest(nil, r, c.target)
			out := string(raw)
			told, hidden := strings.Contains(out, c.words), !strings.Contains(out, `"name":"h"`)
			if p != nil || told == hidden || hidden && !strings.Contains(out, c.choice) {
				t.Errorf("%s to %s: %s drops %v, %v", client, c.to, out, dropped, p)
			}
			for _, path := range dropped {
				if strings.HasPrefix(path, "tool") && !strings.Contains(path, ".strict") {
					t.Errorf("%s to %s drops %s", client, c.to, path)
				}
			}
		}
	}
}
