package envoytest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// breaking has, for each dialect, a provider that is left to itself and one whose
// answers are translated for a client of OpenAI's.
func breaking() Options {
	var b strings.Builder
	b.WriteString("open: true\nlisten: {port: {{port}}}\ntimeouts: {first_token: 2s, idle: 1s}\nproviders:\n")
	models := "models:\n"
	var providers []simulator.Config
	for i := range surfaces {
		if s := &surfaces[i]; s.streams() {
			for _, lane := range []string{"leave", "translate"} {
				for _, br := range breaks {
					name := s.name + "-" + lane + "-" + br.name
					fmt.Fprintf(&b, "  %s: {dialect: %s, base_url: \"{{url %q}}\"}\n", name, s.provider, name)
					models += fmt.Sprintf("  sim/%s: {targets: [%s], lane: %s, prices: {input: 1, output: 4}}\n", name, name, lane)
					providers = append(providers, simulator.Config{Name: name})
				}
			}
		}
	}
	return Options{Catalog: b.String() + models, Providers: providers}
}

// breaks are the ways in which a stream breaks after its first content, and what
// attempts are said to have ended with.
var breaks = []struct {
	name, script string
	leave        string // "" = no part of the gateway can tell
	translate    string
}{
	{"error", `"error_mid":true`, "broken_error", "broken_error"},
	{"errorinpieces", `"error_mid":true,"write":"odd"`, "broken_error", "broken_error"},
	{"truncate", `"truncate":true`, "broken_end", "broken_end"},
	{"malformed", `"malformed_mid":true`, "", "broken_error"},
	{"hang", `"hang":"mid"`, "broken_idle", "broken_idle"},
	{"reset", `"reset":"mid"`, "broken_reset", "broken_reset"},
	{"close", `"close":"mid"`, "broken_reset", "broken_reset"},
	{"whole", `"chunked":true`, "", ""},
}

// tolerance is how many tokens of a broken stream may be lost: what the provider
// wrote that Envoy had not passed on.
const tolerance = 2

// TestABrokenStreamIsSeenAndChargedByOneRule breaks streams in every way, in each
// dialect and lane. All agree: the record, the metrics, and what is charged. What
// a provider said of its input is charged; output is what it said or, if that is
// more, what the bytes make, and never less than what it wrote.
func TestABrokenStreamIsSeenAndChargedByOneRule(t *testing.T) {
	t.Parallel()
	g := Start(t, breaking())
	for i := range surfaces {
		s := &surfaces[i]
		if !s.streams() {
			continue
		}
		for _, lane := range []string{"leave", "translate"} {
			for _, br := range breaks {
				want := br.leave
				client := s
				if lane == "translate" {
					want, client = br.translate, surfaceNamed(t, "chat")
				}
				name := s.name + "-" + lane + "-" + br.name
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					script, err := simulator.ParseScript([]byte(`{"events":40,"pause":"10ms",` + br.script + `}`))
					if err == nil {
						err = g.Fleet.Provider(name).SetFault(script)
					}
					if err != nil {
						t.Fatal(err)
					}
					body := client.body("sim/"+name, "Tell me more of it.", true) + "}"
					a, err := g.Do(t.Context(), "POST", client.path("sim/"+name, true), body)
					if err != nil {
						t.Fatal(err)
					}
					if br.name == "error" || br.name == "errorinpieces" {
						checkOneError(t, a)
					}
					r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
					checkSeen(t, g, r, want, name)
					checkCharged(t, g, r, want, s.dialect)
				})
			}
		}
	}
}

// checkOneError counts the errors at a stream's end.
func checkOneError(t *testing.T, a *Answer) {
	t.Helper()
	n := bytes.Count(a.Body, []byte(`"error":{`)) + bytes.Count(a.Body, []byte(`"type":"error","sequence_number"`))
	if n += bytes.Count(a.Body, []byte(`"error": {`)); n != 1 {
		t.Errorf("the stream ends in %d errors:\n%s", n, a.Body[max(0, len(a.Body)-600):])
	}
}

// checkSeen looks at the record and at the metrics of the attempt.
func checkSeen(t *testing.T, g *Gateway, r *generation.Record, reason, provider string) {
	t.Helper()
	problem, counted, outcome := "", "none", "2xx"
	if reason != "" {
		problem, counted, outcome = generation.Broken, reason, "broken"
	}
	if r.Status != 200 || r.Error != problem || len(r.Attempts) != 1 || r.Attempts[0].Reason != reason || r.Attempts[0].Status != 200 || r.Aborted || r.Unobserved {
		t.Errorf("want reason %q and error %q, got %q: %+v", reason, problem, r.Error, r)
	}
	Eventually(t, 5e9, "the attempt is counted", func() (err error) {
		for _, m := range g.Series(t, "dragoman_attempts_total", "provider", provider) {
			if want := map[bool]float64{true: 1}[m.Labels["reason"] == counted]; m.Value != want {
				err = errors.Join(err, fmt.Errorf("%s: %v, want %v", m.Labels["reason"], m.Value, want))
			}
		}
		return err
	})
	if len(g.Series(t, "dragoman_requests_total", "outcome", outcome)) == 0 {
		t.Errorf("no requests are counted as %s", outcome)
	}
}

// checkCharged compares what is charged with what the provider has counted.
func checkCharged(t *testing.T, g *Gateway, r *generation.Record, reason string, d llm.Dialect) {
	t.Helper()
	var wrote simulator.Stats
	Eventually(t, 5e9, "the provider is through", func() error {
		if wrote = g.Fleet.Provider(r.Provider).Stats(); wrote.CompletionTokens == 0 {
			return errors.New("it has counted nothing")
		}
		return nil
	})
	in, out := int64(r.Usage.Input.Or(0)), int64(r.Usage.Output.Or(0))
	t.Logf("charged %d and %d, written %d and %d, tolerance %d", in, out, wrote.PromptTokens, wrote.CompletionTokens, tolerance)
	said := d == llm.Anthropic || d == llm.Gemini // at the beginning, too
	switch {
	case reason == "" && (r.Estimated || in != wrote.PromptTokens || out != wrote.CompletionTokens):
		t.Errorf("a whole stream is charged otherwise than it says")
	case reason == "":
	case !r.Estimated:
		t.Errorf("nothing tells that the output is estimated")
	case said && in != wrote.PromptTokens || in < wrote.PromptTokens:
		t.Errorf("input %d, want %d", in, wrote.PromptTokens)
	case out < wrote.CompletionTokens-tolerance || out > 4*wrote.CompletionTokens+10:
		t.Errorf("output %d, want %d at least, and not much more", out, wrote.CompletionTokens)
	}
	if want := llm.NanoUSD(1000*in + 4000*out); r.Cost != want {
		t.Errorf("it costs %d, want %d", r.Cost, want)
	}
}

// Sample is one series of the metrics.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Series are the counters of a metric whose label has that value, and the counts
// of a histogram's observations; those that are zero count only where others of
// that value do not.
func (g *Gateway) Series(tb testing.TB, metric, label, value string) (out []Sample) {
	tb.Helper()
	families, err := g.Metrics.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			s := Sample{map[string]string{}, m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())}
			for _, l := range m.GetLabel() {
				s.Labels[l.GetName()] = l.GetValue()
			}
			if s.Labels[label] == value {
				out = append(out, s)
			}
		}
	}
	return out
}
