package matrix

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// asides are requests that agents send beside their loops, as they go over the
// wire; MODEL and QUOTE are filled in.
var asides = []struct {
	name, path, body string
	own              Family // takes all of it
	// dropped is what each other provider must be told to lack; "" = nothing.
	dropped string
}{
	{
		"Claude Code asks whether there is quota", "/v1/messages?beta=true",
		`{"model":"MODEL","max_tokens":1,"messages":[{"role":"user","content":"QUOTE"}],"metadata":{"user_id":"u"}}`, Anthropic, "",
	},
	{
		"Claude Code searches the web by a tool of the vendor's", "/v1/messages?beta=true",
		`{"model":"MODEL","max_tokens":1000,"stream":true,"messages":[{"role":"user","content":"QUOTE"}],` +
			`"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}]}`, Anthropic, "tools.0",
	},
	{
		"Claude Code gives the beginning of the answer", "/v1/messages?beta=true",
		`{"model":"MODEL","max_tokens":512,"temperature":0,"messages":[{"role":"user","content":"QUOTE"},{"role":"assistant","content":"{"}]}`, Anthropic, "",
	},
	{
		"Claude Code's tools say nothing, or show", "/v1/messages?beta=true",
		`{"model":"MODEL","max_tokens":512,"tools":[{"name":"Bash","description":"Run.","input_schema":{"type":"object","properties":{"command":{"type":"string"}},"required":["command"]}}],` +
			`"messages":[{"role":"user","content":"Look."},{"role":"assistant","content":[` +
			`{"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"a"}},{"type":"tool_use","id":"toolu_2","name":"Bash","input":{}},` +
			`{"type":"tool_use","id":"toolu_3","name":"Bash","input":{"command":"c"}}]},{"role":"user","content":[` +
			`{"type":"tool_result","tool_use_id":"toolu_1","content":""},{"type":"tool_result","tool_use_id":"toolu_2"},` +
			`{"type":"tool_result","tool_use_id":"toolu_3","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + pixel + `"}}]},` +
			`{"type":"text","text":"QUOTE"}]}]}`, Anthropic, "",
	},
	{
		"Claude Code was interrupted", "/v1/messages?beta=true",
		`{"model":"MODEL","max_tokens":512,"tools":[{"name":"Bash","input_schema":{"type":"object"}}],` +
			`"messages":[{"role":"user","content":"Run."},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"Bash","input":{}}]},` +
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":"The user doesn't want to proceed."}]},` +
			`{"role":"user","content":[{"type":"text","text":"[Request interrupted by user for tool use]"}]},{"role":"user","content":"QUOTE"}]}`, Anthropic, "",
	},
	{
		"Codex goes on with what another of its models did", "/v1/responses",
		`{"model":"MODEL","store":false,"instructions":"Be brief.","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Run."}]},` +
			`{"type":"reasoning","summary":[{"type":"summary_text","text":"Let me see."}],"content":null,"encrypted_content":"gAAAAABforeign"},` +
			`{"type":"message","role":"assistant","content":[{"type":"output_text","text":"I run it."}],"phase":"commentary"},` +
			`{"type":"local_shell_call","call_id":"call_1","status":"completed","action":{"type":"exec","command":["ls"]}},` +
			`{"type":"local_shell_call_output","id":"lsh_1","call_id":"call_1","output":"a"},` +
			`{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},` +
			`{"type":"custom_tool_call","call_id":"call_2","name":"apply_patch","input":"*** Begin Patch\n"},` +
			`{"type":"custom_tool_call_output","call_id":"call_2","output":"Done."},` +
			`{"type":"message","role":"user","content":[{"type":"input_text","text":"QUOTE"}]}],` +
			`"tools":[{"type":"custom","name":"apply_patch","description":"Edit.","format":{"type":"text"}},{"type":"local_shell"},{"type":"web_search"}]}`, Responded, "tools.1",
	},
	{
		"Codex offers tools in a namespace", "/v1/responses",
		`{"model":"MODEL","store":false,"stream":true,"input":"QUOTE","tools":[{"type":"namespace","name":"mcp__db__","description":"d","tools":[` +
			`{"type":"function","name":"query","description":"Run.","strict":false,"parameters":{"type":"object","properties":{}}}]}]}`, Responded, "tools.0",
	},
}

func TestWhatAgentsSendBesideTheirLoopsIsAnswered(t *testing.T) {
	t.Parallel()
	g := envoytest.Start(t, Options())
	for _, a := range asides {
		for i := range Targets {
			target := &Targets[i]
			if a.own == Responded && target.Family == Responded && strings.Contains(a.body, "foreign") {
				continue // the vendor itself refuses what was encrypted for another
			}
			t.Run(a.name+" at "+target.Name, func(t *testing.T) {
				t.Parallel()
				const quote = "Is all well?"
				body := strings.NewReplacer("MODEL", target.Model(), "QUOTE", quote).Replace(a.body)
				got, err := g.Do(t.Context(), http.MethodPost, a.path, body, "anthropic-version", "2023-06-01", "anthropic-beta", "claude-code-20250219", "x-api-key", "any")
				if err != nil {
					t.Fatal(err)
				}
				// Streams say it in pieces.
				if got.Status != http.StatusOK || got.Err != nil || !strings.Contains(string(got.Body), "Hello") {
					t.Fatal(got)
				}
				names := strings.Split(got.Header.Get("X-Dragoman-Dropped"), ", ")
				named := a.dropped == "" || slices.ContainsFunc(names, func(n string) bool { return n == a.dropped || strings.HasPrefix(n, a.dropped+".") })
				if target.Family != a.own && !named {
					t.Errorf("%s is not named in %q", a.dropped, names)
				}
			})
		}
	}
}
