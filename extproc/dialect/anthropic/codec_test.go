package anthropic_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestUsageIsToldAtTheStartAndCorrectedAtTheEnd(t *testing.T) {
	early := llm.Usage{Input: llm.Count(100), CacheRead: llm.Count(60)}
	late := llm.Usage{Input: llm.Count(120), CacheRead: llm.Count(60), CacheWrite: llm.Count(20), Output: llm.Count(9)}
	stream := write(
		llm.Event{Kind: llm.Start, ID: "1"},
		llm.Event{Kind: llm.UsageUpdate, Usage: &early},
		llm.Event{Kind: llm.TextDelta, Text: "x"},
		llm.Event{Kind: llm.Finish, Reason: llm.FinishStop},
		llm.Event{Kind: llm.UsageUpdate, Usage: &late},
	)
	if !bytes.Contains(stream, []byte(`"usage":{"input_tokens":40,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"output_tokens":0}`)) {
		t.Errorf("message_start: %s", stream)
	}
	_, _, usage := accumulate(t, stream)
	want := map[string]any{
		"input_tokens": 40.0, "cache_creation_input_tokens": 20.0, "cache_read_input_tokens": 60.0, "output_tokens": 9.0,
	}
	if diff := cmp.Diff(want, usage); diff != "" {
		t.Error(diff)
	}
}

func TestUsageOfAStreamIsReadFromItsObjectsTogether(t *testing.T) {
	u := anthropic.DecodeUsage([]byte(`{"input_tokens":5,"output_tokens":1} {"cache_read_input_tokens":9000,"output_tokens":15}`))
	if u == nil || u.Input.Or(0) != 9005 || u.CacheRead.Or(0) != 9000 || u.Output.Or(0) != 15 {
		t.Errorf("%+v", u)
	}
	for _, raw := range []string{"", "null", "{}", "7", `{"service_tier":"x"}`, `{"input_tokens":1`} {
		if u := anthropic.DecodeUsage([]byte(raw)); u != nil {
			t.Errorf("%s: %+v", raw, u)
		}
	}
}

func TestPathsFollowThePlatform(t *testing.T) {
	vertex := dialect.Target{ID: "claude/odd id@1", Platform: dialect.Vertex}
	for _, c := range []struct {
		codec  *dialect.Codec
		stream bool
		target dialect.Target
		want   string
	}{
		{anthropic.Codec(), true, dialect.Target{ID: "x"}, "/messages"},
		{anthropic.Codec(), false, dialect.Target{ID: "x", Platform: dialect.Azure}, "/messages"},
		{anthropic.Codec(), false, vertex, "/publishers/anthropic/models/claude%2Fodd%20id@1:rawPredict"},
		{anthropic.Codec(), true, vertex, "/publishers/anthropic/models/claude%2Fodd%20id@1:streamRawPredict"},
		{anthropic.CountCodec(), false, dialect.Target{ID: "x"}, "/messages/count_tokens"},
		{anthropic.CountCodec(), false, vertex, "/publishers/anthropic/models/count-tokens:rawPredict"},
	} {
		if got := c.codec.Path(&dialect.Envelope{Stream: c.stream}, c.target); got != c.want {
			t.Errorf("%s: %s, want %s", c.codec.Name, got, c.want)
		}
	}
}

func TestPatchesForVertexMoveTheModelOut(t *testing.T) {
	vertex := dialect.Target{ID: "v", Platform: dialect.Vertex}
	for in, want := range map[string][2]string{
		`{"model":"m","x":1}`: {
			`{"anthropic_version":"vertex-2023-10-16","x":1}`, `{"model":"v","anthropic_version":"vertex-2023-10-16","x":1}`,
		},
		`{"anthropic_version":"old" , "x":1, "model" : "m"}`: {
			`{ "x":1, "anthropic_version":"vertex-2023-10-16"}`, `{ "x":1, "model" : "v","anthropic_version":"vertex-2023-10-16"}`,
		},
	} {
		for i, c := range []*dialect.Codec{anthropic.Codec(), anthropic.CountCodec()} {
			e, p := c.Scan([]byte(in))
			if p != nil {
				t.Fatal(p)
			}
			if got := string(bytes.Join(c.Patch([]byte(in), &e, vertex), nil)); got != want[i] {
				t.Errorf("%s: %s, want %s", c.Name, got, want[i])
			}
		}
	}
}

func TestToolIDsFitThePatternAndStayApart(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"toolu_01", "call-1", "functions.f:0", "functions.f:1", "functions_f_0", "é", "", "a b", "a\x00b"} {
		got := anthropic.ToolID(id)
		if strings.Trim(got, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || got == "" {
			t.Errorf("%q: %q", id, got)
		}
		if other, taken := seen[got]; taken {
			t.Errorf("%q and %q are both %q", id, other, got)
		}
		seen[got] = id
	}
	if got := anthropic.ToolID("toolu_01"); got != "toolu_01" {
		t.Errorf("a valid id became %q", got)
	}
}

func TestGenerationsAreReadFromModelIDs(t *testing.T) {
	for id, want := range map[string]int{
		"claude-3-7-sonnet-20250219": 307, "claude-3-opus-20240229": 300, "claude-sonnet-4-20250514": 400, "claude-opus-4-1": 401,
		"claude-haiku-4-5@20251001": 405, "anthropic/claude-opus-4.6": 406, "claude-opus-4-7": 407, "claude-opus-5": 500,
		"claude-fable-5-1": 501, "claude-2.1": 201, "claude-mythos-preview": 100000, "mine": 100000,
	} {
		if got := anthropic.Generation(id); got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
	}
}

func TestThoughtsThatAnthropicCannotReadAreNeverPatchedThrough(t *testing.T) {
	sealed := (&llm.Thought{Format: llm.FormatOpenAI, Encrypted: "x"}).Seal()
	for block, want := range map[string]bool{
		`{"type":"thinking","thinking":"hm","signature":"c2ln"}`:           false,
		`{"type":"redacted_thinking","data":"ZW5j"}`:                       false,
		`{"type":"thinking","thinking":"hm","signature":""}`:               true,
		`{"type":"thinking","thinking":"hm","signature":"` + sealed + `"}`: true,
		`{"type":"redacted_thinking","data":"` + sealed + `"}`:             true,
		`{"type":"image","source":{"type":"base64","data":""}}`:            false,
	} {
		e, p := anthropic.Scan([]byte(`{"model":"m","messages":[{"role":"assistant","content":[` + block + `]}]}`))
		if p != nil {
			t.Fatal(p)
		}
		if got := e.Uses.Meets(nil); got != want {
			t.Errorf("%s: %t", block, got)
		}
	}
}

func TestMembersAProviderRefusesAreNamed(t *testing.T) {
	r, p := anthropic.DecodeRequest([]byte(`{"model":"m","temperature":0.5,"top_k":3,"stop_sequences":["x"],"metadata":{"user_id":"u"},
		"context_management":{},"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"Hi"}]}`))
	if p != nil {
		t.Fatal(p)
	}
	out, dropped, p := anthropic.EncodeRequest(nil, r, dialect.Target{ID: "t", MaxOutput: 100, Quirks: &llm.Quirks{
		Reasoning: "none", Refuses: []string{"temperature", "top_k", "stop_sequences", "metadata", "context_management"},
	}})
	if p != nil {
		t.Fatal(p)
	}
	want := []string{"reasoning", "temperature", "top_k", "stop_sequences", "metadata", "context_management"}
	if diff := cmp.Diff(want, dropped); diff != "" {
		t.Error(diff)
	}
	if got := string(out); got != `{"model":"t","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}` {
		t.Error(got)
	}
}
