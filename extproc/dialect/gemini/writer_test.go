package gemini_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func write(r dialect.Reply, events ...llm.Event) string {
	w := gemini.Codec().NewWriter(r)
	var out []byte
	for _, ev := range events {
		out = w.Write(out, ev)
	}
	return string(w.Close(out))
}

// chunk is one chunk of a stream for reply.
func chunk(candidates string) string {
	return `data: {"candidates":[` + candidates + `],"modelVersion":"public/name","responseId":"gen_1"}` + "\n\n"
}

func TestArgumentsOfInterleavedCallsAreAssembledWhole(t *testing.T) {
	args := func(i int32, s string) llm.Event { return llm.Event{Kind: llm.ToolArgs, Index: i, Text: s} }
	got := write(reply,
		llm.Event{Kind: llm.ToolStart, ID: "a", Name: "f", Thought: native("S")},
		llm.Event{Kind: llm.ToolStart, Index: 1, ID: "b", Name: "g"},
		args(0, `{"x"`), args(1, `{"y":`), args(0, `:1}`), args(1, `2}`), args(0, ""),
		llm.Event{Kind: llm.ToolStart, Index: 2, ID: "c", Name: "h"},
		llm.Event{Kind: llm.Finish, Reason: llm.FinishToolCalls},
	)
	want := chunk(`{"content":{"parts":[{"functionCall":{"id":"a","name":"f","args":{"x":1}},"thoughtSignature":"S"}],"role":"model"},"index":0}`) +
		chunk(`{"content":{"parts":[{"functionCall":{"id":"b","name":"g","args":{"y":2}}}],"role":"model"},"index":0}`) +
		chunk(`{"content":{"parts":[{"functionCall":{"id":"c","name":"h","args":{}}}],"role":"model"},"finishReason":"STOP","index":0}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBrokenArgumentsEndAsMalformedUnlessTheLimitCutThem(t *testing.T) {
	for reason, word := range map[llm.FinishReason]string{llm.FinishToolCalls: "MALFORMED_FUNCTION_CALL", llm.FinishLength: "MAX_TOKENS"} {
		events := []llm.Event{
			{Kind: llm.ToolStart, ID: "a", Name: "f"}, {Kind: llm.ToolArgs, Text: `{"x":`}, {Kind: llm.Finish, Reason: reason},
		}
		want := `{"content":{"role":"model"},"finishReason":"` + word + `","index":0}`
		if diff := cmp.Diff(chunk(want), write(reply, events...)); diff != "" {
			t.Error(diff)
		}
		if got := string(gemini.EncodeAnswer(nil, events, reply)); !strings.Contains(got, want) {
			t.Error(got)
		}
	}
}

func TestEveryFinishReasonHasAWordAndLengthIsNeverANormalEnd(t *testing.T) {
	words := map[llm.FinishReason]string{}
	for r := range llm.NumFinishReasons {
		out := write(reply, llm.Event{Kind: llm.Finish, Reason: r, Name: "vendor_word"})
		_, rest, ok := strings.Cut(out, `"finishReason":"`)
		words[r], _, _ = strings.Cut(rest, `"`)
		if !ok || words[r] == "" {
			t.Errorf("%s: %s", r, out)
		}
		answer := string(gemini.EncodeAnswer(nil, []llm.Event{{Kind: llm.Finish, Reason: r}}, reply))
		if !strings.Contains(answer, `"finishReason":"`+words[r]+`"`) {
			t.Errorf("%s: %s", r, answer)
		}
	}
	want := map[llm.FinishReason]string{
		llm.FinishUnknown: "STOP", llm.FinishStop: "STOP", llm.FinishLength: "MAX_TOKENS", llm.FinishToolCalls: "STOP", llm.FinishFilter: "SAFETY",
		llm.FinishRefusal: "SAFETY", llm.FinishPause: "OTHER", llm.FinishError: "MALFORMED_RESPONSE", llm.FinishOther: "OTHER",
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Error(diff)
	}
}

// Python's SDK sends bytes back in the URL alphabet, Go's in the usual one.
func TestAnotherVendorsThoughtSurvivesAClientsRoundTrip(t *testing.T) {
	thought := llm.Thought{ID: "rs_1", Signature: "Eq+/==\x00ÿ>?", Encrypted: "~~", Format: llm.FormatAnthropic}
	out := write(reply,
		llm.Event{Kind: llm.ReasoningDelta, Text: "Deep ", Thought: &llm.Thought{Format: llm.FormatAnthropic}},
		llm.Event{Kind: llm.ReasoningDelta, Text: "thought", Thought: &llm.Thought{Format: llm.FormatAnthropic}},
		llm.Event{Kind: llm.ReasoningDelta, Thought: &thought},
		llm.Event{Kind: llm.TextDelta, Text: "Yes"},
		llm.Event{Kind: llm.Finish, Reason: llm.FinishStop},
	)
	var contents []string
	for line := range strings.SplitSeq(out, "\n\n") {
		if _, rest, ok := strings.Cut(line, `"content":`); ok {
			content, _, _ := strings.Cut(rest, `,"index"`)
			content, _, _ = strings.Cut(content, `,"finishReason"`)
			contents = append(contents, content)
		}
	}
	body := `{"contents":[{"parts":[{"text":"Hi"}]},` + strings.Join(contents, ",") + `]}`
	_, rest, _ := strings.Cut(body, `"thoughtSignature":"`)
	signature, _, _ := strings.Cut(rest, `"`)
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	for _, sent := range []string{signature, base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)} {
		r, p := gemini.DecodeRequest([]byte(strings.Replace(body, signature, sent, 1)))
		if p != nil {
			t.Fatal(p)
		}
		want := []llm.Part{{Kind: llm.Thinking, Text: "Deep thought", Thought: &thought}, {Kind: llm.Text, Text: "Yes"}}
		if diff := cmp.Diff(want, r.Messages[1].Parts); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnArrayIsWholeHoweverTheStreamEnds(t *testing.T) {
	array := reply
	array.Array = true
	piece := llm.Event{Kind: llm.TextDelta, Text: "a"}
	part := `{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}],"modelVersion":"public/name","responseId":"gen_1"}`
	end := `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"modelVersion":"public/name","responseId":"gen_1"}`
	if diff := cmp.Diff("["+part+"\n,\n"+end+"\n]", write(array, piece, llm.Event{Kind: llm.Finish, Reason: llm.FinishStop})); diff != "" {
		t.Error(diff)
	}
	if got := write(array, piece); !strings.HasPrefix(got, "["+part+"\n,\n{\"error\":") || !strings.HasSuffix(got, "}\n]") {
		t.Error(got)
	}
	if got := write(array); !strings.HasPrefix(got, `[{"error":{"code":502`) || !strings.HasSuffix(got, "}\n]") {
		t.Error(got)
	}
}

func TestWhatFollowsAWholeStreamDoesNoHarm(t *testing.T) {
	want := write(reply, llm.Event{Kind: llm.Finish, Reason: llm.FinishStop})
	got := write(reply,
		llm.Event{Kind: llm.Ping},
		llm.Event{Kind: llm.Finish, Reason: llm.FinishStop},
		llm.Event{Kind: llm.TextDelta, Text: "late"},
		llm.Event{Kind: llm.Failed, Problem: &llm.Problem{Kind: llm.Unavailable, Message: "late"}},
	)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
