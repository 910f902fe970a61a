package anthropic_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// client is Anthropic's own client against a server that always answers so.
func client(t *testing.T, a *dialecttest.Answer) sdk.Client {
	t.Helper()
	srv := a.Serve(t)
	return sdk.NewClient(option.WithBaseURL(srv.URL), option.WithAPIKey("k"), option.WithMaxRetries(0),
		option.WithHTTPClient(srv.Client()))
}

var params = sdk.MessageNewParams{
	Model: "claude-x", MaxTokens: 20000,
	System:   []sdk.TextBlockParam{{Text: "Be brief.", CacheControl: sdk.NewCacheControlEphemeralParam()}},
	Thinking: sdk.ThinkingConfigParamOfEnabled(4096),
	Tools: []sdk.ToolUnionParam{{OfTool: &sdk.ToolParam{
		Name: "f", Description: sdk.String("F"), InputSchema: sdk.ToolInputSchemaParam{Properties: map[string]any{"a": map[string]any{"type": "string"}}},
	}}},
	Messages: []sdk.MessageParam{
		sdk.NewUserMessage(sdk.NewTextBlock("Hi"), sdk.NewImageBlockBase64("image/png", "iVBORw0KGgo=")),
		sdk.NewAssistantMessage(sdk.NewThinkingBlock("c2ln", "hm"), sdk.NewToolUseBlock("toolu_1", map[string]any{"a": "b"}, "f")),
		sdk.NewUserMessage(sdk.NewToolResultBlock("toolu_1", "failed", true)),
	},
}

// conversation has every kind of event that the client knows.
func conversationEvents() []llm.Event {
	return []llm.Event{
		{Kind: llm.Start, ID: "msg_1", Name: "x", Created: 5},
		{Kind: llm.ReasoningDelta, Text: "hm", Thought: &llm.Thought{Format: llm.FormatAnthropic}},
		{Kind: llm.ReasoningDelta, Thought: &llm.Thought{Format: llm.FormatAnthropic, Signature: "c2ln"}},
		{Kind: llm.ReasoningDelta, Index: 1, Thought: &llm.Thought{Format: llm.FormatAnthropic, Encrypted: "ZW5j"}},
		{Kind: llm.TextDelta, Text: "Let me "},
		{Kind: llm.Ping},
		{Kind: llm.TextDelta, Text: "see"},
		{Kind: llm.ToolStart, ID: "c1", Name: "w"},
		{Kind: llm.ToolStart, Index: 1, ID: "c2", Name: "v"},
		{Kind: llm.ToolArgs, Text: `{"a":`},
		{Kind: llm.ToolArgs, Index: 1, Text: `{}`},
		{Kind: llm.ToolArgs, Text: `1}`},
		{Kind: llm.Finish, Reason: llm.FinishToolCalls},
		{Kind: llm.UsageUpdate, Usage: &llm.Usage{
			Input: llm.Some[llm.Tokens](9), CacheRead: llm.Some[llm.Tokens](4),
			Output: llm.Some[llm.Tokens](3), Reasoning: llm.Some[llm.Tokens](1),
		}},
	}
}

type heard struct {
	ID, Model, Stop        string
	Blocks                 []string
	In, Cached, Out, Think int64
}

func hear(m *sdk.Message) heard {
	h := heard{
		ID: m.ID, Model: m.Model, Stop: string(m.StopReason), In: m.Usage.InputTokens, Cached: m.Usage.CacheReadInputTokens,
		Out: m.Usage.OutputTokens, Think: m.Usage.OutputTokensDetails.ThinkingTokens,
	}
	for _, b := range m.Content {
		h.Blocks = append(h.Blocks, b.Type+" "+b.Thinking+b.Signature+b.Data+b.Text+b.ID+b.Name+string(b.Input))
	}
	return h
}

var wantHeard = heard{
	ID: "msg_1", Model: "acme/model", Stop: "tool_use", In: 5, Cached: 4, Out: 3, Think: 1,
	Blocks: []string{"thinking hmc2ln", "redacted_thinking ZW5j", "text Let me see", `tool_use c1w{"a":1}`, `tool_use c2v{}`},
}

func TestAnthropicsClientUnderstandsOurStream(t *testing.T) {
	s := &dialecttest.Answer{Status: http.StatusOK, ContentType: "text/event-stream", Body: write(conversationEvents()...)}
	c := client(t, s)
	stream := c.Messages.NewStreaming(t.Context(), params)
	var acc sdk.Message
	for stream.Next() {
		if err := acc.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantHeard, hear(&acc)); diff != "" {
		t.Error(diff)
	}
}

func TestAnthropicsClientUnderstandsOurAnswer(t *testing.T) {
	s := &dialecttest.Answer{Status: http.StatusOK, ContentType: "application/json", Body: anthropic.EncodeAnswer(nil, conversationEvents(), reply)}
	c := client(t, s)
	got, err := c.Messages.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantHeard, hear(got)); diff != "" {
		t.Error(diff)
	}
}

func TestAnthropicsClientUnderstandsOurErrors(t *testing.T) {
	p := &llm.Problem{
		Kind: llm.Overloaded, Message: "too much",
		Attempts: []llm.Attempt{{Provider: "acme", Model: "m", Reason: "overloaded", Status: 529}},
	}
	s := &dialecttest.Answer{Status: p.Kind.Status(), ContentType: "application/json", Body: anthropic.EncodeError(p, "gen_1")}
	c := client(t, s)
	_, err := c.Messages.New(t.Context(), params)
	var got *sdk.Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	if got.StatusCode != 503 || string(got.Type()) != "overloaded_error" {
		t.Errorf("status %d, type %s", got.StatusCode, got.Type())
	}
}

func TestAnthropicsClientSeesAStreamBreak(t *testing.T) {
	s := &dialecttest.Answer{Status: http.StatusOK, ContentType: "text/event-stream", Body: write(llm.Event{Kind: llm.Start}, llm.Event{Kind: llm.TextDelta, Text: "x"})}
	c := client(t, s)
	stream := c.Messages.NewStreaming(t.Context(), params)
	var acc sdk.Message
	for stream.Next() {
		if err := acc.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if stream.Err() == nil || len(acc.Content) != 1 || acc.Content[0].Text != "x" {
		t.Errorf("content %+v, error %v", acc.Content, stream.Err())
	}
}

func TestAnthropicsClientCountsTokens(t *testing.T) {
	body := anthropic.CountCodec().EncodeAnswer(nil, []llm.Event{
		{Kind: llm.UsageUpdate, Usage: &llm.Usage{Input: llm.Some[llm.Tokens](2095)}}, {Kind: llm.Finish},
	}, reply)
	s := &dialecttest.Answer{Status: http.StatusOK, ContentType: "application/json", Body: body}
	c := client(t, s)
	got, err := c.Messages.CountTokens(t.Context(), sdk.MessageCountTokensParams{Model: "claude-x", Messages: params.Messages})
	if err != nil || got.InputTokens != 2095 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRequestsOfAnthropicsClientAreWrittenAsTheyCame(t *testing.T) {
	s := &dialecttest.Answer{Status: http.StatusOK, ContentType: "application/json", Body: anthropic.EncodeAnswer(nil, conversationEvents(), reply)}
	c := client(t, s)
	if _, err := c.Messages.New(t.Context(), params); err != nil {
		t.Fatal(err)
	}
	r, p := anthropic.DecodeRequest(s.Asked)
	if p != nil {
		t.Fatal(p)
	}
	target := budgets.Target
	target.ID = "claude-sonnet-4-5"
	out, dropped, p := anthropic.EncodeRequest(nil, r, target)
	if p != nil || len(dropped) > 0 {
		t.Fatalf("%v, dropped %v", p, dropped)
	}
	var asked, written map[string]any
	if err := errors.Join(json.Unmarshal(s.Asked, &asked), json.Unmarshal(out, &written)); err != nil {
		t.Fatal(err)
	}
	asked["model"] = target.ID
	for _, m := range []map[string]any{asked, written} {
		plainContent(m)
	}
	if diff := cmp.Diff(asked, written); diff != "" {
		t.Error(diff)
	}
}

// plainContent writes one plain text as a block, the two ways to say it.
func plainContent(value any) {
	switch v := value.(type) {
	case map[string]any:
		if text, ok := v["content"].(string); ok {
			v["content"] = []any{map[string]any{"type": "text", "text": text}}
		}
		for _, inner := range v {
			plainContent(inner)
		}
	case []any:
		for _, inner := range v {
			plainContent(inner)
		}
	}
}
