package bedrock_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/smithy-go/encoding/httpbinding"
	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/bedrock"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestPathsAreEscapedAsTheSDKDoes(t *testing.T) {
	for _, id := range []string{
		"amazon.nova-lite-v1:0",
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
		"a b%/ü~_-.",
	} {
		want := "/model/" + httpbinding.EscapePath(id, true) + "/converse"
		if got := bedrock.Path(&dialect.Envelope{}, dialect.Target{ID: id}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := bedrock.Path(&dialect.Envelope{Stream: true}, dialect.Target{ID: id}); got != want+"-stream" {
			t.Errorf("got %s, want %s-stream", got, want)
		}
	}
}

func TestOnlyTheProvidersHalfIsThere(t *testing.T) {
	c := bedrock.Codec()
	if c.Scan != nil || c.NewWriter != nil || c.Patch != nil || !c.Inlines || c.StreamType != "application/vnd.amazon.eventstream" {
		t.Errorf("codec %+v", c)
	}
	if !c.Fetches("s3://bucket/key") || c.Fetches("https://example.com/a.png") {
		t.Error("Fetches does not tell S3 from the web")
	}
}

// Every frame that the SDK's decoder takes is read alike, and what it refuses
// is refused.
func FuzzFramesAgainstTheSDK(f *testing.F) {
	for _, in := range suite().Inputs(f, "stream") {
		f.Add(frames(in))
	}
	var h eventstream.Headers
	for name, v := range map[string]eventstream.Value{
		"b": eventstream.BoolValue(true), "c": eventstream.BoolValue(false), "i8": eventstream.Int8Value(1),
		"i16": eventstream.Int16Value(2), "i32": eventstream.Int32Value(3), "i64": eventstream.Int64Value(4),
		"raw": eventstream.BytesValue([]byte("xyz")), "s": eventstream.StringValue("text"),
		"u": eventstream.UUIDValue{1, 2, 3}, ":event-type": eventstream.StringValue("messageStart"),
	} {
		h.Set(name, v)
	}
	var all bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&all, eventstream.Message{Headers: h, Payload: []byte("{}")}); err != nil {
		f.Fatal(err)
	}
	f.Add(all.Bytes())
	f.Fuzz(func(t *testing.T, stream []byte) {
		var want []string
		whole := true
		for d, r := eventstream.NewDecoder(), bytes.NewReader(stream); r.Len() > 0; {
			m, err := d.Decode(r, nil)
			if err != nil {
				whole = false
				break
			}
			want = append(want, header(m, ":event-type")+" "+header(m, ":exception-type")+" "+string(m.Payload))
		}
		got, err := bedrock.Frames(stream)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if whole && err != nil {
			t.Fatal(err)
		}
	})
}

// header is a text header as the reader sees it: the last one counts.
func header(m eventstream.Message, name string) (text string) {
	for _, h := range m.Headers {
		if v, ok := h.Value.(eventstream.StringValue); ok && h.Name == name {
			text = string(v)
		}
	}
	return text
}

func TestAnImpossibleFrameIsRefusedBeforeItIsHeld(t *testing.T) {
	huge := bytes.NewBuffer(nil)
	if err := eventstream.NewEncoder().Encode(huge, eventstream.Message{Payload: make([]byte, 9<<20)}); err != nil {
		t.Fatal(err)
	}
	r := bedrock.Codec().NewReader()
	events := r.Feed(nil, huge.Bytes()[:16])
	if len(events) != 1 || events[0].Kind != llm.Failed || events[0].Problem.Kind != llm.BadAnswer {
		t.Fatalf("events %+v", events)
	}
	if again := r.Feed(nil, huge.Bytes()[16:]); len(again) != 0 {
		t.Errorf("a broken stream goes on: %+v", again)
	}
}

func TestMemoryOfAStreamIsBounded(t *testing.T) {
	r := bedrock.Codec().NewReader()
	events := r.Feed(nil, frames(`contentBlockStart {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}`))
	piece := frames(`contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"` +
		string(bytes.Repeat([]byte("AAAA"), 1<<18)) + `"}}}}`)
	for range 64 {
		events = r.Feed(events[:0], piece)
		if len(events) > 0 {
			break
		}
	}
	if len(events) != 1 || events[0].Kind != llm.Failed {
		t.Fatalf("64 MiB of an image are held: %d events", len(events))
	}
}

func TestEveryStopReasonOfTheSDKHasAMeaning(t *testing.T) {
	for reason, want := range map[string]llm.FinishReason{
		"end_turn": llm.FinishStop, "stop_sequence": llm.FinishStop, "tool_use": llm.FinishStop,
		"max_tokens": llm.FinishLength, "model_context_window_exceeded": llm.FinishLength,
		"guardrail_intervened": llm.FinishFilter, "content_filtered": llm.FinishFilter,
		"malformed_model_output": llm.FinishError, "malformed_tool_use": llm.FinishError,
		"refusal": llm.FinishRefusal, "pause_turn": llm.FinishPause, "of_tomorrow": llm.FinishOther, "": llm.FinishStop,
	} {
		events, p := bedrock.DecodeAnswer([]byte(`{"output":{"message":{"content":[]}},"stopReason":"` + reason + `"}`))
		if p != nil {
			t.Fatal(p)
		}
		if got := events[len(events)-1]; got.Kind != llm.Finish || got.Reason != want || got.Name != reason {
			t.Errorf("%s: got %+v", reason, got)
		}
	}
}

func TestUsageOfSeveralReportsIsMerged(t *testing.T) {
	u := bedrock.DecodeUsage([]byte(`{"inputTokens":3,"outputTokens":1}{"inputTokens":3,"outputTokens":9,"cacheReadInputTokens":4}`))
	n := llm.Some[llm.Tokens]
	if diff := cmp.Diff(&llm.Usage{Input: n(7), Output: n(9), CacheRead: n(4)}, u); diff != "" {
		t.Error(diff)
	}
	for _, raw := range []string{"", "null", "{}", `{"totalTokens":3}`, "{", "[1]"} {
		if u := bedrock.DecodeUsage([]byte(raw)); u != nil {
			t.Errorf("%s: %+v", raw, u)
		}
	}
	if raw := bedrock.FindUsage([]byte(`{"a":1,"usage":{"inputTokens":1}}`)); string(raw) != `{"inputTokens":1}` {
		t.Errorf("found %s", raw)
	}
}

func TestBetasGoToClaudeAsFarAsBedrockKnowsThem(t *testing.T) {
	r := &llm.Request{Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: "x"}}}}}
	betas := "context-1m-2025-08-07, claude-code-20250219,,interleaved-thinking-2025-05-14"
	for _, c := range []struct {
		id      string
		want    string
		dropped []string
	}{
		{
			"anthropic.claude-sonnet-4-5-v1:0",
			`{"messages":[{"role":"user","content":[{"text":"x"}]}],"additionalModelRequestFields":{"anthropic_beta":["context-1m-2025-08-07","interleaved-thinking-2025-05-14"]}}`,
			[]string{"anthropic-beta.claude-code-20250219"},
		},
		{"amazon.nova-pro-v1:0", `{"messages":[{"role":"user","content":[{"text":"x"}]}]}`, []string{"anthropic-beta"}},
	} {
		out, dropped, p := bedrock.EncodeRequest(nil, r, dialect.Target{ID: c.id, Betas: betas})
		if p != nil || string(out) != c.want || !cmp.Equal(dropped, c.dropped) {
			t.Errorf("%s: %s %v %v", c.id, out, dropped, p)
		}
	}
}

func TestClaudesOwnToolsGoBesideToolConfig(t *testing.T) {
	own := func(text string) llm.Tool {
		return llm.Tool{Extra: llm.Extras{{Dialect: llm.Anthropic, Name: "tool", Value: llm.Raw(text)}}}
	}
	r := &llm.Request{
		Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: "x"}}}},
		Tools:    []llm.Tool{own(`{"type":"bash_20250124","name":"bash"}`), own(`{"type":"web_search_20250305","name":"w"}`)},
	}
	out, dropped, p := bedrock.EncodeRequest(nil, r, dialect.Target{ID: "anthropic.claude-sonnet-4-20250514-v1:0"})
	const want = `{"messages":[{"role":"user","content":[{"text":"x"}]}],"additionalModelRequestFields":{"tools":[{"type":"bash_20250124","name":"bash"}]}}`
	if p != nil || string(out) != want || !cmp.Equal(dropped, []string{"tools.1"}) {
		t.Errorf("%s %v %v", out, dropped, p)
	}
}

func TestGenerationsOfClaudeAreToldApart(t *testing.T) {
	for id, want := range map[string]string{
		"anthropic.claude-v2:1":                        "",
		"anthropic.claude-instant-v1":                  "",
		"anthropic.claude-3-5-sonnet-20241022-v2:0":    "",
		"us.anthropic.claude-3-7-sonnet-20250219-v1:0": "budget",
		"anthropic.claude-opus-4-20250514-v1:0":        "budget",
		"anthropic.claude-opus-4-1-20250805-v1:0":      "budget",
		"anthropic.claude-haiku-4-5-20251001-v1:0":     "budget",
		"anthropic.claude-opus-4-6-v1":                 "effort",
		"anthropic.claude-sonnet-4-6":                  "effort",
		"anthropic.claude-opus-4-7":                    "effort",
		"anthropic.claude-opus-5":                      "effort",
		"anthropic.claude-mythos-preview":              "effort",
		"arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0": "budget",
		"arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123":                           "",
		"meta.llama3-1-8b-instruct-v1:0":                                                             "",
	} {
		r := &llm.Request{
			Messages:  []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: "x"}}}},
			Reasoning: llm.Reasoning{Effort: llm.Some("low")},
		}
		out, dropped, _ := bedrock.EncodeRequest(nil, r, dialect.Target{ID: id})
		got := ""
		switch {
		case bytes.Contains(out, []byte("budget_tokens")):
			got = "budget"
		case bytes.Contains(out, []byte("adaptive")):
			got = "effort"
		case !cmp.Equal(dropped, []string{"reasoning"}):
			t.Errorf("%s: dropped %v", id, dropped)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q: %s", id, got, want, out)
		}
	}
}

func TestTheSDKReadsOurVectorsAsFrames(t *testing.T) {
	stream := frames("messageStart {}\nmessageStop {\"stopReason\":\"end_turn\"}")
	d, r := eventstream.NewDecoder(), bytes.NewReader(stream)
	for n := 0; ; n++ {
		if _, err := d.Decode(r, nil); errors.Is(err, io.EOF) && n == 2 {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
