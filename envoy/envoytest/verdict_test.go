package envoytest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// verdict is what comes of a chain whose every target fails.
type verdict struct {
	name       string
	sim        string
	status     int
	code       string
	reasons    []string // of alpha, beta and gamma, with the provider's status
	retryAfter string
}

var verdicts = []verdict{
	{
		"all broken alike", `{"*":{"status":500}}`,
		502, "upstream_unavailable",
		[]string{"provider_error 500", "provider_error 500", "provider_error 500"},
		"",
	},
	{
		"all overloaded", `{"alpha":{"status":503},"beta":{"status":529},"gamma":{"status":503}}`,
		503, "overloaded",
		[]string{"overloaded 503", "overloaded 529", "overloaded 503"},
		"",
	},
	{
		"the credential refused everywhere", `{"*":{"status":401}}`,
		502, "upstream_unavailable",
		[]string{"auth 401", "auth 401", "auth 401"},
		"",
	},
	{
		"the model unknown everywhere", `{"*":{"status":404}}`,
		502, "upstream_unavailable",
		[]string{"not_found 404", "not_found 404", "not_found 404"},
		"",
	},
	{
		"the prompt too long everywhere", `{"*":{"context_length":true}}`,
		400, "context_length_exceeded",
		[]string{"context_length 400", "context_length 400", "context_length 400"},
		"",
	},
	{
		"a feature missing everywhere", `{"*":{"unsupported":"seed"}}`,
		400, "unsupported_feature",
		[]string{"unsupported_feature 400", "unsupported_feature 400", "unsupported_feature 400"},
		"",
	},
	{
		"different failures", `{"alpha":{"status":500},"beta":{"status":401},"gamma":{"reset":"before"}}`,
		502, "upstream_unavailable",
		[]string{"provider_error 500", "auth 401", "reset 0"},
		"",
	},
	{
		"no room in different words", `{"alpha":{"status":429},"beta":{"status":503},"gamma":{"status":529}}`,
		503, "overloaded",
		[]string{"rate_limited 429", "overloaded 503", "overloaded 529"},
		"",
	},
	{
		"answers that are none", `{"alpha":{"wrong_type":true},"beta":{"malformed":true},"gamma":{"html":true}}`,
		502, "upstream_bad_answer",
		[]string{"malformed_answer 200", "malformed_answer 200", "malformed_answer 200"},
		"",
	},
	{
		"rate limits everywhere", `{"alpha":{"status":429,"retry_after":40},"beta":{"status":429,"retry_after":20},"gamma":{"status":429,"retry_after":60}}`,
		429, "rate_limit_exceeded",
		[]string{"rate_limited 429", "rate_limited 429", "rate_limited 429"},
		"20",
	},
}

// modelsFor are models of the same targets, one for each way and name, so that
// a test's pauses don't reach into another's chains.
func modelsFor(targets string, names ...string) string {
	var b strings.Builder
	for _, w := range ways {
		for _, name := range names {
			fmt.Fprintf(&b, "  %s: {targets: %s, lane: %s}\n", modelFor(w, name), targets, w.lane)
		}
	}
	return b.String()
}

func modelFor(w way, name string) string { return "sim/" + w.short() + "-" + name }

func TestWhenAllTargetsFailTheClientReadsOneVerdict(t *testing.T) {
	t.Parallel()
	names := make([]string, len(verdicts))
	for i := range verdicts {
		names[i] = fmt.Sprint(i)
	}
	g := Start(t, Options{Catalog: DefaultCatalog + modelsFor("[alpha, beta, gamma]", names...), Providers: recording(nil)})
	for i, v := range verdicts {
		for _, w := range ways {
			t.Run(w.name+", "+v.name, func(t *testing.T) {
				t.Parallel()
				w.model = modelFor(w, fmt.Sprint(i))
				g.checkVerdict(t, question{way: w, text: t.Name(), sim: v.sim}, v)
				g.checkCalls(t, t.Name(), 1, 1, 1)
			})
		}
	}
}

// checkVerdict asks and compares the error that comes.
func (g *Gateway) checkVerdict(t *testing.T, q question, v verdict) {
	t.Helper()
	a := g.MustPost(t, q.body())
	p := a.problem(t)
	if a.Status != v.status || p.Error.Code != v.code {
		t.Errorf("want %d %s, got %s", v.status, v.code, a)
	}
	if got := a.Header.Get("Retry-After"); got != v.retryAfter {
		t.Errorf("Retry-After is %q, want %q", got, v.retryAfter)
	}
	if got, want := a.Header.Get("X-Dragoman-Attempts"), fmt.Sprint(len(v.reasons)); got != want {
		t.Errorf("%s attempts, want %s", got, want)
	}
	if p.GenerationID == "" || p.GenerationID != a.Header.Get("X-Dragoman-Generation") {
		t.Errorf("generation %q in the error, %q in the header", p.GenerationID, a.Header.Get("X-Dragoman-Generation"))
	}
	var reasons []string
	for i, tried := range p.Error.Attempts {
		reasons = append(reasons, fmt.Sprint(tried.Reason, " ", tried.Status))
		if want := []string{"alpha", "beta", "gamma"}[i%3]; tried.Provider != want || tried.Model != q.model {
			t.Errorf("attempt %d was %s at %s, want %s at %s", i+1, tried.Model, tried.Provider, q.model, want)
		}
		if !strings.Contains(p.Error.Message, tried.Provider+": ") {
			t.Errorf("the message does not name %s: %s", tried.Provider, p.Error.Message)
		}
	}
	if diff := cmp.Diff(v.reasons, reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

const short = `
open: true
listen: {port: {{port}}}
timeouts: {first_token: 300ms, answer: 300ms}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
  gamma: {dialect: openai, base_url: "{{url "gamma"}}"}
models:
  sim/chat: {targets: [alpha, beta, gamma]}
  sim/leave: {targets: [alpha, beta, gamma], lane: leave}
  sim/translated: {targets: [alpha, beta, gamma], lane: translate}
`

func TestDeadlinesEverywhereAreATimeout(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: short, Providers: recording(nil)})
	for _, w := range ways {
		for name, script := range map[string]string{"nothing comes": `"hang":"headers"`, "only the beginning comes": `"hang":"prelude"`} {
			t.Run(w.name+", "+name, func(t *testing.T) {
				t.Parallel()
				reason := "timeout_answer 0"
				if w.stream {
					reason = "timeout_first_token 0"
				}
				g.checkVerdict(t, question{way: w, text: t.Name(), sim: `{"*":{` + script + `}}`},
					verdict{status: 504, code: "upstream_timeout", reasons: []string{reason, reason, reason}})
				g.checkCalls(t, t.Name(), 1, 1, 1)
			})
		}
	}
}

func TestNoConnectionAnywhereIsABadGateway(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	for _, name := range []string{"alpha", "beta", "gamma"} {
		if err := g.Fleet.Stop(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			g.checkVerdict(t, question{way: w, text: t.Name()}, verdict{
				status: 502, code: "upstream_unavailable", reasons: []string{"connect_failure 0", "connect_failure 0", "connect_failure 0"},
			})
		})
	}
}

func TestALoneTargetIsRepeatedOnlyWhereThatMayHelp(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		script string
		calls  int
		status int
		wait   time.Duration // between the calls, at least
	}{
		{"500", `"status":500`, 2, 502, 0},
		{"503", `"status":503`, 2, 503, 0},
		{"reset", `"reset":"before"`, 2, 502, 0},
		{"401", `"status":401`, 1, 502, 0},
		{"404", `"status":404`, 1, 502, 0},
		{"empty", `"empty":true`, 1, 502, 0},
		{"context", `"context_length":true`, 1, 400, 0},
		{"429", `"status":429`, 1, 429, 0},
		{"429-in-1-s", `"status":429,"retry_after":1`, 2, 429, time.Second},
		{"429-in-30-s", `"status":429,"retry_after":30`, 1, 429, 0},
	}
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = c.name
	}
	g := Start(t, Options{Catalog: DefaultCatalog + modelsFor("[alpha]", names...), Providers: recording(nil)})
	for _, c := range cases {
		for _, w := range ways {
			t.Run(w.name+", "+c.name, func(t *testing.T) {
				t.Parallel()
				w.model = modelFor(w, c.name)
				a := g.MustPost(t, question{way: w, text: t.Name(), sim: `{"*":{` + c.script + `}}`}.body())
				if n := len(a.problem(t).Error.Attempts); a.Status != c.status || n != c.calls || a.Header.Get("X-Dragoman-Attempts") != fmt.Sprint(c.calls) {
					t.Errorf("want %d after %d attempts, got %s", c.status, c.calls, a)
				}
				calls := g.calls("alpha", t.Name())
				if len(calls) != c.calls {
					t.Fatalf("%d calls, want %d", len(calls), c.calls)
				}
				if gap := calls[len(calls)-1].Arrived.Sub(calls[0].Arrived); gap < c.wait || c.calls == 2 && gap > c.wait+5*time.Second {
					t.Errorf("repeated after %s, want %s", gap, c.wait)
				}
			})
		}
	}
}

func TestALoneTargetThatRecoversServesTheRepetition(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: DefaultCatalog + modelsFor("[alpha]", "lone"), Providers: recording(nil)})
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			w.model = modelFor(w, "lone")
			g.recovers(t, question{way: w, text: t.Name()})
		})
	}
}

// recovers asks while alpha allows no more requests, and lets it allow them
// before the time that it names.
func (g *Gateway) recovers(t *testing.T, q question) {
	t.Helper()
	alpha := g.Fleet.Provider("alpha")
	if err := alpha.SetFault(simulator.Script{Status: http.StatusTooManyRequests, RetryAfter: 1}); err != nil {
		t.Fatal(err)
	}
	type result struct {
		a   *Answer
		err error
	}
	answered := make(chan result, 1)
	go func() {
		a, err := g.Post(t.Context(), q.body())
		answered <- result{a, err}
	}()
	_, err := alpha.Await(t.Context(), func(r simulator.Record) bool {
		return !r.Ended.IsZero() && strings.Contains(string(r.Body), q.text)
	})
	alpha.ClearFault()
	got := <-answered
	if err := errors.Join(err, got.err); err != nil {
		t.Fatal(err)
	}
	got.a.checkServed(t, "alpha", "2")
	g.checkCalls(t, q.text, 2)
	if calls := g.calls("alpha", q.text); calls[len(calls)-1].Arrived.Sub(calls[0].Arrived) < time.Second {
		t.Error("alpha was called again before the time that it named")
	}
}

func TestATargetThatAskedForAPauseIsLeftAloneUntilItIsOver(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: DefaultCatalog + modelsFor("[alpha, beta]", "pause"), Providers: recording(noon)})
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.model = modelFor(w, "pause")
			limited := question{way: w, text: t.Name() + " first", sim: `{"alpha":{"status":429,"retry_after":2}}`}
			began := time.Now()
			g.MustPost(t, limited.body()).checkServed(t, "beta", "2")
			g.checkCalls(t, limited.text, 1, 1)
			next := question{way: w, text: t.Name() + " next"}
			a := g.MustPost(t, next.body())
			if time.Since(began) < 2*time.Second {
				a.checkServed(t, "beta", "1")
				g.checkCalls(t, next.text, 0, 1)
			}
			later := question{way: w, text: t.Name() + " later"}
			Eventually(t, 30*time.Second, "alpha serves again", func() error {
				if a := g.MustPost(t, later.body()); a.Header.Get("X-Dragoman-Provider") != "alpha" {
					return fmt.Errorf("served by %s", a)
				}
				return nil
			})
			if took := time.Since(began); took < 2*time.Second {
				t.Errorf("alpha was called again after %s", took)
			}
		})
	}
}
