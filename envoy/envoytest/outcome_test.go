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
	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// outcomeCatalog has a model for each way through, for one whose express answers
// are translated too.
const outcomeCatalog = `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
  claude: {dialect: anthropic, base_url: "{{url "claude"}}"}
models:
  sim/chat: {targets: [alpha, beta]}
  sim/leave: {targets: [alpha, beta], lane: leave}
  sim/translated: {targets: [alpha, beta], lane: translate}
  sim/foreign: {targets: [claude, beta]}
`

// counts are what a metric has counted for a provider, by reason; zeros are left
// out.
func (g *Gateway) counts(tb testing.TB, metric, provider string) map[string]float64 {
	tb.Helper()
	out := map[string]float64{}
	for _, s := range g.Series(tb, metric, "provider", provider) {
		if s.Value != 0 {
			out[s.Labels["reason"]] = s.Value
		}
	}
	return out
}

// awaitCounts waits until the attempts at a provider are counted so, and then
// holds the first contents against the answers.
func (g *Gateway) awaitCounts(tb testing.TB, provider string, want map[string]float64) {
	tb.Helper()
	Eventually(tb, 10*time.Second, "attempts at "+provider+" are counted", func() error {
		if diff := cmp.Diff(want, g.counts(tb, "dragoman_attempts_total", provider)); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	if n := g.counts(tb, "dragoman_first_content_seconds", provider)[""]; n != want["none"] {
		tb.Errorf("%s: %v first contents of %v answers", provider, n, want["none"])
	}
}

func outcomeGateway(t *testing.T) *Gateway {
	t.Helper()
	return Start(t, Options{Catalog: outcomeCatalog, Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}, {Name: "claude"}}})
}

// askFaulty is a request whose provider does what the fault says.
func (g *Gateway) askFaulty(t *testing.T, provider, fault, model string, stream bool) *Answer {
	t.Helper()
	s, err := simulator.ParseScript([]byte("{" + fault + "}"))
	if err == nil {
		err = g.Fleet.Provider(provider).SetFault(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g.MustPost(t, fmt.Sprintf(`{"model":%q,"stream":%t,"messages":[{"role":"user","content":"Hi"}]}`, model, stream))
}

// TestEveryAttemptIsCountedOnce asks in each way, of a target that serves, of one
// that fails, and what the target refuses.
func TestEveryAttemptIsCountedOnce(t *testing.T) {
	t.Parallel()
	g := outcomeGateway(t)
	alpha, beta, claude := map[string]float64{}, map[string]float64{}, map[string]float64{}
	check := func() {
		t.Helper()
		g.awaitCounts(t, "alpha", alpha)
		g.awaitCounts(t, "beta", beta)
		g.awaitCounts(t, "claude", claude)
	}
	all := append([]way{{name: "JSON express translated", model: "sim/foreign"}}, ways...)
	for _, w := range all {
		first, counts := "alpha", alpha
		if w.model == "sim/foreign" {
			first, counts = "claude", claude
		}
		for _, f := range []struct{ fault, reason string }{
			{``, "none"},
			{`"status":500`, "provider_error"},
			{`"status":401`, "auth"},
			{`"status":400`, "invalid_request"},
			{`"status":422`, "invalid_request"},
			{`"html":true`, "malformed_answer"},
		} {
			a := g.askFaulty(t, first, f.fault, w.model, w.stream)
			counts[f.reason]++
			if f.reason != "none" && f.reason != "invalid_request" {
				beta["none"]++
			}
			if want := map[bool]string{true: "400", false: "200"}[f.reason == "invalid_request"]; !strings.HasPrefix(a.String(), want) && a.Status != 422 {
				t.Errorf("%s, %s: %s", w.name, f.fault, a)
			}
			check()
		}
	}
}

// TestARefusedRequestHasItsStatusAndReasonOnRecord covers what is the client's to
// mend.
func TestARefusedRequestHasItsStatusAndReasonOnRecord(t *testing.T) {
	t.Parallel()
	g := outcomeGateway(t)
	for _, w := range append([]way{{name: "JSON express translated", model: "sim/foreign"}}, ways...) {
		first := map[bool]string{true: "claude", false: "alpha"}[w.model == "sim/foreign"]
		a := g.askFaulty(t, first, `"status":400`, w.model, w.stream)
		r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
		if a.Status != 400 || r.Status != 400 || r.Error != "invalid_request" || len(r.Attempts) != 1 || r.Attempts[0].Reason != "invalid_request" || r.Attempts[0].Status != 400 || r.Attempts[0].Took <= 0 {
			t.Errorf("%s: %d, %+v", w.name, a.Status, r)
		}
	}
}

// TestAnAttemptThatBreaksWhileItIsHeldIsOnRecord has a provider break off behind
// its role chunk, which nobody has seen yet.
func TestAnAttemptThatBreaksWhileItIsHeldIsOnRecord(t *testing.T) {
	t.Parallel()
	g := outcomeGateway(t)
	for i, model := range []string{"sim/leave", "sim/translated"} {
		a := g.askFaulty(t, "alpha", `"reset":"prelude"`, model, true)
		r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
		if r.Provider != "beta" || len(r.Attempts) != 2 || r.Attempts[0].Reason != "reset" || r.Attempts[1].Reason != "" || r.Error != "" {
			t.Errorf("%s: %+v", model, r)
		}
		g.awaitCounts(t, "beta", map[string]float64{"none": float64(i + 1)})
		if got := g.counts(t, "dragoman_attempts_total", "alpha"); got["reset"] != float64(i+1) || len(got) != 1 {
			t.Errorf("%s: alpha's attempts are counted as %v", model, got)
		}
	}
}

// TestAClientThatLeavesIsNoBreak leaves streams after their first content, and
// requests before any.
func TestAClientThatLeavesIsNoBreak(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	answers := 0.0
	for _, model := range []string{"sim/leave", "sim/translated"} {
		r := g.Generation(t, g.leaveAfter(t, model, 5, 200))
		answers++
		if !r.Aborted || r.Error != "" || r.Attempts[0].Reason != "" || r.Status != http.StatusOK || !r.Estimated {
			t.Errorf("%s: %+v", model, r)
		}
		g.awaitCounts(t, "alpha", map[string]float64{"none": answers})
	}
	for _, s := range g.Series(t, "dragoman_requests_total", "outcome", "broken") {
		if s.Value != 0 {
			t.Errorf("%v", s)
		}
	}
}

// TestALargeAnswerThatBreaksIsOnRecord breaks JSON answers that nobody holds.
func TestALargeAnswerThatBreaksIsOnRecord(t *testing.T) {
	t.Parallel()
	g := outcomeGateway(t)
	for _, model := range []string{"sim/chat", "sim/leave"} {
		for fault, reason := range map[string]string{`"truncate":true`: "broken_end", `"close":"mid"`: "broken_reset"} {
			s, err := simulator.ParseScript([]byte(`{"size":600000,"write":20000,"pause":"2ms",` + fault + `}`))
			if err == nil {
				err = g.Fleet.Provider("alpha").SetFault(s)
			}
			if err != nil {
				t.Fatal(err)
			}
			a, err := g.Post(t.Context(), fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Hi"}]}`, model))
			if err != nil {
				t.Fatal(err)
			}
			r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
			if r.Error != generation.Broken || r.Attempts[len(r.Attempts)-1].Reason != reason || !r.Estimated {
				t.Errorf("%s, %s: %+v", model, fault, r)
			}
		}
	}
}

// TestProvidersThatFailAreToldOfOnce looks at what an operator reads.
func TestProvidersThatFailAreToldOfOnce(t *testing.T) {
	t.Parallel()
	g := outcomeGateway(t)
	const words = "a client's own words"
	for range 5 {
		g.askFaulty(t, "alpha", `"status":401,"message":"Incorrect key sk-secret-12345 of `+words+`"`, "sim/chat", false)
		g.askFaulty(t, "claude", `"status":529`, "sim/foreign", true)
	}
	g.askFaulty(t, "alpha", `"error_mid":true`, "sim/leave", true)
	Eventually(t, 10*time.Second, "the broken stream is told of", func() error {
		if !strings.Contains(g.logs.String(), "broken_error") {
			return errors.New(g.logs.String())
		}
		return nil
	})
	var told []string
	for line := range strings.Lines(g.logs.String()) {
		if strings.Contains(line, "provider=alpha") || strings.Contains(line, "provider=claude") {
			_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
			told = append(told, line)
		}
	}
	want := []string{
		`level=WARN msg="a provider refuses the gateway; its operator must mend the credential, the account or the catalog" provider=alpha model=sim/chat reason=auth status=401 count=1`,
		`level=INFO msg="a provider fails" provider=claude model=sim/foreign reason=overloaded status=529 count=1`,
		`level=INFO msg="a provider fails" provider=alpha model=sim/leave reason=broken_error status=200 count=1`,
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if strings.Contains(g.logs.String(), words) || strings.Contains(g.logs.String(), "sk-secret") {
		t.Error("a provider's words stand in the log")
	}
}
