package openai_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// client is OpenAI's own client against a server that always answers so.
func client(t *testing.T, status int, contentType string, body []byte) sdk.Client {
	t.Helper()
	srv := (&dialecttest.Answer{Status: status, ContentType: contentType, Body: body}).Serve(t)
	return sdk.NewClient(option.WithBaseURL(srv.URL), option.WithAPIKey("k"), option.WithMaxRetries(0),
		option.WithHTTPClient(srv.Client()))
}

var params = sdk.ChatCompletionNewParams{
	Model: "m", Messages: []sdk.ChatCompletionMessageParamUnion{sdk.UserMessage("hi")},
}

// conversation has every kind of event that the client knows.
func conversation() []llm.Event {
	return []llm.Event{
		{Kind: llm.Start, ID: "chatcmpl-1", Name: "x", Created: 5},
		{Kind: llm.ExtraEvent, Choice: -1, Extra: &llm.Extra{Dialect: llm.OpenAI, Name: "system_fingerprint", Value: llm.Raw(`"fp"`)}},
		{Kind: llm.ReasoningDelta, Text: "hm", Thought: &llm.Thought{Signature: "S"}},
		{Kind: llm.TextDelta, Text: "Let me "},
		{Kind: llm.TextDelta, Text: "see"},
		{Kind: llm.Logprobs, Raw: llm.Raw(`{"content":[{"token":"see","logprob":-0.5,"bytes":null,"top_logprobs":[]}],"refusal":null}`)},
		{Kind: llm.ToolStart, ID: "c1", Name: "w"},
		{Kind: llm.ToolStart, Index: 1, ID: "c2", Name: "v"},
		{Kind: llm.ToolArgs, Text: `{"a":`},
		{Kind: llm.ToolArgs, Index: 1, Text: `{}`},
		{Kind: llm.ToolArgs, Text: `1}`},
		{Kind: llm.Finish, Reason: llm.FinishToolCalls},
		{Kind: llm.RefusalDelta, Choice: 1, Text: "no"},
		{Kind: llm.Finish, Choice: 1, Reason: llm.FinishStop},
		{Kind: llm.UsageUpdate, Usage: &llm.Usage{
			Input: llm.Some[llm.Tokens](9), CacheRead: llm.Some[llm.Tokens](4),
			Output: llm.Some[llm.Tokens](3), Reasoning: llm.Some[llm.Tokens](1),
		}},
	}
}

type heard struct {
	ID, Model, Fingerprint string
	Text                   []string
	Refusal                []string
	Finish                 []string
	Calls                  []string
	Tokens                 []string
	In, Cached, Out, Think int64
}

func hear(c *sdk.ChatCompletion) heard {
	h := heard{
		ID: c.ID, Model: c.Model, In: c.Usage.PromptTokens, Out: c.Usage.CompletionTokens,
		Cached: c.Usage.PromptTokensDetails.CachedTokens, Think: c.Usage.CompletionTokensDetails.ReasoningTokens,
	}
	for _, choice := range c.Choices {
		h.Text = append(h.Text, choice.Message.Content)
		h.Refusal = append(h.Refusal, choice.Message.Refusal)
		h.Finish = append(h.Finish, choice.FinishReason)
		for _, call := range choice.Message.ToolCalls {
			h.Calls = append(h.Calls, call.ID+" "+call.Function.Name+" "+call.Function.Arguments)
		}
		for _, p := range choice.Logprobs.Content {
			h.Tokens = append(h.Tokens, p.Token)
		}
	}
	return h
}

var wantHeard = heard{
	ID: "chatcmpl-1", Model: "public/name", In: 9, Cached: 4, Out: 3, Think: 1,
	Text: []string{"Let me see", ""}, Refusal: []string{"", "no"}, Finish: []string{"tool_calls", "stop"},
	Calls: []string{`c1 w {"a":1}`, `c2 v {}`}, Tokens: []string{"see"},
}

func TestOpenAIsClientUnderstandsOurStream(t *testing.T) {
	c := client(t, http.StatusOK, "text/event-stream", write(conversation()))
	stream := c.Chat.Completions.NewStreaming(context.Background(), params)
	var acc sdk.ChatCompletionAccumulator
	for first := true; stream.Next(); first = false {
		chunk := stream.Current()
		if first && (len(chunk.Choices) == 0 || chunk.Choices[0].Delta.Role != "assistant") {
			t.Errorf("the first chunk has no role: %s", chunk.RawJSON())
		}
		if !acc.AddChunk(chunk) {
			t.Errorf("the client cannot add %s", chunk.RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantHeard, hear(&acc.ChatCompletion)); diff != "" {
		t.Error(diff)
	}
}

func TestOpenAIsClientUnderstandsOurAnswer(t *testing.T) {
	c := client(t, http.StatusOK, "application/json", openai.EncodeAnswer(nil, conversation(), reply))
	got, err := c.Chat.Completions.New(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantHeard, hear(got)); diff != "" {
		t.Error(diff)
	}
}

func TestOpenAIsClientUnderstandsOurErrors(t *testing.T) {
	p := &llm.Problem{
		Kind: llm.ContextLength, Message: "too long", Param: "messages",
		Attempts: []llm.Attempt{{Provider: "acme", Model: "m", Reason: "context"}},
	}
	c := client(t, p.Kind.Status(), "application/json", openai.EncodeError(p, "gen_1"))
	_, err := c.Chat.Completions.New(context.Background(), params)
	var got *sdk.Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	want := [...]string{"too long", "invalid_request_error", "messages", "context_length_exceeded"}
	if diff := cmp.Diff(want, [...]string{got.Message, got.Type, got.Param, got.Code}); diff != "" || got.StatusCode != 400 {
		t.Errorf("status %d: %s", got.StatusCode, diff)
	}
}

func TestOpenAIsClientSeesAStreamBreak(t *testing.T) {
	broken := write([]llm.Event{{Kind: llm.Start, ID: "c"}, {Kind: llm.TextDelta, Text: "x"}})
	c := client(t, http.StatusOK, "text/event-stream", broken)
	stream := c.Chat.Completions.NewStreaming(context.Background(), params)
	text := ""
	for stream.Next() {
		text += stream.Current().Choices[0].Delta.Content
	}
	if stream.Err() == nil || text != "x" {
		t.Errorf("text %q, error %v", text, stream.Err())
	}
}
