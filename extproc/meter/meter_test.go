package meter

import (
	"bytes"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// withProviders makes a catalog of providers with these names.
func withProviders(t testing.TB, names ...string) *catalog.Catalog {
	t.Helper()
	text := "open: true\nmodels: {acme/one: {targets: [" + names[0] + "]}}\nproviders:\n"
	for _, name := range names {
		text += "  " + name + ": {dialect: openai, base_url: \"https://p.example\"}\n"
	}
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newMeter(t testing.TB, providers ...string) (*Meter, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	m, err := New(reg, withProviders(t, providers...))
	if err != nil {
		t.Fatal(err)
	}
	return m, reg
}

// series gives every series of the registry in the text format.
func series(t testing.TB, reg *prometheus.Registry) []string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// moved gives the series that are not zero, without histogram buckets.
func moved(t testing.TB, reg *prometheus.Registry) []string {
	t.Helper()
	var lines []string
	for _, line := range series(t, reg) {
		if !strings.HasSuffix(line, " 0") && !strings.Contains(line, "_bucket{") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestEventsMoveTheirSeries(t *testing.T) {
	tests := []struct {
		name  string
		event func(*Meter)
		want  []string
	}{
		{
			"a refusal", func(m *Meter) { m.Refused("chat.completions", llm.Unauthenticated) },
			[]string{`dragoman_requests_total{lane="none",outcome="invalid_api_key",surface="chat.completions"} 1`},
		},
		{
			"a refusal of something unknown", func(m *Meter) { m.Refused("/etc/passwd", llm.NumKinds) },
			[]string{`dragoman_requests_total{lane="none",outcome="internal_error",surface="other"} 1`},
		},
		{
			"an answer of our own", func(m *Meter) { m.Answered("models") },
			[]string{`dragoman_requests_total{lane="none",outcome="2xx",surface="models"} 1`},
		},
		{
			"an end", func(m *Meter) { m.Ended(End{"chat.completions", Leave, 200, false, 1500 * time.Millisecond}) },
			[]string{
				`dragoman_request_seconds_sum{lane="leave"} 1.5`, `dragoman_request_seconds_count{lane="leave"} 1`,
				`dragoman_requests_total{lane="leave",outcome="2xx",surface="chat.completions"} 1`,
			},
		},
		{
			"an end in an unknown lane and status", func(m *Meter) { m.Ended(End{"chat.completions", NumLanes, 999, false, time.Second}) },
			[]string{
				`dragoman_request_seconds_sum{lane="none"} 1`, `dragoman_request_seconds_count{lane="none"} 1`,
				`dragoman_requests_total{lane="none",outcome="other",surface="chat.completions"} 1`,
			},
		},
		{
			"a failed attempt", func(m *Meter) { m.Attempt("alpha", chain.ConnectFailure) },
			[]string{`dragoman_attempts_total{provider="alpha",reason="connect_failure"} 1`},
		},
		{
			"a failed attempt of an unknown provider for an unknown reason", func(m *Meter) { m.Attempt("client's word", chain.NumReasons) },
			[]string{`dragoman_attempts_total{provider="other",reason="internal"} 1`},
		},
		{
			"an answer", func(m *Meter) { m.Attempt("beta", chain.None) },
			[]string{`dragoman_attempts_total{provider="beta",reason="none"} 1`},
		},
		{
			"an answer that breaks off", func(m *Meter) { m.Attempt("beta", chain.BrokenIdle) },
			[]string{`dragoman_attempts_total{provider="beta",reason="broken_idle"} 1`},
		},
		{
			"a broken end", func(m *Meter) { m.Ended(End{"chat.completions", Leave, 200, true, time.Second}) },
			[]string{
				`dragoman_request_seconds_sum{lane="leave"} 1`, `dragoman_request_seconds_count{lane="leave"} 1`,
				`dragoman_requests_total{lane="leave",outcome="broken",surface="chat.completions"} 1`,
			},
		},
		{
			"a first content", func(m *Meter) { m.FirstContent("beta", 250*time.Millisecond) },
			[]string{
				`dragoman_first_content_seconds_sum{provider="beta"} 0.25`, `dragoman_first_content_seconds_count{provider="beta"} 1`,
			},
		},
		{"a failover", (*Meter).FailedOver, []string{`dragoman_failovers_total 1`}},
		{"an orphan", (*Meter).Orphan, []string{`dragoman_orphans_total 1`}},
		{"lost exchanges", func(m *Meter) { m.Lost(3) }, []string{`dragoman_lost_exchanges_total 3`}},
		{"no lost exchanges", func(m *Meter) { m.Lost(-3) }, nil},
		{
			"log entries", func(m *Meter) { m.LogEntries(EdgeLog, 2); m.LogEntries(AttemptLog, 5) },
			[]string{`dragoman_access_log_entries_total{log="attempt"} 5`, `dragoman_access_log_entries_total{log="edge"} 2`},
		},
		{"log entries of nobody", func(m *Meter) { m.LogEntries(NumLogs, 2); m.LogEntries(EdgeLog, -1) }, nil},
		{"tokens, without overlap", func(m *Meter) {
			m.Tokens("alpha", Usage{Input: 100, Output: 50, CacheRead: 60, CacheWrite: 10, Reasoning: 20})
		}, []string{
			`dragoman_tokens_total{class="cache_read",provider="alpha"} 60`, `dragoman_tokens_total{class="cache_write",provider="alpha"} 10`,
			`dragoman_tokens_total{class="input",provider="alpha"} 30`, `dragoman_tokens_total{class="output",provider="alpha"} 30`,
			`dragoman_tokens_total{class="reasoning",provider="alpha"} 20`,
		}},
		{
			"tokens whose details exceed the totals", func(m *Meter) { m.Tokens("alpha", Usage{Input: 5, Output: 1, CacheRead: 6, Reasoning: 2}) },
			[]string{`dragoman_tokens_total{class="cache_read",provider="alpha"} 6`, `dragoman_tokens_total{class="reasoning",provider="alpha"} 2`},
		},
		{"tokens nobody can believe", func(m *Meter) { m.Tokens("alpha", Usage{Input: 5, Output: 1 << 63}) }, nil},
		{
			"open exchanges", func(m *Meter) { m.Watch(func() (int, int64) { return 7, 1 << 20 }) },
			[]string{`dragoman_exchanges 7`, `dragoman_held_bytes 1.048576e+06`},
		},
		{
			"records", func(m *Meter) {
				m.WatchRecords(func() generation.Stats {
					return generation.Stats{Waiting: 1, Written: 2, Refused: 3, Expired: 4, StoreErrors: 5, ExportErrors: 6, ExportDropped: 7}
				})
			},
			[]string{
				`dragoman_generations_failures_total{at="exporter"} 6`, `dragoman_generations_failures_total{at="store"} 5`,
				`dragoman_generations_total{fate="expired"} 4`, `dragoman_generations_total{fate="not_exported"} 7`,
				`dragoman_generations_total{fate="refused"} 3`, `dragoman_generations_total{fate="written"} 2`,
				`dragoman_generations_waiting 1`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, reg := newMeter(t, "alpha", "beta")
			tt.event(m)
			if diff := cmp.Diff(tt.want, moved(t, reg)); diff != "" {
				t.Errorf("series differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatusesFallIntoClasses(t *testing.T) {
	for status, want := range map[int]string{
		0: "aborted", 200: "2xx", 299: "2xx", 302: "3xx", 400: "4xx", 499: "4xx", 500: "5xx", 599: "5xx",
		-1: "other", 100: "other", 199: "other", 600: "other",
	} {
		if got := outcomeNames[outcomeOf(status)]; got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

func TestNoEventMakesANewSeries(t *testing.T) {
	m, reg := newMeter(t, "alpha", "beta")
	before := len(series(t, reg))
	for _, name := range []string{"alpha", "beta", "gamma", "other", "", "\xff", strings.Repeat("x", 1000)} {
		for r := range chain.NumReasons {
			m.Attempt(name, r)
		}
		for k := range llm.NumKinds {
			m.Refused(name, k)
		}
		for l := range NumLanes {
			m.Ended(End{name, l, 200, l == Leave, time.Second})
		}
		m.FirstContent(name, time.Hour)
		m.Tokens(name, Usage{Input: 1, Output: 1, CacheRead: 1, CacheWrite: 1, Reasoning: 1})
		m.Answered(name)
	}
	if after := len(series(t, reg)); after != before {
		t.Errorf("events made %d new series", after-before)
	}
}

func TestLabelsHaveNames(t *testing.T) {
	for _, names := range [][]string{laneNames[:], outcomeNames[:], logNames[:], tokenClassNames[:], surfaceNames} {
		seen := map[string]bool{}
		for i, name := range names {
			if name == "" || seen[name] {
				t.Errorf("value %d of %q has no name of its own", i, names)
			}
			seen[name] = true
		}
	}
	if Express.String() != "express" || NumLanes.String() != "none" {
		t.Errorf("lanes are called %v and %v", Express, NumLanes)
	}
}

func TestACatalogChangesTheProviders(t *testing.T) {
	m, reg := newMeter(t, "alpha", "beta")
	m.Attempt("alpha", chain.Reset)
	m.Attempt("beta", chain.Reset)
	m.Attempt("gamma", chain.Reset)
	m.UseCatalog(withProviders(t, "beta", "gamma"))
	m.Attempt("beta", chain.Reset)
	m.Attempt("gamma", chain.Reset)
	m.Attempt("alpha", chain.Auth)
	want := []string{
		`dragoman_attempts_total{provider="beta",reason="reset"} 2`,
		`dragoman_attempts_total{provider="gamma",reason="reset"} 1`,
		`dragoman_attempts_total{provider="other",reason="auth"} 1`,
		`dragoman_attempts_total{provider="other",reason="reset"} 1`,
	}
	if diff := cmp.Diff(want, moved(t, reg)); diff != "" {
		t.Errorf("series differ (-want +got):\n%s", diff)
	}
	for _, line := range series(t, reg) {
		if strings.Contains(line, `"alpha"`) {
			t.Errorf("a provider that is gone has the series %s", line)
		}
	}
}

func TestAProviderCalledOtherSharesTheSeriesOfTheUnknown(t *testing.T) {
	m, reg := newMeter(t, "other")
	m.Attempt("other", chain.Reset)
	m.UseCatalog(withProviders(t, "alpha"))
	m.Attempt("nobody", chain.Reset)
	want := []string{`dragoman_attempts_total{provider="other",reason="reset"} 2`}
	if diff := cmp.Diff(want, moved(t, reg)); diff != "" {
		t.Errorf("series differ (-want +got):\n%s", diff)
	}
}

func TestNewReportsWhatIsTaken(t *testing.T) {
	_, reg := newMeter(t, "alpha")
	if m, err := New(reg, withProviders(t, "alpha")); err == nil || m != nil {
		t.Errorf("a second meter on one registry: %v, %v", m, err)
	}
}

func TestANilMeterCountsNothing(t *testing.T) {
	var m *Meter
	v := reflect.ValueOf(m)
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		t.Run(name, func(t *testing.T) {
			args := make([]reflect.Value, method.Type().NumIn())
			for j := range args {
				args[j] = reflect.Zero(method.Type().In(j))
			}
			method.Call(args) // fails the test if it panics
		})
	}
}

func TestEventsOfARequestAllocateNothing(t *testing.T) {
	m, _ := newMeter(t, "alpha")
	if n := testing.AllocsPerRun(100, func() {
		m.Refused("chat.completions", llm.RateLimited)
		m.Answered("models")
		m.Attempt("alpha", chain.Overloaded)
		m.FirstContent("alpha", time.Second)
		m.FailedOver()
		m.Tokens("alpha", Usage{Input: 10, Output: 10, CacheRead: 5})
		m.LogEntries(EdgeLog, 1)
		m.Ended(End{"chat.completions", Express, 200, false, time.Second})
	}); n != 0 {
		t.Errorf("events allocate %v times", n)
	}
}

func TestManyCountAtOnce(t *testing.T) {
	m, reg := newMeter(t, "alpha", "beta")
	one, two := withProviders(t, "alpha"), withProviders(t, "alpha", "beta")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				m.Attempt("alpha", chain.Reset)
				m.Attempt("beta", chain.Reset)
			}
		})
	}
	for range 20 {
		m.UseCatalog(one)
		m.UseCatalog(two)
		m.Watch(func() (int, int64) { return 0, 0 })
		series(t, reg)
	}
	wg.Wait()
	if got := moved(t, reg); !strings.HasSuffix(got[0], `alpha",reason="reset"} 800`) {
		t.Errorf("a provider that stayed lost counts: %s", got[0])
	}
}

func BenchmarkEventsOfARequest(b *testing.B) {
	m, _ := newMeter(b, "alpha")
	b.ReportAllocs()
	for b.Loop() {
		m.FirstContent("alpha", time.Second)
		m.Tokens("alpha", Usage{Input: 10, Output: 10})
		m.Ended(End{"chat.completions", Express, 200, false, time.Second})
	}
}
