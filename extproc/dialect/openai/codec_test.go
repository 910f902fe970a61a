package openai_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func write(events []llm.Event) []byte {
	w := openai.Codec().NewWriter(reply)
	var out []byte
	for _, ev := range events {
		out = w.Write(out, ev)
	}
	return w.Close(out)
}

func TestScanRefusesNestingBelowTheLimit(t *testing.T) {
	body := `{"model":"m","messages":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`
	_, p := openai.Scan([]byte(body))
	if p == nil || !strings.Contains(p.Message, "nesting is deeper than 200 levels") {
		t.Errorf("got %+v", p)
	}
}

func TestScanBoundsNames(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"` + strings.Repeat("m", 513) + `"}`:                                              "model must be at most 512 bytes long",
		`{"model":"m","models":["` + strings.Repeat("m", 257) + `"]}`:                               "models has an entry that is too long",
		`{"model":"m","models":["a"` + strings.Repeat(`,"a"`, 64) + `]}`:                            "models has too many entries",
		`{"model":"m","models":[""]}`:                                                               "models must be an array of non-empty strings",
		`{"model":"m","providerOptions":{"gateway":{"tags":["` + strings.Repeat("t", 65) + `"]}}}`:  "providerOptions.gateway.tags has an entry that is too long",
		`{"model":"m","providerOptions":{"gateway":{"user":7}}}`:                                    "providerOptions.gateway.user must be a string of at most 256 bytes without control characters",
		`{"model":"m","providerOptions":{"gateway":{"user":"a\u001b[2J"}}}`:                         "providerOptions.gateway.user must be a string of at most 256 bytes without control characters",
		`{"model":"m","providerOptions":{"gateway":{"tags":["a\u0007"]}}}`:                          "providerOptions.gateway.tags has an entry with a control character",
		`{"model":"m","providerOptions":{"gateway":[]}}`:                                            "providerOptions.gateway must be an object",
		`{"model":"m","providerOptions":[]}`:                                                        "providerOptions must be an object",
		`{"model":"m","providerOptions":{"Gateway":{}}}`:                                            `the request body is not accepted: byte 32: member "Gateway" must be spelled "gateway"`,
		`{"model":"m","stream_options":7}`:                                                          "stream_options must be an object",
		`{"model":"m","stream":true,"stream_options":{"include_usage":true,"include_usage":false}}`: `the request body is not accepted: byte 66: member "include_usage" appears twice`,
		`{"model":"m","stream":true,"stream_options":{"include_usage":"yes"}}`:                      "stream_options.include_usage must be true or false",
		"":                                 "the request body is not valid JSON: byte 0: expected a JSON value",
		"\xEF\xBB\xBF{}":                   "the request body is not valid JSON: byte 0: expected a JSON value, found a byte order mark",
		`{"model":"m","max_tokens":"NaN"}`: "max_tokens must be an integer from 0 to 1000000000",
		`{"model":"m","max_tokens":NaN}`:   "the request body is not valid JSON: byte 26: expected a JSON value",
	} {
		_, p := openai.Scan([]byte(body))
		if p == nil || p.Message != want {
			t.Errorf("%.60s: got %+v, want %q", body, p, want)
		}
	}
}

func TestPatchMayRemoveAnySetOfMembers(t *testing.T) {
	members := map[string]string{
		"m": `"model":"a"`, "s": `"models":["b"]`, "p": `"providerOptions" : {"gateway":{}}`, "x": `"x":1`, "t": `"stream":true`,
	}
	var permute func(prefix, rest string)
	count := 0
	permute = func(prefix, rest string) {
		if strings.Contains(prefix, "m") {
			var parts []string
			for _, c := range prefix {
				parts = append(parts, members[string(c)])
			}
			body := []byte("{ " + strings.Join(parts, " , ") + " }")
			e, p := openai.Scan(body)
			if p != nil {
				t.Fatal(p)
			}
			out := openai.Patch(nil, body, &e, dialect.Target{ID: "z", AddUsage: true})
			var got map[string]any
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%s becomes %s", body, out)
			}
			want := map[string]any{"model": "z"}
			if strings.Contains(prefix, "x") {
				want["x"] = 1.0
			}
			if strings.Contains(prefix, "t") {
				want["stream"], want["stream_options"] = true, map[string]any{"include_usage": true}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s becomes %s", body, out)
			}
			count++
		}
		for i := range rest {
			permute(prefix+rest[i:i+1], rest[:i]+rest[i+1:])
		}
	}
	permute("", "mspxt")
	if count < 200 {
		t.Errorf("only %d orders tried", count)
	}
}

func TestFinishReasonsAreToldInOpenAIsWords(t *testing.T) {
	want := map[llm.FinishReason]string{
		llm.FinishUnknown: "stop", llm.FinishStop: "stop", llm.FinishLength: "length", llm.FinishToolCalls: "tool_calls",
		llm.FinishFilter: "content_filter", llm.FinishRefusal: "content_filter", llm.FinishPause: "stop",
		llm.FinishError: "error", llm.FinishOther: "stop",
	}
	for r := range llm.NumFinishReasons {
		out := string(write([]llm.Event{{Kind: llm.Finish, Reason: r}}))
		if word, ok := want[r]; !ok || !strings.Contains(out, `"finish_reason":"`+word+`"`) {
			t.Errorf("%s is written as %s", r, out)
		}
	}
}

func TestEveryKindOfProblemHasATypeAndACode(t *testing.T) {
	for k := range llm.NumKinds {
		var body struct {
			Error struct {
				Message, Type, Code string
				Param               *string
			}
		}
		if err := json.Unmarshal(openai.EncodeError(&llm.Problem{Kind: k, Message: "m"}, ""), &body); err != nil {
			t.Fatal(err)
		}
		if body.Error.Type == "" || body.Error.Code != k.String() || body.Error.Param != nil {
			t.Errorf("%s: %+v", k, body.Error)
		}
	}
}

func TestStatusesWithoutTextAreClassified(t *testing.T) {
	for status, kind := range map[int]llm.Kind{
		400: llm.InvalidRequest, 401: llm.Unauthenticated, 402: llm.QuotaExceeded, 403: llm.Forbidden, 404: llm.NotFound,
		405: llm.MethodNotAllowed, 408: llm.Timeout, 413: llm.TooLarge, 415: llm.UnsupportedMedia, 418: llm.InvalidRequest,
		422: llm.InvalidRequest, 429: llm.RateLimited, 500: llm.Unavailable, 501: llm.NotImplemented, 502: llm.Unavailable,
		503: llm.Overloaded, 504: llm.Timeout, 529: llm.Overloaded,
	} {
		if p := openai.DecodeError(status, http.Header{}, nil); p.Kind != kind {
			t.Errorf("%d: got %s, want %s", status, p.Kind, kind)
		}
	}
}

func TestErrorsOfAnySizeAreBounded(t *testing.T) {
	body := fmt.Appendf(nil, `{"error":{"message":%q}}`, strings.Repeat("é", 10<<10))
	p := openai.DecodeError(400, nil, body)
	if len(p.Message) > 3<<10 || p.Vendor != nil {
		t.Errorf("message of %d bytes, vendor of %d", len(p.Message), len(p.Vendor))
	}
	if p := openai.DecodeError(400, nil, []byte(`{"error":{"message":"`+strings.Repeat("x", 1<<20))); p.Message == "" {
		t.Error("no message")
	}
}

func TestAWriterKeepsToTheOrderThatClientsExpect(t *testing.T) {
	usage := &llm.Usage{Input: llm.Some[llm.Tokens](1), Output: llm.Some[llm.Tokens](2)}
	for _, c := range []struct {
		name   string
		reply  dialect.Reply
		events []llm.Event
		want   string
	}{
		{
			"usage only if wanted",
			dialect.Reply{Generation: "g", Model: "m"},
			[]llm.Event{{Kind: llm.UsageUpdate, Usage: usage}, {Kind: llm.TextDelta, Text: "x"}, {Kind: llm.Finish, Reason: llm.FinishStop}},
			`data: {"id":"g","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":null}]}

data: {"id":"g","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

`,
		},
		{
			"a ping is a comment",
			dialect.Reply{},
			[]llm.Event{{Kind: llm.Ping}, {Kind: llm.Failed, Problem: &llm.Problem{Kind: llm.Timeout, Message: "late"}}},
			`: ping

data: {"error":{"message":"late","type":"server_error","param":null,"code":"upstream_timeout"}}

`,
		},
		{
			"nothing follows an error",
			dialect.Reply{},
			[]llm.Event{{Kind: llm.Failed, Problem: &llm.Problem{Kind: llm.Timeout, Message: "late"}}, {Kind: llm.TextDelta, Text: "x"}},
			`data: {"error":{"message":"late","type":"server_error","param":null,"code":"upstream_timeout"}}

`,
		},
		{
			"extras of other dialects are not written",
			dialect.Reply{Generation: "g", Model: "m"},
			[]llm.Event{
				{Kind: llm.ExtraEvent, Choice: -1, Extra: &llm.Extra{Dialect: llm.Anthropic, Name: "container", Value: llm.Raw(`1`)}},
				{Kind: llm.Finish, Reason: llm.FinishStop, Choice: 0},
			},
			`data: {"id":"g","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":"stop"}]}

data: [DONE]

`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := openai.Codec().NewWriter(c.reply)
			var out []byte
			for _, ev := range c.events {
				out = w.Write(out, ev)
			}
			if diff := cmp.Diff(c.want, string(w.Close(out))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
