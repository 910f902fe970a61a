package simulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// official is OpenAI's own client, without its retries.
func (s *stage) official(key string, options ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{
		option.WithBaseURL(s.url + "/v1"), option.WithAPIKey(key), option.WithHTTPClient(s.http1), option.WithMaxRetries(0),
	}, options...)...)
}

func question(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "acme-1",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

// script adds a script for every provider to a request of the official client.
func script(text string) option.RequestOption {
	return option.WithJSONSet("sim", map[string]json.RawMessage{"*": json.RawMessage(text)})
}

func weather() openai.ChatCompletionNewParams {
	p := question("How is the weather?")
	p.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name:       "weather",
			Parameters: openai.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}},
		}),
		openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "clock"}),
	}
	return p
}

func TestTheOfficialClientChats(t *testing.T) {
	s := serve(t, Config{Region: "eu", Key: "sk-right-key-000"})
	client := s.official("sk-right-key-000")
	got, err := client.Chat.Completions.New(t.Context(), question("  Tell me\nof “camels”, and of "+strings.Repeat("dromedaries ", 20)))
	if err != nil {
		t.Fatal(err)
	}
	want := "Hello from acme in eu, answering as acme-1. You said: “Tell me of “camels”, and of dromedaries dromedaries dromedar…” " +
		"This provider is simulated, so that is all it has to say."
	choice := got.Choices[0]
	if choice.Message.Content != want || choice.FinishReason != "stop" || choice.Message.Role != "assistant" {
		t.Errorf("got %+v", choice)
	}
	if u := got.Usage; u.PromptTokens == 0 || u.CompletionTokens == 0 || u.TotalTokens != u.PromptTokens+u.CompletionTokens {
		t.Errorf("usage is %+v", u)
	}
	if got.Model != "acme-1" || !strings.HasPrefix(got.ID, "chatcmpl-") || got.Created != noon().Unix() || string(got.Object) != "chat.completion" {
		t.Errorf("got %+v", got)
	}
	again, err := client.Chat.Completions.New(t.Context(), question("Something else"))
	if err != nil || again.ID == got.ID {
		t.Errorf("another question has the same id, %v", err)
	}
}

func TestTheBeginningOfTheLastUserMessageIsQuoted(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for _, c := range []struct{ messages, want string }{
		{`[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"tool","content":"c"}]`, "said: “a”"},
		{`[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"see"},{"type":"text","text":"no"}]}]`, "said: “see”"},
		{`[{"role":"user","content":"` + strings.Repeat(`\ud83d\udc2a`, 500) + `"}]`, "said: “" + strings.Repeat("🐪", 60) + "…”"},
		{`[{"role":"user","content":"` + strings.Repeat(`é`, 5000) + `"}]`, "said: “" + strings.Repeat("é", 60) + "…”"},
		{`[{"role":"user","content":null}]`, "answering as acme-1. This provider"},
		{`[{"role":"system","content":"x"}]`, "answering as acme-1. This provider"},
	} {
		body := p.Body(Request{Body: []byte(`{"model":"acme-1","messages":` + c.messages + `}`)})
		if !strings.Contains(string(body), c.want) {
			t.Errorf("%.200s: got %s, want %q in it", c.messages, body, c.want)
		}
	}
}

func TestArgumentsFitTheTypesOfTheirSchema(t *testing.T) {
	schema := `{"properties":{"c":{"const":"k"},"e":{"enum":["x"]},"n":{"type":["number","null"]},"b":{"type":"boolean"},` +
		`"a":{"type":"array"},"o":{"type":"object","properties":{"i":{"type":"integer"}}},"z":{"type":"null"},"s":{"type":"string"},"w":true}}`
	d := dice(1)
	var got struct {
		C, E, S string
		N       float64
		B       bool
		A       []any
		O       struct{ I int }
		Z, W    any
	}
	if err := json.Unmarshal([]byte(arguments([]byte(schema), &d)), &got); err != nil {
		t.Fatal(err)
	}
	if got.C != "k" || got.E != "x" || got.S == "" || !got.B || got.A == nil || got.Z != nil || got.W != nil {
		t.Errorf("made %+v", got)
	}
}

func TestTheOfficialClientStreams(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	for _, usage := range []bool{false, true} {
		p := question("Tell me of camels")
		p.StreamOptions.IncludeUsage = openai.Bool(usage)
		whole, err := client.Chat.Completions.New(t.Context(), question("Tell me of camels"))
		if err != nil {
			t.Fatal(err)
		}
		stream := client.Chat.Completions.NewStreaming(t.Context(), p)
		acc := openai.ChatCompletionAccumulator{}
		chunks, withUsage := 0, 0
		for stream.Next() {
			chunk := stream.Current()
			if chunks++; chunk.JSON.Usage.Valid() {
				withUsage++
			}
			if !acc.AddChunk(chunk) {
				t.Fatalf("chunk %d does not fit: %s", chunks, chunk.RawJSON())
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		if acc.Choices[0].Message.Content != whole.Choices[0].Message.Content || acc.Choices[0].FinishReason != "stop" {
			t.Errorf("streamed %q, answered %q", acc.Choices[0].Message.Content, whole.Choices[0].Message.Content)
		}
		want := openai.CompletionUsage{}
		if usage {
			want = whole.Usage
		}
		if acc.Usage.TotalTokens != want.TotalTokens || (withUsage == 1) != usage {
			t.Errorf("include_usage %v: %d chunks with usage, in all %+v, want %+v", usage, withUsage, acc.Usage, want)
		}
	}
}

func TestTheOfficialClientGetsToolCalls(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	whole, err := client.Chat.Completions.New(t.Context(), weather(), script(`{"tools":3}`))
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Chat.Completions.NewStreaming(t.Context(), weather(), script(`{"tools":3}`))
	acc := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		acc.AddChunk(stream.Current())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	type called struct{ ID, Name, Arguments string }
	list := func(c openai.ChatCompletion) (all []called) {
		for _, call := range c.Choices[0].Message.ToolCalls {
			all = append(all, called{call.ID, call.Function.Name, call.Function.Arguments})
		}
		return all
	}
	if diff := cmp.Diff(list(*whole), list(acc.ChatCompletion)); diff != "" {
		t.Errorf("answer and stream call differently:\n%s", diff)
	}
	calls := list(*whole)
	if len(calls) != 3 || calls[0].Name != "weather" || calls[1].Name != "clock" || calls[2].Name != "weather" || calls[0].ID == calls[2].ID {
		t.Fatalf("calls are %+v", calls)
	}
	var arguments struct{ City string }
	if err := json.Unmarshal([]byte(calls[0].Arguments), &arguments); err != nil || arguments.City == "" || calls[1].Arguments != "{}" {
		t.Errorf("arguments are %+v, %v", calls, err)
	}
	if whole.Choices[0].FinishReason != "tool_calls" || acc.Choices[0].FinishReason != "tool_calls" {
		t.Errorf("finish reasons %q and %q", whole.Choices[0].FinishReason, acc.Choices[0].FinishReason)
	}
}

func TestToolChoiceIsHonoured(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	for choice, want := range map[string]string{"required": "weather", "auto": "", "none": "", "clock": "clock"} {
		p := weather()
		p.ToolChoice.OfAuto = openai.String(choice)
		if choice == "clock" {
			p.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: choice})
		}
		got, err := client.Chat.Completions.New(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		if calls := got.Choices[0].Message.ToolCalls; len(calls) == 1 {
			name = calls[0].Function.Name
		}
		if name != want {
			t.Errorf("tool_choice %s called %q, want %q", choice, name, want)
		}
	}
}

func TestTheDefaultAnswerKeepsToMaxTokens(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	p := question("Tell me of camels")
	p.MaxCompletionTokens = openai.Int(3)
	got, err := client.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Choices[0]; c.Message.Content != "Hello from acme," || c.FinishReason != "length" || got.Usage.CompletionTokens != 3 {
		t.Errorf("got %q, %s, %d tokens", c.Message.Content, c.FinishReason, got.Usage.CompletionTokens)
	}
}

func TestUsageIsOverridden(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	got, err := client.Chat.Completions.New(t.Context(), question("x"),
		script(`{"usage":{"prompt_tokens":1000,"completion_tokens":20,"cached_tokens":900,"reasoning_tokens":7}}`))
	if err != nil {
		t.Fatal(err)
	}
	u := got.Usage
	if u.PromptTokens != 1000 || u.CompletionTokens != 20 || u.TotalTokens != 1020 || u.PromptTokensDetails.CachedTokens != 900 ||
		u.CompletionTokensDetails.ReasoningTokens != 7 {
		t.Errorf("usage is %+v", u)
	}
}

func TestTheOfficialClientUnderstandsErrors(t *testing.T) {
	s := serve(t, Config{Key: "sk-right-key-000", Models: []string{"acme-1"}})
	for _, c := range []struct {
		script, key, model string
		status             int
		code               string
	}{
		{`{}`, "sk-wrong-key-000", "acme-1", 401, "invalid_api_key"},
		{`{}`, "sk-right-key-000", "acme-2", 404, "model_not_found"},
		{`{"status":429}`, "sk-right-key-000", "acme-1", 429, "rate_limit_exceeded"},
		{`{"status":503}`, "sk-right-key-000", "acme-1", 503, "server_overloaded"},
		{`{"status":529,"code":"full"}`, "sk-right-key-000", "acme-1", 529, "full"},
		{`{"context_length":true}`, "sk-right-key-000", "acme-1", 400, "context_length_exceeded"},
		{`{"unsupported":"seed"}`, "sk-right-key-000", "acme-1", 400, "unsupported_parameter"},
		{`{"refusal":"content_filter"}`, "sk-right-key-000", "acme-1", 400, "content_filter"},
		{`{"nonsense":1}`, "sk-right-key-000", "acme-1", 400, "invalid_script"},
	} {
		client := s.official(c.key)
		p := question("x")
		p.Model = c.model
		_, err := client.Chat.Completions.New(t.Context(), p, script(c.script))
		var problem *openai.Error
		if !errors.As(err, &problem) || problem.StatusCode != c.status || problem.Code != c.code || problem.Message == "" {
			t.Errorf("%s: got %v", c.script, err)
		}
	}
}

func TestTheOfficialClientNoticesErrorsInStreams(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	for text, want := range map[string]string{
		`{"error_first":true}`: "overloaded", `{"error_after_role":true}`: "overloaded", `{"error_mid":true,"message":"we broke"}`: "we broke",
		`{"malformed_mid":true}`: "invalid character", `{"close":"mid"}`: "unexpected EOF", `{"reset":"mid"}`: "reset by peer",
	} {
		stream := client.Chat.Completions.NewStreaming(t.Context(), question("x"), script(text))
		for stream.Next() {
			continue
		}
		if err := stream.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
}

func TestTheOfficialClientListsModels(t *testing.T) {
	s := serve(t, Config{Models: []string{"acme-1", "acme/2"}})
	client := s.official("any")
	page, err := client.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, m := range page.Data {
		ids = append(ids, m.ID+" by "+m.OwnedBy)
	}
	if diff := cmp.Diff([]string{"acme-1 by acme", "acme/2 by acme"}, ids); diff != "" {
		t.Error(diff)
	}
	if err := s.SetFault(Script{Status: http.StatusServiceUnavailable}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Models.List(t.Context()); err == nil {
		t.Error("a provider with a fault lists its models")
	}
}
