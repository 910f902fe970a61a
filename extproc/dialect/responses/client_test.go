package responses_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	sdkresponses "github.com/openai/openai-go/v3/responses"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// client is OpenAI's own client against a server that always answers so.
func client(t *testing.T, status int, contentType string, body []byte) sdk.Client {
	t.Helper()
	srv := (&dialecttest.Answer{Status: status, ContentType: contentType, Body: body}).Serve(t)
	return sdk.NewClient(option.WithBaseURL(srv.URL), option.WithAPIKey("k"), option.WithMaxRetries(0),
		option.WithHTTPClient(srv.Client()))
}

var params = sdkresponses.ResponseNewParams{
	Model: "m", Input: sdkresponses.ResponseNewParamsInputUnion{OfString: sdk.String("hi")},
}

// conversation has every kind of event that the client knows.
func conversation() []llm.Event {
	signed := llm.Thought{Signature: "S", Format: llm.FormatAnthropic}
	return []llm.Event{
		{Kind: llm.Start, ID: "x", Name: "y", Created: 5},
		{Kind: llm.ReasoningDelta, Text: "h", Thought: &llm.Thought{Format: llm.FormatAnthropic}},
		{Kind: llm.ReasoningDelta, Text: "m", Thought: &signed},
		{Kind: llm.TextDelta, Text: "Let me "},
		{Kind: llm.TextDelta, Text: "see"},
		{Kind: llm.Logprobs, Raw: llm.Raw(`{"content":[{"token":"see","logprob":-0.5,"bytes":[115],"top_logprobs":[]}],"refusal":null}`)},
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

func write(events []llm.Event) []byte {
	w := responses.Codec().NewWriter(reply)
	var out []byte
	for _, ev := range events {
		out = w.Write(out, ev)
	}
	return w.Close(out)
}

type heard struct {
	ID, Model, Status, Text string
	Items                   []string
	In, Cached, Out, Think  int64
}

func hear(r *sdkresponses.Response) heard {
	h := heard{
		ID: r.ID, Model: r.Model, Status: string(r.Status), Text: r.OutputText(), In: r.Usage.InputTokens, Out: r.Usage.OutputTokens,
		Cached: r.Usage.InputTokensDetails.CachedTokens, Think: r.Usage.OutputTokensDetails.ReasoningTokens,
	}
	for _, item := range r.Output {
		switch item := item.AsAny().(type) {
		case sdkresponses.ResponseReasoningItem:
			h.Items = append(h.Items, "reasoning "+item.Summary[0].Text+" "+item.EncryptedContent)
		case sdkresponses.ResponseOutputMessage:
			h.Items = append(h.Items, "message "+string(item.Status)+" "+item.Content[0].Logprobs[0].Token)
		case sdkresponses.ResponseFunctionToolCall:
			h.Items = append(h.Items, "call "+item.CallID+" "+item.Name+" "+item.Arguments)
		}
	}
	return h
}

var wantHeard = heard{
	ID: "resp_gen_1", Model: "public/name", Status: "completed", Text: "Let me see", In: 9, Cached: 4, Out: 3, Think: 1,
	Items: []string{
		"reasoning hm " + (&llm.Thought{Signature: "S", Format: llm.FormatAnthropic}).Seal(),
		"message completed see", `call c1 w {"a":1}`, `call c2 v {}`,
	},
}

func TestOpenAIsClientUnderstandsOurStream(t *testing.T) {
	c := client(t, http.StatusOK, "text/event-stream", write(conversation()))
	stream := c.Responses.NewStreaming(context.Background(), params)
	var last sdkresponses.Response
	open, sequence := map[string]int{}, int64(0)
	for ; stream.Next(); sequence++ {
		ev := stream.Current()
		if ev.SequenceNumber != sequence {
			t.Errorf("%s has number %d, want %d", ev.Type, ev.SequenceNumber, sequence)
		}
		switch ev.Type {
		case "response.output_item.added", "response.content_part.added", "response.reasoning_summary_part.added":
			open[ev.Type]++
		case "response.output_item.done":
			open["response.output_item.added"]--
		case "response.content_part.done":
			open["response.content_part.added"]--
		case "response.reasoning_summary_part.done":
			open["response.reasoning_summary_part.added"]--
		case "response.completed":
			last = ev.AsResponseCompleted().Response
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantHeard, hear(&last)); diff != "" {
		t.Error(diff)
	}
	for kind, n := range open {
		if n != 0 {
			t.Errorf("%d of %s are not closed", n, kind)
		}
	}
}

func TestOpenAIsClientUnderstandsOurAnswer(t *testing.T) {
	c := client(t, http.StatusOK, "application/json", responses.EncodeAnswer(nil, conversation(), reply))
	got, err := c.Responses.New(context.Background(), params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantHeard, hear(got)); diff != "" {
		t.Error(diff)
	}
}

func TestOpenAIsClientUnderstandsOurErrors(t *testing.T) {
	p := &llm.Problem{Kind: llm.ContextLength, Message: "too long", Param: "input"}
	c := client(t, p.Kind.Status(), "application/json", responses.Codec().EncodeError(p, "gen_1"))
	_, err := c.Responses.New(context.Background(), params)
	var got *sdk.Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	want := [...]string{"too long", "invalid_request_error", "input", "context_length_exceeded"}
	if diff := cmp.Diff(want, [...]string{got.Message, got.Type, got.Param, got.Code}); diff != "" || got.StatusCode != 400 {
		t.Errorf("status %d: %s", got.StatusCode, diff)
	}
}

func TestOpenAIsClientSeesAStreamBreak(t *testing.T) {
	whole := responses.EncodeStreamError(&llm.Problem{Kind: llm.Unavailable, Message: "gone"}, "gen_1")
	for name, body := range map[string][]byte{
		"in our stream":   write([]llm.Event{{Kind: llm.Start}, {Kind: llm.TextDelta, Text: "x"}}),
		"in a provider's": whole,
	} {
		c := client(t, http.StatusOK, "text/event-stream", body)
		stream := c.Responses.NewStreaming(context.Background(), params)
		for stream.Next() {
			if kind := stream.Current().Type; kind == "response.completed" {
				t.Errorf("%s: completed", name)
			}
		}
		if stream.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
