package envoytest

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// fault is a row of the failover table: what alpha does.
type fault struct {
	name   string
	script string
	only   string // "JSON" or "stream": the answers it concerns; "" = both
}

// failovers is the failover table.
var failovers = []fault{
	{"a reset before the headers", `"reset":"before"`, ""},
	{"a reset after the headers", `"reset":"headers"`, ""},
	{"a reset after the prelude", `"reset":"prelude"`, ""},
	{"a reset in the middle of an answer that is held", `"reset":"mid"`, "JSON"},
	{"an end before the headers", `"close":"before"`, ""},
	{"an end after the headers", `"close":"headers"`, ""},
	{"an end after the prelude", `"close":"prelude"`, ""},
	{"an end in the middle of an answer that is held", `"close":"mid"`, "JSON"},
	{"an end without length in the middle", `"close":"mid","chunked":true`, "JSON"},
	{"status 401", `"status":401`, ""},
	{"status 402", `"status":402`, ""},
	{"status 403", `"status":403`, ""},
	{"status 404", `"status":404`, ""},
	{"status 408", `"status":408`, ""},
	{"status 429", `"status":429`, ""},
	{"status 429 of another Envoy", `"status":429,"headers":{"x-envoy-ratelimited":"true"}`, ""},
	{"status 500", `"status":500`, ""},
	{"status 502 with a web page", `"status":502,"html":true`, ""},
	{"status 503", `"status":503`, ""},
	{"status 504 without a body", `"status":504,"empty":true`, ""},
	{"status 529", `"status":529`, ""},
	{"status 500 in pieces", `"status":500,"write":7,"chunked":true`, ""},
	{"400: context too long", `"context_length":true`, ""},
	{"400: context too long, in pieces", `"context_length":true,"write":5,"chunked":true`, ""},
	{"400: unsupported feature", `"unsupported":"seed"`, ""},
	{"400: context too long, in other words", `"status":400,"message":"Please reduce the length of the messages or completion."`, ""},
	{"400: unsupported feature, in other words", `"status":400,"message":"This model does not support tools."`, ""},
	{"an error under status 200", `"error_first":true`, "JSON"},
	{"an error event first of all", `"error_first":true`, "stream"},
	{"an error event after the role", `"error_after_role":true`, "stream"},
	{"an error event after the role, in pieces", `"error_after_role":true,"write":3`, "stream"},
	{"an empty answer", `"empty":true`, ""},
	{"an empty answer without length", `"empty":true,"chunked":true`, ""},
	{"a malformed answer", `"malformed":true`, ""},
	{"a truncated answer", `"truncate":true`, "JSON"},
	{"a truncated answer of 30 KB", `"truncate":true,"size":60000`, "JSON"},
	{"a web page", `"html":true`, ""},
	{"the other content type", `"wrong_type":true`, ""},
	{"a redirect", `"status":302,"headers":{"location":"/elsewhere"}`, ""},
	{"an encoding nobody asked for", `"headers":{"content-encoding":"br"}`, ""},
}

func TestEveryRowOfTheFailoverTableMakesTheNextAttempt(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(noon)})
	t.Run("rows", func(t *testing.T) {
		for _, f := range failovers {
			for _, w := range ways {
				if f.only == "" || (f.only == "stream") == w.stream {
					t.Run(w.name+", "+f.name, func(t *testing.T) {
						t.Parallel()
						g.failsOver(t, w, f.script)
					})
				}
			}
		}
	})
	if err := g.Fleet.Stop("alpha"); err != nil {
		t.Fatal(err)
	}
	for _, w := range ways {
		t.Run(w.name+", no connection", func(t *testing.T) {
			q := question{way: w, text: t.Name()}
			g.checkAnswerOfBeta(t, q, g.MustPost(t, q.body()))
		})
	}
}

// failsOver asks with a script for alpha: the answer is beta's alone.
func (g *Gateway) failsOver(t *testing.T, w way, script string) {
	t.Helper()
	q := question{way: w, text: t.Name(), sim: alphaDoes(script)}
	a := g.MustPost(t, q.body())
	g.checkCalls(t, q.text, 1, 1, 0)
	g.checkAnswerOfBeta(t, q, a)
}

// alphaDoes is a request's script for alpha, whose every answer can be told.
func alphaDoes(script string) string {
	const header = `"x-ratelimit-scope":"alpha","x-of-alpha":"1"`
	if before, after, ok := strings.Cut(script, `"headers":{`); ok {
		return `{"alpha":{` + before + `"headers":{` + header + `,` + after + `}}`
	}
	return `{"alpha":{"headers":{` + header + `},` + script + `}}`
}

// checkAnswerOfBeta compares an answer with what beta alone gives to the same
// request: byte by byte, and header by header.
func (g *Gateway) checkAnswerOfBeta(t *testing.T, q question, a *Answer) {
	t.Helper()
	a.checkServed(t, "beta", "2")
	q.extra = `,"providerOptions":{"gateway":{"only":["beta"]}}`
	alone := g.MustPost(t, q.body())
	alone.checkServed(t, "beta", "1")
	if diff := cmp.Diff(string(alone.Body), string(a.Body)); diff != "" {
		t.Errorf("not the answer of beta alone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(alone.spoken(), a.spoken()); diff != "" {
		t.Errorf("not the headers of beta alone (-want +got):\n%s", diff)
	}
	if bytes.Contains(a.Body, []byte("alpha")) {
		t.Errorf("the answer tells of alpha: %s", a.Body)
	}
	for name, values := range a.Header {
		if strings.Contains(name+strings.Join(values, " "), "lpha") {
			t.Errorf("the answer's headers tell of alpha: %s: %s", name, values)
		}
	}
	if q.untouched {
		r := g.calls("beta", q.text)[0].Request
		if diff := cmp.Diff(string(g.Fleet.Provider("beta").Body(r, simulator.PartUsage)), string(a.Body)); diff != "" {
			t.Errorf("not the bytes that beta sent (-want +got):\n%s", diff)
		}
	}
}

// hurried is a catalog whose alpha has next to no time, and beta as usual.
const hurried = `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}", timeouts: {first_token: 300ms, answer: 300ms}}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
models:
  sim/chat: {targets: [alpha, beta]}
  sim/leave: {targets: [alpha, beta], lane: leave}
  sim/translated: {targets: [alpha, beta], lane: translate}
`

func TestADeadlineMakesTheNextAttempt(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: hurried, Providers: recording(noon)})
	for _, f := range []fault{
		{"nothing comes", `"hang":"headers"`, ""},
		{"only headers come", `"hang":"body"`, ""},
		{"only the prelude comes", `"hang":"prelude"`, ""},
		{"only half an answer comes", `"hang":"mid"`, "JSON"},
		{"the headers come late", `"first":"20s"`, ""},
		{"the first event comes late", `"first_event":"20s"`, ""},
	} {
		for _, w := range ways {
			if f.only != "" && (f.only == "stream") != w.stream {
				continue
			}
			t.Run(w.name+", "+f.name, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				g.failsOver(t, w, f.script)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("a deadline of 300 ms took %s", took)
				}
			})
		}
	}
}

func TestTheNextTargetHasATimeLimitOfItsOwn(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: hurried, Providers: recording(noon)})
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			q := question{way: w, text: t.Name(), sim: `{"alpha":{"status":500},"beta":{"first":"400ms","first_event":"400ms"}}`}
			g.checkAnswerOfBeta(t, q, g.MustPost(t, q.body()))
		})
	}
}

// finals is what is not in the failover table: the client's own to mend.
var finals = []fault{
	{"any other 400", `"status":400`, ""},
	{"any other 400 in pieces", `"status":400,"write":7,"chunked":true`, ""},
	{"status 413", `"status":413`, ""},
	{"status 422", `"status":422`, ""},
	{"a refusal of the content", `"refusal":"content_policy_violation"`, ""},
	{"a content filter", `"refusal":"content_filter"`, ""},
}

func TestWhatIsTheClientsToMendIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(noon)})
	for _, f := range finals {
		for _, w := range ways {
			t.Run(w.name+", "+f.name, func(t *testing.T) {
				t.Parallel()
				q := question{way: w, text: t.Name(), sim: `{"alpha":{` + f.script + `}}`}
				a := g.MustPost(t, q.body())
				a.problem(t)
				if a.Status < 400 || a.Status > 422 || a.Header.Get("X-Dragoman-Attempts") != "1" || a.Header.Get("X-Dragoman-Provider") != "alpha" {
					t.Errorf("want the client's own error after one attempt at alpha, got %s", a)
				}
				if strings.Contains(f.script, "400") && a.Status != http.StatusBadRequest {
					t.Errorf("want 400, got %s", a)
				}
				g.checkCalls(t, q.text, 1, 0, 0)
			})
		}
	}
}

func TestARefusalMakesTheNextAttemptWhereTheClientWantsIt(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(noon)})
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			q := question{way: w, text: t.Name(), sim: `{"alpha":{"refusal":"content_filter"}}`}
			for i, extra := range []string{
				`,"models":["sim/solo"]`,
				`,"providerOptions":{"gateway":{"onRefusal":true}}`,
				`,"providerOptions":{"gateway":{"models":["sim/solo"],"onRefusal":false}}`,
			} {
				q.extra = extra
				if a := g.MustPost(t, q.body()); a.Status != http.StatusBadRequest {
					t.Errorf("%s: want the refusal, got %s", extra, a)
				}
				g.checkCalls(t, q.text, i+1, 0, 0)
			}
			q.extra = `,"models":["sim/solo"],"providerOptions":{"gateway":{"onRefusal":true}}`
			g.MustPost(t, q.body()).checkServed(t, "beta", "2")
			g.checkCalls(t, q.text, 4, 1, 0)
		})
	}
}
