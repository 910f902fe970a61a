package responses_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func decode(tb testing.TB, body string) *llm.Request {
	tb.Helper()
	r, p := responses.DecodeRequest([]byte(body))
	if p != nil {
		tb.Fatal(p)
	}
	return r
}

func TestPathNamesTheVersionOfAzure(t *testing.T) {
	for want, target := range map[string]dialect.Target{
		"/responses":                     {APIVersion: "v1"},
		"/responses?api-version=preview": {Platform: dialect.Azure, APIVersion: "preview"},
	} {
		if got := responses.Path(nil, target); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPatchMayTouchAnySetOfMembers(t *testing.T) {
	members := map[byte]string{
		'm': `"model":"a"`, 's': `"models":["b"]`, 'p': `"providerOptions" : {"gateway":{}}`, 'o': `"store" : true`,
		'i': `"include":[ ]`, 'r': `"reasoning":{"effort":"low"}`,
	}
	count := 0
	var permute func(prefix, rest string)
	permute = func(prefix, rest string) {
		if strings.Contains(prefix, "m") {
			var parts []string
			for i := range prefix {
				parts = append(parts, members[prefix[i]])
			}
			checkPatched(t, "{ "+strings.Join(parts, " , ")+" }", strings.Contains(prefix, "r"), strings.Contains(prefix, "i"))
			count++
		}
		for i := range rest {
			permute(prefix+rest[i:i+1], rest[:i]+rest[i+1:])
		}
	}
	permute("", "mspoir")
	if count < 1000 {
		t.Errorf("only %d orders tried", count)
	}
}

func checkPatched(t *testing.T, body string, reasons, includes bool) {
	t.Helper()
	e, p := responses.Scan([]byte(body))
	if p != nil {
		t.Fatal(p)
	}
	out := slices.Concat(responses.Pieces([]byte(body), &e, dialect.Target{ID: "z", Genuine: true})...)
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%s becomes %s", body, out)
	}
	want := map[string]any{"model": "z", "store": false}
	if includes {
		want["include"] = []any{}
	}
	if reasons {
		want["reasoning"] = map[string]any{"effort": "low"}
		want["include"] = []any{"reasoning.encrypted_content"}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s becomes %s", body, out)
	}
}

func TestFinishReasonsAreToldInOpenAIsWords(t *testing.T) {
	want := map[llm.FinishReason]string{
		llm.FinishUnknown: `"response.completed"`, llm.FinishStop: `"response.completed"`, llm.FinishToolCalls: `"response.completed"`,
		llm.FinishLength: `"reason":"max_output_tokens"`, llm.FinishFilter: `"reason":"content_filter"`,
		llm.FinishRefusal: `"reason":"content_filter"`, llm.FinishPause: `"response.completed"`,
		llm.FinishError: `"response.failed"`, llm.FinishOther: `"response.completed"`,
	}
	for r := range llm.NumFinishReasons {
		events := []llm.Event{{Kind: llm.TextDelta, Text: "x"}, {Kind: llm.Finish, Reason: r}}
		out := string(write(events))
		if word, ok := want[r]; !ok || !strings.Contains(out, word) {
			t.Errorf("%s is written as %s", r, out)
		}
		if n := strings.Count(out, "event: response.completed") + strings.Count(out, "event: response.incomplete") +
			strings.Count(out, "event: response.failed"); n != 1 {
			t.Errorf("%s: %d terminal events", r, n)
		}
	}
}

func TestEveryFailureHasACodeThatAgentsKnow(t *testing.T) {
	want := map[llm.Kind]string{
		llm.ContextLength: "context_length_exceeded", llm.RateLimited: "rate_limit_exceeded", llm.QuotaExceeded: "insufficient_quota",
		llm.Overloaded: "server_is_overloaded", llm.InvalidRequest: "invalid_prompt", llm.Refused: "invalid_prompt",
		llm.Unsupported: "invalid_prompt",
	}
	for k := range llm.NumKinds {
		code := want[k]
		if code == "" {
			code = "server_error"
		}
		out := string(responses.EncodeStreamError(&llm.Problem{Kind: k, Message: "m"}, "g"))
		if !strings.Contains(out, `"error":{"code":"`+code+`"`) || !strings.HasPrefix(out, "event: error\n") {
			t.Errorf("%s: %s", k, out)
		}
	}
}

// A custom tool reaches other dialects as a function, and the call to the
// function reaches the client as a call to its custom tool.
func TestACustomToolWorksInFrontOfADialectWithoutThem(t *testing.T) {
	const patch = "*** Begin Patch\n\"quoted\"\n*** End Patch"
	r := decode(t, `{"model":"m","input":[{"role":"user","content":"x"},{"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"old"},{"type":"custom_tool_call_output","call_id":"c","output":"Done"}],"tools":[{"type":"custom","name":"apply_patch","description":"Edits.","format":{"type":"grammar","syntax":"lark","definition":"start: x"}}]}`)
	out, _, p := openai.EncodeRequest(nil, r, dialect.Target{ID: "m"})
	if p != nil {
		t.Fatal(p)
	}
	for _, want := range []string{
		`{"type":"function","function":{"name":"apply_patch","description":"Edits.\n\nThe input must match this lark grammar:\nstart: x","parameters":{"type":"object"`,
		`"function":{"name":"apply_patch","arguments":"{\"input\":\"old\"}"}`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is not in %s", want, out)
		}
	}
	args, err := json.Marshal(map[string]string{"input": patch})
	if err != nil {
		t.Fatal(err)
	}
	with := reply
	with.FreeText = r.FreeText()
	answer := responses.EncodeAnswer(nil, []llm.Event{
		{Kind: llm.ToolStart, ID: "c", Name: "apply_patch"},
		{Kind: llm.ToolArgs, Text: string(args[:9])},
		{Kind: llm.ToolArgs, Text: string(args[9:])},
		{Kind: llm.Finish, Reason: llm.FinishToolCalls},
	}, with)
	var got struct {
		Output []struct{ Type, Name, Input string }
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Output) != 1 || got.Output[0].Type != "custom_tool_call" || got.Output[0].Input != patch {
		t.Errorf("got %+v", got.Output)
	}
}

// What a vendor signed comes back to it with the next turn, byte for byte and in
// its place: on reasoning, on a call and on a text.
func TestThoughtsOfOtherVendorsComeBack(t *testing.T) {
	claude := llm.Thought{Format: llm.FormatAnthropic, Signature: "EqQB+/=="}
	redacted := llm.Thought{Format: llm.FormatAnthropic, Encrypted: "EmwK"}
	called := llm.Thought{Format: llm.FormatGemini, Signature: "CqgC"}
	told := llm.Thought{Format: llm.FormatGemini, Signature: "Cs4D"}
	events := []llm.Event{
		{Kind: llm.ReasoningDelta, Text: "I th", Thought: &llm.Thought{Format: llm.FormatAnthropic}},
		{Kind: llm.ReasoningDelta, Text: "ink\n", Thought: &claude},
		{Kind: llm.ReasoningDelta, Index: 1, Thought: &redacted},
		{Kind: llm.ReasoningDelta, Index: 2, Text: "unsigned"},
		{Kind: llm.TextDelta, Index: 3, Text: "Well"},
		{Kind: llm.TextDelta, Index: 3, Thought: &told},
		{Kind: llm.ToolStart, ID: "c1", Name: "f", Thought: &called},
		{Kind: llm.ToolArgs, Text: "{}"},
		{Kind: llm.ToolStart, Index: 1, ID: "c2", Name: "f"},
		{Kind: llm.ToolArgs, Index: 1, Text: "{}"},
		{Kind: llm.Finish, Reason: llm.FinishToolCalls},
	}
	var answer struct{ Output json.RawMessage }
	if err := json.Unmarshal(responses.EncodeAnswer(nil, events, reply), &answer); err != nil {
		t.Fatal(err)
	}
	got := decode(t, `{"model":"m","input":`+string(answer.Output)+`}`)
	want := []llm.Message{{Role: llm.Assistant, Parts: []llm.Part{
		{Kind: llm.Thinking, Text: "I think\n", Thought: &claude},
		{Kind: llm.Thinking, Thought: &redacted},
		{Kind: llm.Thinking, Text: "unsigned"},
		{Kind: llm.Text, Text: "Well", Thought: &told},
		{Kind: llm.Call, Call: &llm.ToolCall{ID: "c1", Name: "f", Args: "{}"}, Thought: &called},
		{Kind: llm.Call, Call: &llm.ToolCall{ID: "c2", Name: "f", Args: "{}"}},
	}}}
	if diff := cmp.Diff(want, got.Messages); diff != "" {
		t.Error(diff)
	}
	for _, target := range []dialect.Target{genuine, compatible} {
		out, dropped, _ := responses.EncodeRequest(nil, got, target)
		if strings.Contains(string(out), "EqQB") || !slices.Contains(dropped, "messages.0.reasoning") {
			t.Errorf("dropped %v: %s", dropped, out)
		}
	}
}

// A chat client keeps reasoning as details; OpenAI gets its items back whole.
func TestReasoningThatAChatClientKeptIsAnItemAgain(t *testing.T) {
	r, p := openai.DecodeRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"reasoning_details":[
		{"type":"reasoning.summary","summary":"one","id":"rs_1","format":"openai-responses-v1","index":0},
		{"type":"reasoning.summary","summary":"two","id":"rs_1","format":"openai-responses-v1","index":1},
		{"type":"reasoning.encrypted","data":"gAAA","id":"rs_1","format":"openai-responses-v1","index":1},
		{"type":"reasoning.text","text":"no","signature":"S","format":"anthropic-claude-v1","index":2}],
		"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"1"}],
		"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"max_completion_tokens":5,"reasoning_effort":"low","seed":1,
		"verbosity":"low","prompt_cache_key":"k","frequency_penalty":1,"stream":true,"logprobs":true}`))
	if p != nil {
		t.Fatal(p)
	}
	out, dropped, _ := responses.EncodeRequest(nil, r, genuine)
	want := `{"model":"gpt-x","input":[{"type":"message","role":"user","content":"q"},` +
		`{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}],"encrypted_content":"gAAA"},` +
		`{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"}],` +
		`"tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":false}],"max_output_tokens":16,"reasoning":{"effort":"low"},` +
		`"text":{"verbosity":"low"},"include":["reasoning.encrypted_content","message.output_text.logprobs"],"stream":true,"store":false,"prompt_cache_key":"k"}`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
	wantDropped := []string{"messages.1.reasoning", "max_tokens", "frequency_penalty", "seed"}
	slices.Sort(wantDropped)
	slices.Sort(dropped)
	for _, d := range wantDropped {
		if !slices.Contains(dropped, d) {
			t.Errorf("%s is not among %v", d, dropped)
		}
	}
}

func TestWhatTheDialectCannotSayIsNamed(t *testing.T) {
	r := &llm.Request{
		Dialect: llm.Anthropic,
		Messages: []llm.Message{
			{Role: llm.User, Name: "bob", Parts: []llm.Part{
				{Kind: llm.Text, Text: "x", Cache: llm.Raw(`{}`)},
				{Kind: llm.Result, Result: &llm.ToolResult{ID: "c", Error: true}},
				{Kind: llm.OpaquePart, Extra: llm.Extras{{Dialect: llm.Anthropic, Name: "part", Value: llm.Raw(`{}`)}}},
			}},
			{Role: llm.Assistant, Parts: []llm.Part{{Kind: llm.Thinking, Text: "t", Thought: &llm.Thought{Format: llm.FormatAnthropic, Signature: "s"}}}},
		},
		Tools: []llm.Tool{{Extra: llm.Extras{{Dialect: llm.Anthropic, Name: "tool", Value: llm.Raw(`{}`)}}}},
		TopK:  llm.Some[int64](1), Stop: []string{"s"}, Seed: llm.Some[int64](1), N: llm.Some[int64](2), FrequencyPenalty: llm.Some(0.5),
		PresencePenalty: llm.Some(0.5), Reasoning: llm.Reasoning{Budget: llm.Some[int64](2000)},
		Extra:           llm.Extras{{Dialect: llm.Anthropic, Name: "context_management", Value: llm.Raw(`{}`)}},
		ProviderOptions: []llm.Member{{Name: "openai", Value: llm.Raw(`{}`)}},
	}
	out, got, _ := responses.EncodeRequest(nil, r, genuine)
	want := []string{
		"messages.0.name", "messages.0.content.cache_control", "messages.0.is_error", "messages.0.content",
		"messages.1.reasoning", "tools.0", "top_k", "frequency_penalty", "presence_penalty", "seed", "stop", "n", "reasoning.budget",
		"context_management", "providerOptions.openai",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !json.Valid(out) || !strings.Contains(string(out), `"effort":"low"`) || strings.Contains(string(out), `"tools"`) {
		t.Errorf("got %s", out)
	}
}

func TestAProviderMayRefuseMembers(t *testing.T) {
	target := dialect.Target{ID: "m", Quirks: &llm.Quirks{
		SystemRole: true, Refuses: []string{"user", "metadata"}, Reasoning: "none", ReasoningText: "none", RequiredTool: "any",
	}}
	r := decode(t, `{"model":"m","input":[{"role":"developer","content":"d"},{"type":"reasoning","summary":[],"encrypted_content":"E"}],"user":"u","metadata":{"a":"b"},"reasoning":{"effort":"low"},"tools":[{"type":"web_search"}],"tool_choice":"required"}`)
	out, dropped, _ := responses.EncodeRequest(nil, r, target)
	if string(out) != `{"model":"m","input":[{"type":"message","role":"system","content":"d"}],"tools":[{"type":"web_search"}],"tool_choice":"any","store":false}` || len(dropped) != 4 {
		t.Errorf("dropped %v: %s", dropped, out)
	}
}

func TestWhatMustBeWrittenAnewIsNoticed(t *testing.T) {
	sealed := (&llm.Thought{Format: llm.FormatAnthropic, Signature: "s"}).Seal()
	for body, want := range map[string]dialect.Uses{
		`{"model":"m","input":"x","reasoning":null}`:                                                          0,
		`{"model":"m","input":"x","reasoning":{"effort":"low"},"tool_choice":"required"}`:                     dialect.UsesReasoning | dialect.UsesRequiredTool,
		`{"model":"m","input":[{"role":"developer","content":"d"}]}`:                                          dialect.UsesDeveloper,
		`{"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}]}`:                dialect.UsesThoughts,
		`{"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"` + sealed + `"}]}`:      dialect.UsesThoughts | dialect.UsesSealed,
		`{"model":"m","input":[{"type":"reasoning","id":"rs_1","summary":[]},{"role":"user","content":"x"}]}`: dialect.UsesThoughts | dialect.UsesSealed,
	} {
		e, p := responses.Scan([]byte(body))
		if p != nil || e.Uses != want {
			t.Errorf("%s: %v, uses %b, want %b", body, p, e.Uses, want)
		}
	}
}

func TestAnAnswerWithoutEndFailsItsReader(t *testing.T) {
	r := responses.Codec().NewReader()
	events := r.Feed(nil, []byte("data: {\"type\":\"response.output_text.delta\",\"delta\":\""+strings.Repeat("x", 17<<20)))
	events = r.Close(events)
	if n := len(events); n != 1 || events[0].Kind != llm.Failed {
		t.Errorf("got %d events", n)
	}
}

// The terminal event repeats the answer, so what is kept of it has a bound.
func TestAnAnswerTooLongToRepeatFails(t *testing.T) {
	w := responses.Codec().NewWriter(reply)
	text := strings.Repeat("x", 1<<20)
	var out []byte
	written := 0
	for range 100 {
		out = w.Write(out[:0], llm.Event{Kind: llm.TextDelta, Text: text})
		if written += len(out); strings.Contains(string(out), "event: response.failed") {
			return
		}
	}
	t.Errorf("%d bytes are written without end", written)
}
