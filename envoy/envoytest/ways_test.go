package envoytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// way is one of the ways through the gateway.
type way struct {
	name   string
	model  string // of DefaultCatalog
	lane   string // as a catalog writes it
	stream bool
	// untouched tells that the provider's bytes come through as they are.
	untouched bool
}

var ways = []way{
	{name: "JSON express", model: "sim/chat", lane: "auto", untouched: true},
	{name: "JSON leave", model: "sim/leave", lane: "leave", untouched: true},
	{name: "stream leave", model: "sim/leave", lane: "leave", stream: true, untouched: true},
	{name: "JSON translate", model: "sim/translated", lane: "translate"},
	{name: "stream translate", model: "sim/translated", lane: "translate", stream: true},
}

// short is the way's name as part of a model's name.
func (w *way) short() string { return strings.ToLower(strings.ReplaceAll(w.name, " ", "-")) }

// question is a chat request. Providers know it again by its text.
type question struct {
	way
	text  string
	sim   string // scripts by provider, a JSON object; "" = none
	extra string // further members, each with a comma before it
}

func (q question) body() string {
	sim := q.sim
	if sim == "" {
		sim = "{}"
	}
	return fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":%q}],"sim":%s%s}`,
		q.model, q.stream, q.text, sim, q.extra)
}

// noon is the clock of answers that are compared byte by byte.
func noon() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }

// recording are three providers that remember every request of a test.
func recording(now func() time.Time) []simulator.Config {
	out := make([]simulator.Config, 0, 3)
	for _, name := range []string{"alpha", "beta", "gamma"} {
		out = append(out, simulator.Config{Name: name, Record: 4096, Now: now})
	}
	return out
}

// calls are the requests with that text which a provider has received.
func (g *Gateway) calls(provider, text string) (out []simulator.Record) {
	for _, r := range g.Fleet.Provider(provider).Records() {
		if bytes.Contains(r.Body, fmt.Appendf(nil, "%q", text)) {
			out = append(out, r)
		}
	}
	return out
}

// checkCalls compares how often each provider was called, in the order alpha,
// beta, gamma.
func (g *Gateway) checkCalls(tb testing.TB, text string, want ...int) {
	tb.Helper()
	got := make([]int, len(want))
	for i, name := range []string{"alpha", "beta", "gamma"}[:len(want)] {
		got[i] = len(g.calls(name, text))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("calls at alpha, beta, gamma (-want +got):\n%s", diff)
	}
}

// checkServed compares who served an answer, and at which attempt.
func (a *Answer) checkServed(tb testing.TB, provider, attempts string) {
	tb.Helper()
	if a.Status != http.StatusOK || a.Header.Get("X-Dragoman-Provider") != provider || a.Header.Get("X-Dragoman-Attempts") != attempts {
		tb.Errorf("want 200 of %s at attempt %s, got %s", provider, attempts, a)
	}
}

// spoken are the headers of an answer without those that differ from one
// exchange to the next, and the length, which a failover turns into chunks.
func (a *Answer) spoken() http.Header {
	h := a.Header.Clone()
	for _, name := range []string{
		"Date", "X-Request-Id", "Request-Id", "X-Dragoman-Generation", "X-Dragoman-Attempts", "Content-Length",
	} {
		h.Del(name)
	}
	return h
}

// openAIError is an error in OpenAI's shape.
type openAIError struct {
	Error struct {
		Message  string
		Type     string
		Param    *string
		Code     string
		Attempts []triedTarget
	}
	GenerationID string
}

type triedTarget struct {
	Provider, Model, Reason string
	Status                  int
}

// problem reads an answer that must be an error in OpenAI's shape.
func (a *Answer) problem(tb testing.TB) openAIError {
	tb.Helper()
	var s openAIError
	if err := json.Unmarshal(a.Body, &s); err != nil || s.Error.Message == "" || s.Error.Type+s.Error.Code == "" {
		tb.Fatalf("no error in OpenAI's shape (%v): %s", err, a)
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/json" {
		tb.Errorf("the error's content type is %q", kind)
	}
	return s
}
