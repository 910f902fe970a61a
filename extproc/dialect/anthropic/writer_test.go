package anthropic_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// write gives the stream of events.
func write(events ...llm.Event) []byte {
	w := anthropic.Codec().NewWriter(reply)
	var out []byte
	for _, ev := range events {
		out = w.Write(out, ev)
	}
	return w.Close(out)
}

// accumulate puts a stream together the way Anthropic's SDKs do, and fails on
// what they refuse: blocks out of order, deltas outside their block.
func accumulate(t *testing.T, stream []byte) (content []map[string]any, stopReason string, usage map[string]any) {
	t.Helper()
	open := -1
	for line := range strings.Lines(string(stream)) {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var ev struct {
			Type    string
			Index   int
			Block   map[string]any `json:"content_block"`
			Delta   map[string]any
			Usage   map[string]any
			Message struct{ Usage map[string]any }
		}
		if err := json.Unmarshal([]byte(data), &ev); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		switch ev.Type {
		case "message_start":
			usage = ev.Message.Usage
		case "content_block_start":
			if open >= 0 || ev.Index != len(content) {
				t.Fatalf("block %d starts while %d is open and %d are there", ev.Index, open, len(content))
			}
			open, content = ev.Index, append(content, ev.Block)
		case "content_block_delta":
			if ev.Index != open {
				t.Fatalf("a delta of block %d while %d is open", ev.Index, open)
			}
			apply(content[open], ev.Delta)
		case "content_block_stop":
			if ev.Index != open {
				t.Fatalf("the end of block %d while %d is open", ev.Index, open)
			}
			open = -1
		case "message_delta":
			stopReason, _ = ev.Delta["stop_reason"].(string)
			for name, value := range ev.Usage {
				usage[name] = value
			}
		}
	}
	if open >= 0 {
		t.Fatalf("block %d is never closed", open)
	}
	return content, stopReason, usage
}

func apply(block, delta map[string]any) {
	names := map[string]string{
		"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature", "input_json_delta": "partial_json",
	}
	name := names[delta["type"].(string)]
	before, _ := block[name].(string)
	block[name] = before + delta[name].(string)
}

func TestEveryFinishReasonHasItsWord(t *testing.T) {
	want := map[llm.FinishReason]string{
		llm.FinishUnknown: "end_turn", llm.FinishStop: "end_turn", llm.FinishLength: "max_tokens", llm.FinishToolCalls: "end_turn",
		llm.FinishFilter: "refusal", llm.FinishRefusal: "refusal", llm.FinishPause: "pause_turn", llm.FinishError: "error",
		llm.FinishOther: "end_turn",
	}
	for reason := range llm.NumFinishReasons {
		events := []llm.Event{{Kind: llm.TextDelta, Text: "x"}, {Kind: llm.Finish, Reason: reason}}
		var answer struct {
			StopReason string `json:"stop_reason"`
		}
		if err := json.Unmarshal(anthropic.EncodeAnswer(nil, events, reply), &answer); err != nil {
			t.Fatal(err)
		}
		if answer.StopReason != want[reason] {
			t.Errorf("%s in an answer: %q, want %q", reason, answer.StopReason, want[reason])
		}
		stream := write(events...)
		if reason == llm.FinishError {
			if !bytes.Contains(stream, []byte("event: error")) || bytes.Contains(stream, []byte("message_stop")) {
				t.Errorf("a failure in a stream: %s", stream)
			}
			continue
		}
		if _, word, _ := accumulate(t, stream); word != want[reason] {
			t.Errorf("%s in a stream: %q, want %q", reason, word, want[reason])
		}
	}
}

func TestCalledToolsAreToldByTheStopReason(t *testing.T) {
	for _, reason := range []llm.FinishReason{llm.FinishStop, llm.FinishUnknown, llm.FinishToolCalls, llm.FinishOther} {
		_, word, _ := accumulate(t, write(llm.Event{Kind: llm.ToolStart, ID: "1", Name: "f"}, llm.Event{Kind: llm.Finish, Reason: reason}))
		if word != "tool_use" {
			t.Errorf("%s: %q", reason, word)
		}
	}
	_, word, _ := accumulate(t, write(llm.Event{Kind: llm.ToolStart, ID: "1", Name: "f"}, llm.Event{Kind: llm.Finish, Reason: llm.FinishLength}))
	if word != "max_tokens" {
		t.Errorf("cut off within a call: %q", word)
	}
}

func TestEveryKindOfProblemHasAnErrorType(t *testing.T) {
	for kind := range llm.NumKinds {
		var body struct {
			Type  string
			Error struct{ Type, Message string }
		}
		if err := json.Unmarshal(anthropic.EncodeError(&llm.Problem{Kind: kind, Message: "m"}, "g"), &body); err != nil {
			t.Fatal(err)
		}
		if body.Type != "error" || body.Error.Type == "" || body.Error.Message == "" {
			t.Errorf("%s: %+v", kind, body)
		}
	}
}

func TestThoughtsOfOtherVendorsComeBackByteForByte(t *testing.T) {
	thoughts := []llm.Thought{
		{Format: llm.FormatOpenAI, ID: "rs_1", Encrypted: "gAAAA+/=="},
		{Format: llm.FormatXAI, Encrypted: "x"},
		{Format: llm.FormatGemini, Signature: "c2ln"},
		{Format: "novel-v9", Signature: "s", Encrypted: "e", ID: "i"},
		{Format: llm.FormatAnthropic, Signature: "EqQB"},
		{Signature: "of nobody"},
	}
	for _, want := range thoughts {
		events := []llm.Event{
			{Kind: llm.ReasoningDelta, Text: "hm", Thought: &llm.Thought{Format: want.Format}},
			{Kind: llm.ReasoningDelta, Thought: &want},
			{Kind: llm.TextDelta, Text: "x"},
			{Kind: llm.Finish, Reason: llm.FinishStop},
		}
		content, _, _ := accumulate(t, write(events...))
		parts := replay(t, content)
		if len(parts) != 2 || parts[0].Text != "hm" || parts[0].Thought == nil {
			t.Fatalf("%+v: %+v", want, parts)
		}
		if diff := cmp.Diff(want, *parts[0].Thought); diff != "" {
			t.Error(diff)
		}
	}
}

// replay sends an answer's content back in the next turn's request.
func replay(t *testing.T, content []map[string]any) []llm.Part {
	t.Helper()
	for _, block := range content {
		if text, ok := block["partial_json"].(string); ok {
			block["input"] = json.RawMessage(text)
			delete(block, "partial_json")
		}
	}
	raw, err := json.Marshal(map[string]any{"model": "m", "messages": []any{map[string]any{"role": "assistant", "content": content}}})
	if err != nil {
		t.Fatal(err)
	}
	r, p := anthropic.DecodeRequest(raw)
	if p != nil {
		t.Fatal(p)
	}
	return r.Messages[0].Parts
}

func TestSignaturesOfGeminiReturnToTheCallAndTheText(t *testing.T) {
	sign := func(s string) *llm.Thought { return &llm.Thought{Format: llm.FormatGemini, Signature: s} }
	content, _, _ := accumulate(t, write(
		llm.Event{Kind: llm.ReasoningDelta, Text: "plan"},
		llm.Event{Kind: llm.TextDelta, Text: "I call"},
		llm.Event{Kind: llm.TextDelta, Thought: sign("of the text")},
		llm.Event{Kind: llm.ToolStart, ID: "1", Name: "f", Thought: sign("of the call")},
		llm.Event{Kind: llm.ToolArgs, Text: "{}"},
		llm.Event{Kind: llm.ToolStart, Index: 1, ID: "2", Name: "f"},
		llm.Event{Kind: llm.ToolArgs, Index: 1, Text: "{}"},
		llm.Event{Kind: llm.Finish, Reason: llm.FinishToolCalls},
	))
	parts := replay(t, content)
	if len(parts) != 4 {
		t.Fatalf("%+v", parts)
	}
	for i, want := range []*llm.Thought{nil, sign("of the text"), sign("of the call"), nil} {
		if diff := cmp.Diff(want, parts[i].Thought); diff != "" {
			t.Errorf("part %d: %s", i, diff)
		}
	}
}

func TestBlocksStayInOrderHoweverPiecesInterleave(t *testing.T) {
	content, word, _ := accumulate(t, write(
		llm.Event{Kind: llm.ToolStart, Index: 0, ID: "1", Name: "f"},
		llm.Event{Kind: llm.ToolStart, Index: 1, ID: "2", Name: "g"},
		llm.Event{Kind: llm.ToolArgs, Index: 1, Text: `{"b":`},
		llm.Event{Kind: llm.ToolArgs, Index: 0, Text: `{"a":"}`},
		llm.Event{Kind: llm.TextDelta, Text: "between"},
		llm.Event{Kind: llm.ToolArgs, Index: 1, Text: `2}`},
		llm.Event{Kind: llm.ToolStart, Index: 2, ID: "3", Name: "h"},
		llm.Event{Kind: llm.ToolArgs, Index: 0, Text: `{"}`},
		llm.Event{Kind: llm.ToolArgs, Index: 7, Text: "of no call"},
		llm.Event{Kind: llm.Finish, Reason: llm.FinishStop},
	))
	var got []any
	for _, block := range content {
		got = append(got, block["name"], block["partial_json"], block["text"])
	}
	want := []any{"f", `{"a":"}{"}`, nil, "g", `{"b":2}`, nil, nil, nil, "between", "h", nil, nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if word != "tool_use" {
		t.Errorf("stop reason %q", word)
	}
}

func TestWaitingBlocksAreBounded(t *testing.T) {
	w := anthropic.Codec().NewWriter(reply)
	out := w.Write(nil, llm.Event{Kind: llm.ToolStart, ID: "1", Name: "f"})
	out = w.Write(out, llm.Event{Kind: llm.ToolStart, Index: 1, ID: "2", Name: "g"})
	piece := strings.Repeat("x", 1<<20)
	for range 20 {
		out = w.Write(out, llm.Event{Kind: llm.ToolArgs, Index: 1, Text: piece})
	}
	if len(out) > 1<<20 || !bytes.Contains(out, []byte("event: error")) {
		t.Errorf("%d bytes", len(out))
	}
	if more := w.Close(nil); len(more) > 0 {
		t.Errorf("%s behind the error", more)
	}
}
