package openai_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func member(name string) dialect.Uses { return dialect.UsesMember([]byte(name)) }

func TestScanTellsWhatProvidersDifferIn(t *testing.T) {
	const thoughts, unknown = dialect.UsesThoughts | dialect.UsesUnknown, dialect.UsesUnknown
	for more, want := range map[string]dialect.Uses{
		`,"stream":true`:                            0,
		`,"models":["a"]`:                           0,
		`,"providerOptions":{"gateway":{}}`:         0,
		`,"max_tokens":1`:                           dialect.UsesMaxTokens,
		`,"max_completion_tokens":1`:                dialect.UsesCompletionTokens,
		`,"seed":1`:                                 dialect.UsesSeed,
		`,"stream_options":{}`:                      dialect.UsesStreamOptions,
		`,"stop":"a","user":"u"`:                    member("stop") | member("user"),
		`,"top_k":1`:                                unknown,
		`,"reasoning_effort":"low"`:                 dialect.UsesReasoning | member("reasoning_effort"),
		`,"reasoning":{}`:                           dialect.UsesReasoning | unknown,
		`,"thinking":{"type":"disabled"}`:           dialect.UsesReasoning | unknown,
		`,"enable_thinking":true`:                   dialect.UsesReasoning | unknown,
		`,"thinking_budget":0`:                      dialect.UsesReasoning | unknown,
		`,"response_format":{"type":"json_schema"}`: dialect.UsesSchema | member("response_format"),
		`,"response_format":{"type":"json"}`:        dialect.UsesSchema | member("response_format"),
		`,"response_format":{"type":"json_object"}`: member("response_format"),
		`,"tool_choice":"required"`:                 dialect.UsesRequiredTool | member("tool_choice"),
		`,"tool_choice":{"type":"function","function":{"name":"w"}}`: dialect.UsesRequiredTool | member("tool_choice"),
		`,"tool_choice":"auto"`:                                        member("tool_choice"),
		`,"tools":[{"type":"function","function":{"name":"w"}}]`:       member("tools"),
		`,"tools":[{"type":"function","function":{"name":"w","x":1}}]`: member("tools") | unknown,
		`,"tools":[{"type":"function","cache_control":{}}]`:            member("tools") | unknown,
		`,"tools":null`: member("tools"),
		`,"messages":[{"role":"developer","content":"a"}]`:                    dialect.UsesDeveloper,
		`,"messages":[{"role":"user","content":[{"type":"text"}]}]`:           dialect.UsesParts,
		`,"messages":[{"role":"user","content":[{"x":1}]}]`:                   dialect.UsesParts | unknown,
		`,"messages":[{"role":"user","x":1}]`:                                 unknown,
		`,"messages":[{"reasoning_content":"a"}]`:                             thoughts | dialect.UsesReasoningContent,
		`,"messages":[{"reasoning":"a"}]`:                                     thoughts | dialect.UsesReasoningText,
		`,"messages":[{"reasoning_details":[]}]`:                              thoughts | dialect.UsesReasoningDetails,
		`,"messages":[{"extra_content":{}}]`:                                  thoughts,
		`,"messages":[{"tool_calls":[]}]`:                                     0,
		`,"messages":[{"tool_calls":[{"id":"abcdef123"}]}]`:                   dialect.UsesThoughtlessCall,
		`,"messages":[{"tool_calls":[{"id":"ABCDEF123","extra_content":1}]}]`: dialect.UsesThoughtlessCall | thoughts,
		`,"messages":[{"tool_calls":[{"id":"call_1234"}]}]`:                   dialect.UsesThoughtlessCall | dialect.UsesLongID,
		`,"messages":[{"role":"tool","tool_call_id":"c1"}]`:                   dialect.UsesLongID,
		`,"messages":[{"role":"tool","tool_call_id":7}]`:                      0,
		`,"messages":[{"tool_calls":[{"function":{"x":1}}]}]`:                 dialect.UsesThoughtlessCall | unknown,
		`,"messages":[{"tool_calls":[{}],"reasoning_content":"a"}]`:           thoughts | dialect.UsesReasoningContent,
		`,"messages":[{"tool_calls":[{}],"reasoning_content":null}]`:          thoughts | dialect.UsesReasoningContent | dialect.UsesThoughtlessCall,
		`,"messages":["a",1,[],{"content":[1],"tool_calls":[1,"a",[]]}]`:      dialect.UsesParts | dialect.UsesThoughtlessCall,
	} {
		e, p := openai.Scan([]byte(`{"model":"m"` + more + `}`))
		if p != nil || e.Uses != want|dialect.UsesMembers {
			t.Errorf("%s: %b, want %b, %v", more, e.Uses, want|dialect.UsesMembers, p)
		}
	}
}

// agentRequest is what agents send again and again.
const agentRequest = `{"model":"m","stream":true,"temperature":0.2,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"},` +
	`{"role":"assistant","content":null,"tool_calls":[{"id":"abcdef123","type":"function","function":{"name":"w","arguments":"{}"}}]},` +
	`{"role":"tool","tool_call_id":"abcdef123","content":"3"}],"tools":[{"type":"function","function":{"name":"w","description":"d",` +
	`"parameters":{"type":"object","properties":{"x_unknown":{}}},"strict":true}}],"tool_choice":"auto","parallel_tool_calls":true}`

// A provider that refuses some members does not cost the others the lane in
// which requests are only patched.
func TestAProviderThatRefusesMembersGetsOtherRequestsPatched(t *testing.T) {
	source, _ := catalog.FromEnvironment(func(string) (string, bool) { return "k", true })
	c, err := catalog.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	e, p := openai.Scan([]byte(agentRequest))
	if p != nil {
		t.Fatal(p)
	}
	refusing := 0
	for _, name := range []string{"groq", "mistral", "xai", "cerebras", "perplexity", "openai", "openrouter"} {
		q := &c.Provider(name).Quirks
		sends := e.Uses
		for _, refused := range q.Refuses {
			refusing++
			body := strings.Replace(agentRequest, `"stream":true`, `"stream":true,`+quote(refused)+`:null`, 1)
			if strings.Contains(agentRequest, quote(refused)+":") {
				sends &^= member(refused)
				body = agentRequest
			}
			if e, p := openai.Scan([]byte(body)); p != nil || !e.Uses.Meets(q) {
				t.Errorf("%s refuses %s and is patched through: %v", name, refused, p)
			}
		}
		if sends.Meets(q) {
			t.Errorf("a plain request is written anew for %s", name)
		}
	}
	if refusing < 10 {
		t.Errorf("only %d refused members found", refusing)
	}
}

func quote(s string) string { return `"` + s + `"` }

func TestScanningAnAgentsRequestAllocatesOnlyTheModelName(t *testing.T) {
	body := []byte(agentRequest)
	q := &llm.Quirks{Closed: true, Refuses: []string{"logit_bias", "user"}}
	if n := testing.AllocsPerRun(50, func() {
		if e, p := openai.Scan(body); p != nil || e.Uses.Meets(q) {
			t.Error("not accepted, or written anew")
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestAPatchAsksNobodyForUsageWhoRefusesIt(t *testing.T) {
	body := []byte(`{"model":"m","stream":true}`)
	e, _ := openai.Scan(body)
	for _, q := range []*llm.Quirks{{NoStreamOptions: true}, {Refuses: []string{"stream_options"}}} {
		out := bytes.Join(openai.Pieces(body, &e, dialect.Target{ID: "x", AddUsage: true, Quirks: q}), nil)
		if got := string(out); got != `{"model":"x","stream":true}` {
			t.Errorf("%+v: %s", q, got)
		}
	}
}

func TestAzureServesChatBelowTheDeploymentOrTheVersion(t *testing.T) {
	for want, target := range map[string]dialect.Target{
		"/chat/completions":                                          {ID: "d", BasePath: "/v1"},
		"/chat/completions?api-version=preview":                      {ID: "d", BasePath: "/openai/v1", Platform: dialect.Azure, APIVersion: "preview"},
		"/deployments/d%201/chat/completions?api-version=2024-10-21": {ID: "d 1", BasePath: "/openai", Platform: dialect.Azure, APIVersion: "2024-10-21"},
	} {
		if got := openai.Path(&dialect.Envelope{}, target); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestInexpressibleFieldsAreToldInOpenAIsWords(t *testing.T) {
	p := &llm.Problem{Kind: llm.Inexpressible, Param: "top_k", Message: "no words for top_k"}
	var got struct {
		Error struct{ Message, Type, Param, Code string }
	}
	if err := json.Unmarshal(openai.EncodeError(p, "g"), &got); err != nil {
		t.Fatal(err)
	}
	e := got.Error
	if e.Type != "invalid_request_error" || e.Param != "top_k" || e.Code != "inexpressible_fields" || e.Message != p.Message || p.Kind.Status() != 422 {
		t.Errorf("got %+v", got)
	}
}

func TestASchemaIsStrictWhereTheAPICanHoldToIt(t *testing.T) {
	deep := strings.Repeat(`{"type":"array","items":`, 12) + `{"type":"string"}` + strings.Repeat(`}`, 12)
	object := func(member string) string {
		return `{"type":"object","properties":{"a":` + member + `},"required":["a"],"additionalProperties":false}`
	}
	for schema, want := range map[string]bool{
		object(`{"type":"string","enum":["x"]}`):                               true,
		object(`{"type":["string","null"]}`):                                   true,
		object(`{"type":"array","items":` + object(`{"const":1}`) + `}`):       true,
		object(`{"anyOf":[{"type":"string"},{"type":"null"}]}`):                true,
		object(`{"$ref":"#"}`):                                                 true,
		`{"type":"object","properties":{},"additionalProperties":false}`:       true,
		object(`{"anyOf":[{"type":"object","properties":{}}]}`):                false,
		object(`{"type":"string","default":"x"}`):                              false,
		object(`{"oneOf":[]}`):                                                 false,
		object(`true`):                                                         false,
		object(deep):                                                           false,
		`{"type":"object","properties":{"a":{}},"additionalProperties":false}`: false,
		`{"type":"object","properties":{"a":{}},"required":["a"]}`:             false,
		`{"type":"object"}`:                                                    false,
		`{"type":"array","items":{"type":"string"}}`:                           false,
		`{"type":"object","anyOf":[],"additionalProperties":false}`:            false,
		``: false,
	} {
		r := &llm.Request{Dialect: llm.Anthropic, Format: llm.Format{Kind: llm.FormatJSONSchema, Schema: llm.Raw(schema)}}
		out, _, _ := openai.EncodeRequest(nil, r, genuine.Target)
		if got := strings.Contains(string(out), `"strict":true`); got != want {
			t.Errorf("%s: %t", schema, got)
		}
	}
}

// What a model thinks with is fitted for other vendors' clients, and only for
// them.
func TestEffortsAreFittedToTheModel(t *testing.T) {
	for _, c := range []struct {
		id, effort string
		dialect    llm.Dialect
		want       string
		dropped    string
	}{
		{"gpt-5", "max", llm.Anthropic, `"reasoning_effort":"high"`, "reasoning.effort"},
		{"gpt-5.2", "xhigh", llm.Anthropic, `"reasoning_effort":"xhigh"`, ""},
		{"o3", "none", llm.Gemini, ``, "reasoning.effort"},
		{"gpt-4o", "high", llm.Anthropic, ``, "reasoning"},
		{"gpt-4o", "none", llm.Anthropic, ``, ""},
		{"gpt-5", "max", llm.OpenAI, `"reasoning_effort":"max"`, ""},
		{"gpt-4o", "low", llm.OpenAI, `"reasoning_effort":"low"`, ""},
	} {
		r := &llm.Request{Dialect: c.dialect, Reasoning: llm.Reasoning{Effort: llm.Some(c.effort)}}
		out, dropped, _ := openai.EncodeRequest(nil, r, dialect.Target{ID: c.id, Genuine: true})
		_, effort, _ := strings.Cut(strings.TrimSuffix(string(out), "}"), `"messages":[]`)
		if strings.TrimPrefix(effort, ",") != c.want || strings.Join(dropped, " ") != c.dropped {
			t.Errorf("%+v: %s drops %v", c, out, dropped)
		}
	}
}
