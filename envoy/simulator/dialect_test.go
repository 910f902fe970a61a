package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tongue is how one dialect says a request for chat.
type tongue struct {
	path   string
	header http.Header
	// body spells a request whose user says a text; extra are members to add.
	body func(text string, extra ...string) string
	// stream is the members that ask for a stream.
	stream string
}

func joined(members ...string) string { return "{" + strings.Join(members, ",") + "}" }

// tongues are the dialects that this file tests.
var tongues = map[string]tongue{
	"openai": {path: "/v1/chat/completions", stream: withUsage, body: func(text string, extra ...string) string {
		return joined(append([]string{`"model":"acme-1","messages":[{"role":"user","content":` + quote(text) + `}]`}, extra...)...)
	}},
	"azure": {path: "/openai/deployments/acme-1/chat/completions?api-version=2024-10-21", stream: withUsage, body: func(text string, extra ...string) string {
		return joined(append([]string{`"messages":[{"role":"user","content":` + quote(text) + `}]`}, extra...)...)
	}},
	"responses": {path: "/v1/responses", stream: streaming, body: func(text string, extra ...string) string {
		return joined(append([]string{`"model":"acme-1","input":` + quote(text)}, extra...)...)
	}},
	"anthropic": {path: "/v1/messages", header: http.Header{"Anthropic-Version": {"2023-06-01"}}, stream: streaming, body: func(text string, extra ...string) string {
		return joined(append([]string{`"model":"acme-1","max_tokens":1000000,"messages":[{"role":"user","content":` + quote(text) + `}]`}, extra...)...)
	}},
	"vertex": {path: "/v1/projects/p/locations/l/publishers/anthropic/models/acme-1:rawPredict", stream: streaming, body: func(text string, extra ...string) string {
		return joined(append([]string{`"anthropic_version":"vertex-2023-10-16","max_tokens":1000000,"messages":[{"role":"user","content":` + quote(text) + `}]`}, extra...)...)
	}},
}

func quote(text string) string { return string(appendString(nil, text)) }

func (g tongue) request(body string) Request {
	return Request{Method: http.MethodPost, Path: g.path, Header: g.header, Body: []byte(body)}
}

// sends a request over HTTP/1.1 and reads the answer to its end.
func (s *stage) sends(t *testing.T, g tongue, body string, header ...string) answer {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+g.path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range g.header {
		rq.Header[name] = values
	}
	for i := 0; i+1 < len(header); i += 2 {
		rq.Header.Set(header[i], header[i+1])
	}
	res, err := s.http1.Do(rq)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(data), err}
}

func TestEveryDialectFindsItsScriptWhereverItStands(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for name, g := range tongues {
		t.Run(name, func(t *testing.T) {
			says := func(rq Request) string { return string(p.Body(rq)) }
			header := func(script string) Request {
				rq := g.request(g.body("x"))
				rq.Header = rq.Header.Clone()
				if rq.Header == nil {
					rq.Header = http.Header{}
				}
				rq.Header.Set("X-Sim", script)
				return rq
			}
			for place, got := range map[string]string{
				"member":                       says(g.request(g.body("x", `"sim":{"*":{"text":"as told"}}`))),
				"marker":                       says(g.request(g.body(`x [[sim:{"acme":{"text":"as told"}}]]`))),
				"marker for all":               says(g.request(g.body(`x [[sim:{"text":"as told"}]] y`))),
				"header":                       says(header(`{"*":{"text":"as told"}}`)),
				"header for all":               says(header(`{"text":"as told"}`)),
				"header over marker, member":   says(header(`{"text":"as told"}`)),
				"marker over member":           says(g.request(g.body(`[[sim:{"text":"as told"}]]`, `"sim":{"*":{"text":"otherwise"}}`))),
				"marker whose script fails":    says(g.request(g.body(`[[sim:{"acme":{"status":503,"message":"as told"}}]]`))),
				"marker with a word unknown":   strings.Replace(says(g.request(g.body(`[[sim:{"acme":{"txet":"x"}}]]`))), "txet: unknown field", "as told", 1),
				"marker of another's own kind": strings.Replace(says(g.request(g.body(`[[sim:{"other":{"text":"no"}}]] yes`))), "You said: “yes”", "as told", 1),
			} {
				if !strings.Contains(got, "as told") {
					t.Errorf("%s: got %s", place, got)
				}
			}
		})
	}
}

func TestEveryDialectBreaksAsPlanned(t *testing.T) {
	s := serve(t, Config{Record: 1})
	for name, g := range tongues {
		for _, script := range []string{
			``, `"events":50`, `"reasoning":3,"tools":2`, `"reasoning":2,"redacted":true`, `"text":"a\n\"b\\ — 🐪"`, `"silent":true`, `"size":100000`, `"echo":true`,
			`"error_first":true`, `"error_after_role":true`, `"error_mid":true,"events":4`, `"malformed":true`, `"malformed_mid":true,"events":4`,
			`"truncate":true,"events":9`, `"no_done":true`, `"no_usage":true`, `"html":true`, `"empty":true`, `"wrong_type":true`, `"status":503`, `"status":429,"retry_after":7`,
			`"context_length":true`, `"unsupported":"x"`, `"refusal":"content_filter"`, `"write":7,"events":9`, `"eol":"crlf","comments":1,"events":2`,
			`"reset":"mid","events":10`, `"close":"prelude","events":10`, `"tools":2,"arguments":"whole"`, `"tools":2,"arguments":"first"`, `"tools":2,"arguments":"last"`,
			`"tools":2,"arguments":"mixed"`, `"tools":1,"arguments":"empty"`,
		} {
			for kind, extra := range map[string]string{"stream": g.stream, "answer": `"stream":false`} {
				t.Run(name+" "+kind+" "+script, func(t *testing.T) {
					body := g.body("Tell me of camels", extra, `"sim":{"*":{`+script+`}}`)
					want := string(s.Body(g.request(body)))
					got := s.sends(t, g, body)
					broken := strings.Contains(script, "reset") || strings.Contains(script, "close")
					if (got.err != nil) != broken {
						t.Fatalf("the connection ended with %v", got.err)
					}
					if strings.Contains(script, "echo") { // of headers, which Body does not know
						want = string(s.Body(s.Records()[0].Request))
					}
					if got.body != want && !strings.Contains(script, "reset") {
						t.Errorf("got %.600q, want %.600q", got.body, want)
					}
				})
			}
		}
	}
}

func TestAStreamBreaksInTheMiddleOfItsContent(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for name, g := range tongues {
		for _, content := range []string{`"events":10`, `"tools":2`, `"events":4,"reasoning":4`, `"events":4,"reasoning":4,"redacted":true`} {
			x, _ := p.exchange(&Request{Path: g.path, Header: g.header, Body: []byte(g.body("x", g.stream, `"sim":{"*":{`+content+`}}`))}, noon())
			whole, cut := 0, 0
			for f := range x.plan().stream {
				if f.part == PartContent {
					whole++
				}
			}
			x.asked.Body = []byte(g.body("x", g.stream, `"sim":{"*":{`+content+`,"truncate":true}}`))
			for f := range x.plan().stream {
				if f.part == PartContent {
					cut++
				}
			}
			if cut != (whole+1)/2 {
				t.Errorf("%s %s: cut after %d of %d", name, content, cut, whole)
			}
		}
	}
}

func TestDialectsKeepTheirWireFormats(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	schema := `{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`
	tools := map[string]string{
		"openai":    `"tools":[{"type":"function","function":{"name":"weather","parameters":` + schema + `}}]`,
		"azure":     `"tools":[{"type":"function","function":{"name":"weather","parameters":` + schema + `}}]`,
		"responses": `"tools":[{"type":"function","name":"weather","parameters":` + schema + `}],"reasoning":{"summary":"auto"},"include":["reasoning.encrypted_content"]`,
		"anthropic": `"tools":[{"name":"weather","input_schema":` + schema + `}]`,
		"vertex":    `"tools":[{"name":"weather","input_schema":` + schema + `}]`,
	}
	names := map[string]bool{}
	for name, g := range tongues {
		if name == "openai" { // in files of its own
			continue
		}
		for file, script := range map[string]string{
			"answer.json": `"text":"Two words","reasoning":2,"tools":2`, "stream.sse": `"text":"Two words","reasoning":2,"tools":2`,
			"stream-error.sse": `"error_mid":true,"events":2`, "error.json": `"status":429,"retry_after":7`,
		} {
			extra := `"stream":false`
			if strings.HasPrefix(file, "stream") {
				extra = g.stream
			}
			path := filepath.Join(name, file)
			names[path] = true
			body := g.body("Tell me of camels", extra, tools[name], `"sim":{"*":{`+script+`}}`)
			t.Run(path, func(t *testing.T) { golden(t, path, p.Body(g.request(body))) })
		}
		files, err := filepath.Glob(filepath.Join("testdata", name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if rest, _ := filepath.Rel("testdata", file); !names[rest] {
				t.Errorf("%s is the golden file of nothing", file)
			}
		}
	}
}

// conversation is one request in three dialects: two texts of a system prompt,
// two images, a call with its result, settings.
var conversation = map[string]struct{ path, body string }{
	"openai": {"/v1/chat/completions", `{"model":"acme-1","stream":true,"messages":[
		{"role":"system","content":"Be kind."},{"role":"developer","content":"Be brief."},
		{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGVsbG8="}},
			{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]},
		{"role":"assistant","content":"Let me see.","tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"look","arguments":"{ \"at\": 1 }"}}]},
		{"role":"tool","tool_call_id":"toolu_1","content":"a camel"},{"role":"user","content":"So?"}],
		"tools":[{"type":"function","function":{"name":"look","description":"looks","parameters":{"type":"object", "properties":{"at":{"type":"integer"}}}}}],
		"tool_choice":{"type":"function","function":{"name":"look"}},"parallel_tool_calls":false,"max_completion_tokens":500,"temperature":0.5,"top_p":0.9,
		"safety_identifier":"u1","response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","additionalProperties":false}}}}`},
	"responses": {"/v1/responses", `{"model":"acme-1","stream":true,"instructions":"Be kind.","input":[{"role":"developer","content":"Be brief."},
		{"role":"user","content":[{"type":"input_text","text":"What is this?"},{"type":"input_image","image_url":"data:image/png;base64,aGVsbG8="},
			{"type":"input_image","image_url":"https://example.com/a.png"}]},
		{"role":"assistant","content":[{"type":"output_text","text":"Let me see."}]},
		{"type":"function_call","call_id":"toolu_1","name":"look","arguments":"{\"at\":1}"},
		{"type":"function_call_output","call_id":"toolu_1","output":"a camel"},{"role":"user","content":"So?"}],
		"tools":[{"type":"function","name":"look","description":"looks","parameters":{"type":"object","properties":{"at":{"type":"integer"}}}}],
		"tool_choice":{"type":"function","name":"look"},"parallel_tool_calls":false,"max_output_tokens":500,"temperature":0.5,"top_p":0.9,
		"safety_identifier":"u1","text":{"format":{"type":"json_schema","name":"x","schema":{"type":"object","additionalProperties":false}}}}`},
	"anthropic": {"/v1/messages", `{"model":"acme-1","stream":true,"system":[{"type":"text","text":"Be kind."},{"type":"text","text":"Be brief."}],"messages":[
		{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGVsbG8="}},
			{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]},
		{"role":"assistant","content":[{"type":"text","text":"Let me see."},{"type":"tool_use","id":"toolu_1","name":"look","input":{"at": 1}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"a camel"}]},{"type":"text","text":"So?"}]}],
		"tools":[{"name":"look","description":"looks","input_schema":{"type":"object","properties":{"at":{"type":"integer"}}}}],
		"tool_choice":{"type":"tool","name":"look","disable_parallel_tool_use":true},"max_tokens":500,"temperature":0.5,"top_p":0.9,
		"metadata":{"user_id":"u1"},"output_config":{"format":{"type":"json_schema","schema":{"type":"object","additionalProperties":false}}}}`},
}

func TestTheSameConversationIsHeardAlikeInEveryDialect(t *testing.T) {
	no, half, most := false, 0.5, 0.9
	want := Heard{
		Model: "acme-1", Stream: true, System: []string{"Be kind.", "Be brief."},
		Turns: []Turn{
			{"user", []HeardPart{
				{Kind: "text", Text: "What is this?"},
				{Kind: "image", MediaType: "image/png", Bytes: 5, Sum: "9a71bb4c"},
				{Kind: "image", URL: "https://example.com/a.png"},
			}},
			{"assistant", []HeardPart{{Kind: "text", Text: "Let me see."}, {Kind: "call", ID: "toolu_1", Name: "look", Arguments: json.RawMessage(`{"at":1}`)}}},
			{"user", []HeardPart{{Kind: "result", ID: "toolu_1", Text: "a camel"}, {Kind: "text", Text: "So?"}}},
		},
		Tools:  []HeardTool{{Name: "look", Description: "looks", Schema: json.RawMessage(`{"type":"object","properties":{"at":{"type":"integer"}}}`)}},
		Choice: "tool:look", Parallel: &no, Schema: json.RawMessage(`{"type":"object","additionalProperties":false}`),
		MaxTokens: 500, Temperature: &half, TopP: &most, User: "u1",
	}
	for name, c := range conversation {
		rq := Request{Method: http.MethodPost, Path: c.path, Header: http.Header{"Anthropic-Version": {"2023-06-01"}}, Body: []byte(c.body)}
		got, err := Hear(rq)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Dialect == "" {
			t.Errorf("%s: no dialect was heard", name)
		}
		got.Dialect = ""
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-want +heard):\n%s", name, diff)
		}
	}
	if _, err := Hear(Request{Path: "/v1/responses", Body: []byte(`{"model":"x"}`)}); err == nil || !strings.Contains(err.Error(), "400: {") {
		t.Errorf("a request that is refused is heard: %v", err)
	}
}

func TestEchoTellsWhatWasHeard(t *testing.T) {
	s := serve(t, Config{})
	for name, g := range tongues {
		got := s.sends(t, g, g.body("Hark"), "X-Sim", `{"echo":true}`, "X-Api-Key", "sk-1234567890abcdef")
		_, text, found := strings.Cut(got.body, `"{\"provider\":`)
		var inner string
		end := strings.Index(text, `}}"`)
		if !found || end < 0 || json.Unmarshal([]byte(`"{\"provider\":`+text[:end+2]+`"`), &inner) != nil {
			t.Errorf("%s: got %s", name, got.body)
			continue
		}
		var echo Echo
		if err := json.Unmarshal([]byte(inner), &echo); err != nil {
			t.Errorf("%s: %v in %s", name, err, inner)
			continue
		}
		if echo.Provider != "acme" || echo.Path != g.path || echo.Headers.Get("X-Api-Key") != "sk-************cdef" || echo.Heard.Model != "acme-1" ||
			len(echo.Heard.Turns) != 1 || echo.Heard.Turns[0].Parts[0].Text != "Hark" {
			t.Errorf("%s: echo is %+v", name, echo)
		}
	}
}
