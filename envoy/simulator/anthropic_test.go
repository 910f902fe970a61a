package simulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/google/go-cmp/cmp"
)

// claude is Anthropic's own client, without its retries.
func (s *stage) claude(key string, options ...option.RequestOption) anthropic.Client {
	return anthropic.NewClient(append([]option.RequestOption{
		option.WithoutEnvironmentDefaults(), option.WithBaseURL(s.url), option.WithAPIKey(key), option.WithHTTPClient(s.http1), option.WithMaxRetries(0),
	}, options...)...)
}

// act is the script that a header carries.
func act(script string) option.RequestOption { return option.WithHeader("X-Sim", script) }

func ask1(text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: "acme-1", MaxTokens: 4096, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
	}
}

func askWeather() anthropic.MessageNewParams {
	p := ask1("How is the weather?")
	p.Tools = []anthropic.ToolUnionParam{
		{OfTool: &anthropic.ToolParam{Name: "weather", InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{"city": map[string]any{"type": "string"}}}}},
		{OfTool: &anthropic.ToolParam{Name: "clock", InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{}}}},
	}
	return p
}

// streamed accumulates a stream as the official client does.
func streamed(t *testing.T, client anthropic.Client, p anthropic.MessageNewParams, options ...option.RequestOption) anthropic.Message {
	t.Helper()
	stream := client.Messages.NewStreaming(t.Context(), p, options...)
	var m anthropic.Message
	for stream.Next() {
		if err := m.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return m
}

// both runs a request plain and streamed, and wants one and the same message.
func both(t *testing.T, client anthropic.Client, p anthropic.MessageNewParams, options ...option.RequestOption) anthropic.Message {
	t.Helper()
	whole, err := client.Messages.New(t.Context(), p, options...)
	if err != nil {
		t.Fatal(err)
	}
	stream := streamed(t, client, p, options...)
	type block struct {
		Type, Text, Thinking, Signature, Data, ID, Name string
		Input                                           string
	}
	list := func(m anthropic.Message) (all []block) {
		for _, b := range m.Content {
			all = append(all, block{b.Type, b.Text, b.Thinking, b.Signature, b.Data, b.ID, b.Name, string(b.Input)})
		}
		return all
	}
	if diff := cmp.Diff(list(*whole), list(stream)); diff != "" {
		t.Errorf("a stream differs from an answer (-answer +stream):\n%s", diff)
	}
	if whole.StopReason != stream.StopReason || whole.StopSequence != stream.StopSequence || whole.ID != stream.ID ||
		whole.Usage.OutputTokens != stream.Usage.OutputTokens || whole.Usage.InputTokens != stream.Usage.InputTokens ||
		whole.Usage.CacheReadInputTokens != stream.Usage.CacheReadInputTokens {
		t.Errorf("answered %+v, streamed %+v", whole, stream)
	}
	return *whole
}

func TestAnthropicsClientChats(t *testing.T) {
	s := serve(t, Config{Key: "sk-ant-right-key"})
	got := both(t, s.claude("sk-ant-right-key"), ask1("Tell me of camels"))
	want := "Hello from acme, answering as acme-1. You said: “Tell me of camels” This provider is simulated, so that is all it has to say."
	if len(got.Content) != 1 || got.Content[0].Text != want || got.StopReason != anthropic.StopReasonEndTurn || got.Role != "assistant" ||
		got.Model != "acme-1" || !strings.HasPrefix(got.ID, "msg_01") || got.Usage.InputTokens == 0 || got.Usage.OutputTokens == 0 {
		t.Errorf("got %s", got.RawJSON())
	}
}

func TestAnthropicsClientUsesToolsAndReplaysItsThoughts(t *testing.T) {
	s := serve(t, Config{})
	client := s.claude("any")
	p := askWeather()
	p.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	for _, script := range []string{`{"tools":3,"reasoning":5}`, `{"tools":3,"reasoning":5,"redacted":true}`, `{"tools":1,"reasoning":1,"arguments":"whole"}`} {
		first := both(t, client, p, act(script))
		if first.StopReason != anthropic.StopReasonToolUse || !strings.HasSuffix(first.Content[0].Type, "thinking") {
			t.Fatalf("%s: got %s", script, first.RawJSON())
		}
		next := p
		results := []anthropic.ContentBlockParamUnion{}
		for _, b := range first.Content {
			if b.Type != "tool_use" {
				continue
			}
			var input struct{ City string }
			if err := json.Unmarshal(b.Input, &input); err != nil || (b.Name == "weather") != (input.City != "") {
				t.Errorf("%s: %s is called with %s", script, b.Name, b.Input)
			}
			results = append(results, anthropic.NewToolResultBlock(b.ID, "sunny in "+b.ID, false))
		}
		next.Messages = append(next.Messages, first.ToParam(), anthropic.NewUserMessage(results...))
		answer := both(t, client, next)
		for _, b := range first.Content {
			if b.Type == "tool_use" && !strings.Contains(answer.Content[0].Text, b.ID+" returned “sunny in "+b.ID+"”") {
				t.Errorf("%s: the answer does not mention the result of %s: %s", script, b.ID, answer.Content[0].Text)
			}
		}
	}
}

// thoughtful is a conversation in which a thought and a call are replayed.
func thoughtful(t *testing.T, client anthropic.Client, script string) (anthropic.MessageNewParams, []anthropic.ContentBlockParamUnion) {
	t.Helper()
	p := askWeather()
	p.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	first, err := client.Messages.New(t.Context(), p, act(script))
	if err != nil {
		t.Fatal(err)
	}
	p.Messages = append(p.Messages, anthropic.NewAssistantMessage(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(first.Content[1].ID, "sunny", false)))
	return p, first.ToParam().Content
}

func TestThoughtsThatAreNotWhatTheyWereAreRefused(t *testing.T) {
	s := serve(t, Config{})
	client := s.claude("any")
	for name, c := range map[string]struct {
		script string
		change func([]anthropic.ContentBlockParamUnion) []anthropic.ContentBlockParamUnion
		want   string
	}{
		"changed text": {`{"tools":1,"reasoning":5}`, func(b []anthropic.ContentBlockParamUnion) []anthropic.ContentBlockParamUnion {
			b[0].OfThinking.Thinking += "!"
			return b
		}, "messages.1.content.0: Invalid `signature` in `thinking` block"},
		"changed signature": {`{"tools":1,"reasoning":5}`, func(b []anthropic.ContentBlockParamUnion) []anthropic.ContentBlockParamUnion {
			b[0].OfThinking.Signature = seal("gemini", b[0].OfThinking.Thinking)
			return b
		}, "messages.1.content.0: Invalid `signature` in `thinking` block"},
		"changed data": {`{"tools":1,"reasoning":5,"redacted":true}`, func(b []anthropic.ContentBlockParamUnion) []anthropic.ContentBlockParamUnion {
			b[0].OfRedactedThinking.Data = "AAAA" + b[0].OfRedactedThinking.Data[4:]
			return b
		}, "messages.1.content.0: Invalid `data` in `redacted_thinking` block"},
		"missing": {`{"tools":1,"reasoning":5}`, func(b []anthropic.ContentBlockParamUnion) []anthropic.ContentBlockParamUnion {
			return b[1:]
		}, "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."},
		"as it was": {`{"tools":1,"reasoning":5}`, func(b []anthropic.ContentBlockParamUnion) []anthropic.ContentBlockParamUnion { return b }, ""},
	} {
		p, blocks := thoughtful(t, client, c.script)
		p.Messages[1].Content = c.change(blocks)
		_, err := client.Messages.New(t.Context(), p)
		var problem *anthropic.Error
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.As(err, &problem) || problem.StatusCode != http.StatusBadRequest || !strings.Contains(problem.RawJSON(), c.want)):
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestAThoughtThatIsOmittedCanBeReplayed(t *testing.T) {
	s := serve(t, Config{})
	client := s.claude("any")
	p := askWeather()
	p.Thinking = anthropic.ThinkingConfigParamUnion{OfEnabled: &anthropic.ThinkingConfigEnabledParam{BudgetTokens: 1024, Display: "omitted"}}
	first := both(t, client, p, act(`{"tools":1,"reasoning":5}`))
	if b := first.Content[0]; b.Type != "thinking" || b.Thinking != "" || b.Signature == "" || first.Usage.OutputTokensDetails.ThinkingTokens != 5 {
		t.Errorf("got %s", first.RawJSON())
	}
	p.Messages = append(p.Messages, first.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(first.Content[1].ID, "sunny", false)))
	if _, err := client.Messages.New(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestAnthropicsClientGetsWhatFitsItsSchema(t *testing.T) {
	s := serve(t, Config{})
	p := ask1("Where?")
	p.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"city", "days"},
		"properties": map[string]any{"city": map[string]any{"type": "string"}, "days": map[string]any{"type": "array", "items": map[string]any{"$ref": "#/$defs/day"}}},
		"$defs":      map[string]any{"day": map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{"at": map[string]any{"type": "string", "format": "date"}}}},
	}}
	var got struct {
		City string
		Days []struct{ At string }
	}
	text := both(t, s.claude("any"), p).Content[0].Text
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.City == "" || len(got.Days) == 0 || got.Days[0].At != "2026-08-01" {
		t.Errorf("got %s, %v", text, err)
	}
	p.OutputConfig.Format.Schema["additionalProperties"] = true
	client := s.claude("any")
	if _, err := client.Messages.New(t.Context(), p); err == nil || !strings.Contains(err.Error(), "'additionalProperties' must be explicitly set to false") {
		t.Errorf("an open schema got %v", err)
	}
}

func TestAnthropicCountsCachesBesideTheInput(t *testing.T) {
	s := serve(t, Config{})
	u := both(t, s.claude("any"), ask1("x"), act(`{"reasoning":2,"usage":{"prompt_tokens":1000,"completion_tokens":20,"cached_tokens":900,"cache_write_tokens":60,"reasoning_tokens":7}}`)).Usage
	if u.InputTokens != 40 || u.CacheReadInputTokens != 900 || u.CacheCreationInputTokens != 60 || u.OutputTokens != 20 || u.OutputTokensDetails.ThinkingTokens != 7 {
		t.Errorf("usage is %s", u.RawJSON())
	}
}

func TestAnthropicStopsForItsOwnReasons(t *testing.T) {
	s := serve(t, Config{})
	client := s.claude("any")
	for script, want := range map[string]anthropic.StopReason{
		`{"finish":"length"}`: "max_tokens", `{"finish":"content_filter"}`: "refusal", `{"finish":"pause_turn"}`: "pause_turn", `{"finish":"tool_calls"}`: "tool_use",
	} {
		if got := both(t, client, ask1("x"), act(script)); got.StopReason != want {
			t.Errorf("%s: stopped for %s", script, got.StopReason)
		}
	}
	short := ask1("x")
	short.MaxTokens = 3
	if got := both(t, client, short); got.StopReason != "max_tokens" || got.Content[0].Text != "Hello from acme," || got.Usage.OutputTokens != 3 {
		t.Errorf("got %s", got.RawJSON())
	}
	stop := ask1("x")
	stop.StopSequences = []string{"nothing", " answering"}
	if got := both(t, client, stop); got.StopReason != "stop_sequence" || got.StopSequence != " answering" || got.Content[0].Text != "Hello from acme," {
		t.Errorf("got %s", got.RawJSON())
	}
}

func TestAnthropicsClientCountsTokensAndListsModels(t *testing.T) {
	s := serve(t, Config{Models: []string{"acme-1", "acme-2"}})
	client := s.claude("any")
	counted, err := client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{Model: "acme-1", Messages: ask1("Tell me of camels").Messages})
	if err != nil {
		t.Fatal(err)
	}
	if got := both(t, client, ask1("Tell me of camels")); counted.InputTokens == 0 || counted.InputTokens != got.Usage.InputTokens {
		t.Errorf("counted %d, used %d", counted.InputTokens, got.Usage.InputTokens)
	}
	counted, err = client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{Model: "acme-1", Messages: ask1("x").Messages}, act(`{"usage":{"prompt_tokens":77}}`))
	if err != nil || counted.InputTokens != 77 {
		t.Errorf("counted %+v, %v", counted, err)
	}
	page, err := client.Models.List(t.Context(), anthropic.ModelListParams{})
	if err != nil || len(page.Data) != 2 || page.Data[1].ID != "acme-2" || page.Data[0].CreatedAt != noon() || page.HasMore {
		t.Errorf("listed %+v, %v", page, err)
	}
}

func TestAnthropicsClientUnderstandsErrors(t *testing.T) {
	s := serve(t, Config{Key: "sk-ant-right-key", Models: []string{"acme-1"}})
	for _, c := range []struct {
		script, key, model string
		status             int
		kind, message      string
	}{
		{`{}`, "sk-ant-wrong-key", "acme-1", 401, "authentication_error", "invalid x-api-key"},
		{`{}`, "sk-ant-right-key", "acme-2", 404, "not_found_error", "model: acme-2"},
		{`{"status":400}`, "sk-ant-right-key", "acme-1", 400, "invalid_request_error", ""},
		{`{"status":402}`, "sk-ant-right-key", "acme-1", 402, "billing_error", "credit balance"},
		{`{"status":403}`, "sk-ant-right-key", "acme-1", 403, "permission_error", "permission"},
		{`{"status":413}`, "sk-ant-right-key", "acme-1", 413, "request_too_large", "maximum size"},
		{`{"status":429}`, "sk-ant-right-key", "acme-1", 429, "rate_limit_error", "rate limit"},
		{`{"status":500}`, "sk-ant-right-key", "acme-1", 500, "api_error", "Internal server error"},
		{`{"status":504}`, "sk-ant-right-key", "acme-1", 504, "timeout_error", "timed out"},
		{`{"status":529}`, "sk-ant-right-key", "acme-1", 529, "overloaded_error", "Overloaded"},
		{`{"status":529,"message":"full"}`, "sk-ant-right-key", "acme-1", 529, "overloaded_error", `"full"`},
		{`{"context_length":true}`, "sk-ant-right-key", "acme-1", 400, "invalid_request_error", "prompt is too long: 200001 tokens > 200000 maximum"},
		{`{"unsupported":"top_k"}`, "sk-ant-right-key", "acme-1", 400, "invalid_request_error", "top_k: Extra inputs are not permitted"},
		{`{"refusal":"content_filter"}`, "sk-ant-right-key", "acme-1", 400, "invalid_request_error", "Output blocked by content filtering policy"},
		{`{"nonsense":1}`, "sk-ant-right-key", "acme-1", 400, "invalid_request_error", "X-Sim.nonsense"},
	} {
		p := ask1("x")
		p.Model = c.model
		client := s.claude(c.key)
		_, err := client.Messages.New(t.Context(), p, act(c.script))
		var problem *anthropic.Error
		if !errors.As(err, &problem) || problem.StatusCode != c.status || string(problem.Type()) != c.kind || !strings.Contains(problem.RawJSON(), c.message) || problem.RequestID == "" {
			t.Errorf("%s: got %v", c.script, err)
		}
	}
}

func TestAnthropicsClientNoticesErrorsInStreams(t *testing.T) {
	s := serve(t, Config{})
	client := s.claude("any")
	for text, want := range map[string]string{
		`{"error_first":true}`: "Overloaded", `{"error_after_role":true}`: "Overloaded", `{"error_mid":true,"message":"we broke"}`: "we broke",
		`{"malformed_mid":true}`: "in string literal", `{"close":"mid"}`: "unexpected EOF", `{"reset":"mid"}`: "reset by peer",
	} {
		stream := client.Messages.NewStreaming(t.Context(), ask1("x"), act(text))
		for stream.Next() {
			continue
		}
		if err := stream.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
}

func TestAnthropicRefusesWhatTheAPIRefuses(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	const user = `{"role":"user","content":"x"}`
	call := `{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"a","input":{}}]}`
	result := `{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"y"}]}`
	body := func(messages string, extra ...string) string {
		return strings.Join(append([]string{`{"model":"m","max_tokens":2048,"messages":[` + messages + `]`}, extra...), ",") + "}"
	}
	for _, c := range []struct{ body, want string }{
		{`{`, "not valid JSON"},
		{`{"max_tokens":5,"messages":[` + user + `]}`, "model: Field required"},
		{`{"model":"m","messages":[` + user + `]}`, "max_tokens: Field required"},
		{`{"model":"m","max_tokens":5}`, "messages: Field required"},
		{`{"model":"m","max_tokens":5,"messages":"x"}`, "messages: Input should be a valid list"},
		{`{"model":"m","max_tokens":"5","messages":[` + user + `]}`, "max_tokens: Input should be a valid integer"},
		{body(""), "at least one message is required"},
		{body(user, `"frequency_penalty":1`), "frequency_penalty: Extra inputs are not permitted"},
		{body(user, `"mcp_servers":[]`), "mcp_servers: Extra inputs are not permitted"},
		{body(user, `"temperature":1.5`), "temperature: range: 0..1"},
		{body(user, `"stop_sequences":["\n"]`), "each stop sequence must contain non-whitespace"},
		{body(`{"role":"assistant","content":"x"}`), `first message must use the \"user\" role`},
		{body(`{"role":"tool","content":"x"}`), "messages.0.role: Input should be 'user' or 'assistant'"},
		{body(`{"role":"user","content":[]}`), "all messages must have non-empty content"},
		{body(`{"role":"user","content":[{"type":"text","text":""}]}`), "text content blocks must be non-empty"},
		{body(`{"role":"user","content":[{"type":"text","text":" "}]}`), "text content blocks must contain non-whitespace text"},
		{body(`{"role":"user","content":[{"type":"text","text":"x","id":1}]}`), "messages.0.content.0.text.id: Extra inputs are not permitted"},
		{body(`{"role":"user","content":[{"type":"image_url","image_url":{}}]}`), "Input tag 'image_url' found using 'type' does not match"},
		{body(`{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/tiff","data":"AAAA"}}]}`), "image.source.base64.media_type: Input should be"},
		{body(`{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"!"}}]}`), "invalid base64 data"},
		{body(user + `,{"role":"assistant","content":"x "}`), "cannot end with trailing whitespace"},
		{body(user + "," + call), "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_1"},
		{body(user + "," + call + "," + user), "messages.1: `tool_use` ids were found without"},
		{body(result), "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"},
		{body(user + "," + strings.ReplaceAll(call+","+result, "toolu_1", "a.b")), "messages.1.content.0.tool_use.id: String should match pattern"},
		{body(user, `"tools":[{"name":"a b","input_schema":{"type":"object"}}]`), "tools.0.custom.name: String should match pattern"},
		{body(user, `"tools":[{"name":"a","input_schema":{}}]`), "tools.0.custom.input_schema.type: Field required"},
		{body(user, `"tools":[{"name":"a","input_schema":{"type":"object"}},{"name":"a","input_schema":{"type":"object"}}]`), "Tool names must be unique"},
		{body(user, `"tool_choice":{"type":"any"}`), "tool_choice may only be specified while providing tools"},
		{body(user, `"thinking":{"type":"enabled","budget_tokens":100}`), "Input should be greater than or equal to 1024"},
		{body(user, `"thinking":{"type":"enabled","budget_tokens":2048}`), "`max_tokens` must be greater than `thinking.budget_tokens`"},
		{body(user, `"thinking":{"type":"enabled","budget_tokens":1024},"temperature":0.5`), "`temperature` may only be set to 1 when thinking is enabled"},
		{
			body(user, `"thinking":{"type":"enabled","budget_tokens":1024},"tools":[{"name":"a","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}`),
			"Thinking may not be enabled when tool_choice forces tool use.",
		},
		{body(user, `"system":[`+strings.Repeat(`{"type":"text","text":"x","cache_control":{"type":"ephemeral"}},`, 4)+
			`{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]`), "A maximum of 4 blocks with cache_control may be provided. Found 5."},
		{body(user + "," + call + "," + result), `"type":"message"`},
		{body(user + "," + user + "," + call + "," + result + `,{"role":"assistant","content":"So"}`), `"type":"message"`},
	} {
		r := Request{Method: http.MethodPost, Path: "/v1/messages", Header: http.Header{"Anthropic-Version": {"2023-06-01"}}, Body: []byte(c.body)}
		if got := string(p.Body(r)); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %q in it", c.body, got, c.want)
		}
	}
	if got := string(p.Body(Request{Path: "/v1/messages", Body: []byte(body(user))})); !strings.Contains(got, "anthropic-version: header is required") {
		t.Errorf("without a version: %s", got)
	}
	r := Request{Path: "/v1/messages/count_tokens", Header: http.Header{"Anthropic-Version": {"2023-06-01"}}, Body: []byte(body(user))}
	if got := string(p.Body(r)); !strings.Contains(got, "max_tokens: Extra inputs are not permitted") {
		t.Errorf("counting with max_tokens: %s", got)
	}
}

func TestVertexServesClaude(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon, Models: []string{"claude@1"}})
	const at = "/v1/projects/p/locations/l/publishers/anthropic/models/"
	for _, c := range []struct{ path, body, want string }{
		{at + "claude%401:rawPredict", `{"anthropic_version":"vertex-2023-10-16","max_tokens":500,"messages":[{"role":"user","content":"x"}]}`, `"model":"claude@1"`},
		{at + "claude@1:streamRawPredict", `{"anthropic_version":"vertex-2023-10-16","stream":true,"max_tokens":500,"messages":[{"role":"user","content":"x"}]}`, "event: message_start"},
		{at + "claude@1:rawPredict", `{"max_tokens":500,"messages":[{"role":"user","content":"x"}]}`, "anthropic_version: Field required"},
		{at + "claude@1:rawPredict", `{"anthropic_version":"2023-06-01","max_tokens":500,"messages":[]}`, "anthropic_version: Input should be 'vertex-2023-10-16'"},
		{at + "claude@1:rawPredict", `{"anthropic_version":"vertex-2023-10-16","model":"x","max_tokens":500,"messages":[]}`, "model: Extra inputs are not permitted"},
		{at + "claude@2:rawPredict", `{"anthropic_version":"vertex-2023-10-16","max_tokens":500,"messages":[{"role":"user","content":"x"}]}`, `"status":"NOT_FOUND"`},
		{at + "count-tokens:rawPredict", `{"anthropic_version":"vertex-2023-10-16","model":"claude@1","messages":[{"role":"user","content":"x"}]}`, `{"input_tokens":8}`},
	} {
		if got := string(p.Body(Request{Method: http.MethodPost, Path: c.path, Body: []byte(c.body)})); !strings.Contains(got, c.want) {
			t.Errorf("%s %s: got %s, want %q in it", c.path, c.body, got, c.want)
		}
	}
}
