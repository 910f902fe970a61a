package gemini_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestTheModelAndTheStreamStandInThePath(t *testing.T) {
	for _, c := range []struct {
		target dialect.Target
		stream bool
		want   string
	}{
		{dialect.Target{ID: "gemini-2.5-pro"}, false, "/models/gemini-2.5-pro:generateContent"},
		{dialect.Target{ID: "gemini-2.5-pro"}, true, "/models/gemini-2.5-pro:streamGenerateContent?alt=sse"},
		{dialect.Target{ID: "models/gemini-2.5-pro"}, false, "/models/gemini-2.5-pro:generateContent"},
		{dialect.Target{ID: "tunedModels/a b"}, false, "/tunedModels/a%20b:generateContent"},
		{dialect.Target{ID: "gemini-2.5-pro", Platform: dialect.Vertex}, true, "/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse"},
		{dialect.Target{ID: "endpoints/123", Platform: dialect.Vertex}, false, "/endpoints/123:generateContent"},
	} {
		if got := gemini.Path(&dialect.Envelope{Stream: c.stream}, c.target); got != c.want {
			t.Errorf("%+v: %s, want %s", c.target, got, c.want)
		}
	}
	count := gemini.CountCodec().Path(&dialect.Envelope{}, dialect.Target{ID: "m", Platform: dialect.Vertex})
	if count != "/publishers/google/models/m:countTokens" {
		t.Error(count)
	}
}

func TestTheVendorFetchesItsOwnURLs(t *testing.T) {
	for url, want := range map[string]bool{
		"gs://bucket/a.png": true, "https://www.youtube.com/watch?v=1": true, "https://youtu.be/1": true,
		"https://generativelanguage.googleapis.com/v1beta/files/1": true,
		"https://example.com/a.png":                                false, "http://www.youtube.com/": false, "https://www.youtube.com.evil.org/": false,
	} {
		if gemini.Fetches(url) != want {
			t.Errorf("%s: %t", url, !want)
		}
	}
}

// Any of the gateway's members, anywhere, leave the others byte for byte.
func TestThePatchRemovesOnlyWhatIsTheGateways(t *testing.T) {
	own := []string{`"models": ["a"]`, `"providerOptions":{"gateway":{}}`, `"model":"models/x"`}
	for mask := range 1 << 4 {
		var members []string
		for i, m := range own {
			if mask>>i&1 == 1 {
				members = append(members, m)
			}
		}
		kept := `"contents" : [ ]`
		at := min(mask>>3*2, len(members))
		members = append(members[:at:at], append([]string{kept}, members[at:]...)...)
		members = append(members, ` "tools":[]`)
		body := []byte("{" + strings.Join(members, " , ") + "}")
		e, p := gemini.Scan(body)
		if p != nil {
			t.Fatal(p)
		}
		var out []byte
		for _, piece := range gemini.Pieces(body, &e, flash25) {
			out = append(out, piece...)
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(out, &got); err != nil || len(got) != 2 || !strings.Contains(string(out), kept) {
			t.Errorf("%s became %s: %v", body, out, err)
		}
	}
}

func TestUsageOfSeveralChunksIsMerged(t *testing.T) {
	n := llm.Some[llm.Tokens]
	got := gemini.DecodeUsage([]byte(`{"promptTokenCount":8,"totalTokenCount":8}{"promptTokenCount":8,"candidatesTokenCount":2,"thoughtsTokenCount":30}` +
		` {"promptTokenCount":8,"candidatesTokenCount":5,"thoughtsTokenCount":30,"cachedContentTokenCount":4}`))
	want := &llm.Usage{Input: n(8), CacheRead: n(4), Output: n(35), Reasoning: n(30)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, raw := range []string{"", "{}", "null", "{", `{"trafficType":"ON_DEMAND"}`} {
		if u := gemini.DecodeUsage([]byte(raw)); u != nil {
			t.Errorf("%s counts %+v", raw, u)
		}
	}
}

func TestEveryProblemHasAStatusThatSDKsKnow(t *testing.T) {
	for k := range llm.NumKinds {
		p := &llm.Problem{Kind: k, Message: "m", Param: "p", RetryAfter: 1500 * time.Millisecond}
		var body struct {
			Error struct {
				Code    int
				Status  string
				Message string
				Details []map[string]any
			}
		}
		if err := json.Unmarshal(gemini.EncodeError(p, "g"), &body); err != nil {
			t.Fatal(err)
		}
		last := body.Error.Details[len(body.Error.Details)-1]
		if body.Error.Status == "" || body.Error.Code != k.Status() || body.Error.Message != "m" || last["retryDelay"] != "1.5s" {
			t.Errorf("%s: %+v", k, body)
		}
		back := gemini.DecodeError(k.Status(), nil, gemini.EncodeError(p, "g"))
		if back.RetryAfter != p.RetryAfter {
			t.Errorf("%s: retry after %s", k, back.RetryAfter)
		}
	}
}

func TestCountingKnowsNoUseOfTheModel(t *testing.T) {
	c := gemini.CountCodec()
	if c.FindUsage([]byte(`{"totalTokens":3}`)) != nil || c.DecodeUsage([]byte(`{"totalTokens":3}`)) != nil {
		t.Error("a count is billed")
	}
	vertex := dialect.Target{ID: "m", Platform: dialect.Vertex}
	body := []byte(`{"generateContentRequest":{"model":"models/x","contents":[],"safetySettings":[],"system_instruction":{"parts":[]}}}`)
	e, p := c.Scan(body)
	if p != nil {
		t.Fatal(p)
	}
	if got := string(c.Patch(body, &e, vertex)[0]); got != `{"contents":[],"system_instruction":{"parts":[]}}` {
		t.Error(got)
	}
}

func TestIdsMadeForCallsFollowFromTheConversation(t *testing.T) {
	body := `{"contents":[{"parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"f"}}]},` +
		`{"parts":[{"functionResponse":{"name":"f","response":{"output":"1"}}},{"functionResponse":{"name":"f","response":{"output":"2"}}}]}`
	first, p := gemini.DecodeRequest([]byte(body + `]}`))
	if p != nil {
		t.Fatal(p)
	}
	longer, p := gemini.DecodeRequest([]byte(body + `,{"parts":[{"text":"more"}]}]}`))
	if p != nil {
		t.Fatal(p)
	}
	if diff := cmp.Diff(first.Messages, longer.Messages[:len(first.Messages)]); diff != "" {
		t.Error(diff)
	}
	calls, results := first.Messages[1].Parts, first.Messages[2].Parts
	if calls[0].Call.ID != results[0].Result.ID || calls[1].Call.ID != results[1].Result.ID || calls[0].Call.ID == calls[1].Call.ID {
		t.Errorf("calls %+v %+v, results %+v %+v", calls[0].Call, calls[1].Call, results[0].Result, results[1].Result)
	}
}
