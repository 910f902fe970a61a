package envoytest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// scarce are limits that one request keeps to as far as it tells, and passes by
// what the provider then counts: 5,000 tokens of input, 1,000 of output.
var scarce = map[string]string{
	"money": "0.004", "requests": "1", "tokens": "1500", "input_tokens": "1200", "output_tokens": "800",
}

var scarceUnits = []string{"money", "requests", "tokens", "input_tokens", "output_tokens"}

// windowsOf are the catalog's periods and what they are to the ledger.
var windowsOf = map[string]quota.Window{
	"minute": quota.Minute, "hour": quota.Hour, "day": quota.Day, "week": quota.Week, "month": quota.Month, "total": quota.Total,
}

// everyBudget has a model and a budget for each unit and window, counted apart
// for a key of each surface.
func everyBudget() string {
	var b strings.Builder
	// Two cores serve all tests at once.
	b.WriteString("listen: {port: {{port}}}\nquota: {wait: 1s}\nproviders:\n")
	for _, name := range []string{"alpha", "beta"} {
		fmt.Fprintf(&b, "  %s: {dialect: openai, base_url: \"{{url %q}}\"}\n", name, name)
	}
	b.WriteString("keys:\n")
	for _, s := range surfaces {
		fmt.Fprintf(&b, "  - {name: %s, hash: \"sha256:%x\"}\n", s.name, sha256.Sum256([]byte(clientKey+s.name)))
	}
	models, budgets := "models:\n", "budgets:\n"
	for _, unit := range scarceUnits {
		for window := range windowsOf {
			name := unit + "-" + window
			models += fmt.Sprintf("  scarce/%s: {targets: [alpha, beta], prices: {input: 1, output: 4}}\n", name)
			budgets += fmt.Sprintf("  - {name: %s, models: [scarce/%s], each: [key], per: %s, %s: %s}\n", name, name, window, unit, scarce[unit])
		}
	}
	return b.String() + models + budgets
}

// limited is an inquiry's body with a limit of output, which Anthropic's has
// anyway.
func (q inquiry) limited(model string) string {
	body := q.surface.body(model, "Hello there.", q.stream)
	switch q.surface.dialect {
	case llm.OpenAI:
		body += `,"max_tokens":50`
	case llm.Responses:
		body += `,"max_output_tokens":50`
	case llm.Gemini:
		body += `,"generationConfig":{"maxOutputTokens":50}`
	}
	return body + "}"
}

// awaitMinute waits for the next minute if this one is over soon, so that what
// a test does is in one.
func awaitMinute(t *testing.T, needs time.Duration) {
	t.Helper()
	if now := time.Now(); now.Add(needs).Truncate(time.Minute).After(now) {
		<-time.After(time.Until(now.Truncate(time.Minute).Add(time.Minute)))
	}
}

// TestABudgetOfEachUnitAndWindowRefusesInEachDialect uses each budget up with a
// first request, and looks at how the next is refused.
func TestABudgetOfEachUnitAndWindowRefusesInEachDialect(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: everyBudget(), Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}}})
	input, output := int64(5000), int64(1000)
	if err := g.Fleet.Provider("alpha").SetFault(simulator.Script{Usage: &simulator.Usage{Prompt: &input, Completion: &output}}); err != nil {
		t.Fatal(err)
	}
	awaitMinute(t, 10*time.Second)
	each(func(s *surface, unit, window string) {
		q := inquiry{surface: s, way: ways[0]}
		model := "scarce/" + unit + "-" + window
		a, err := g.Do(t.Context(), http.MethodPost, q.path(model, false), q.limited(model), q.key(clientKey+s.name)...)
		if err != nil || a.Status != http.StatusOK {
			t.Errorf("%s, %s: the first request: %v %v", s.name, model, err, a)
		}
	})
	g.Settled(t, 20*time.Second)
	each(func(s *surface, unit, window string) {
		q := inquiry{surface: s, way: ways[0]}
		model := "scarce/" + unit + "-" + window
		g.untouched(t, func() {
			a, err := g.Do(t.Context(), http.MethodPost, q.path(model, false), q.limited(model), q.key(clientKey+s.name)...)
			if err != nil {
				t.Fatal(err)
			}
			checkSpent(t, s, a, budgetOf{unit, window})
			g.checkDiscreet(t, a)
		})
	})
}

// each calls f for every surface, unit and window that go together.
func each(f func(s *surface, unit, window string)) {
	for i := range surfaces {
		for _, unit := range scarceUnits {
			if unit == "output_tokens" && surfaces[i].dialect == llm.Embeddings {
				continue // vectors are no tokens
			}
			for window := range windowsOf {
				f(&surfaces[i], unit, window)
			}
		}
	}
}

type budgetOf struct{ unit, window string }

// checkSpent checks a refusal: status, shape, what its message names, and when
// it says to come again.
func checkSpent(t *testing.T, s *surface, a *Answer, of budgetOf) {
	t.Helper()
	name := of.unit + "-" + of.window
	status := http.StatusTooManyRequests
	if of.unit == "money" {
		status = http.StatusPaymentRequired
	}
	c := a.complaint(t, shapeOf(s.path("", false)))
	if a.Status != status {
		t.Errorf("%s, %s: want %d, got %s", s.name, name, status, a)
	}
	for _, word := range []string{`the limit "` + name + "/" + of.unit + `" of `, "for key " + s.name, "are used or reserved"} {
		if !strings.Contains(c.message, word) {
			t.Errorf("%s, %s: the message %q does not name %q", s.name, name, c.message, word)
		}
	}
	_, ends := windowsOf[of.window].Of(time.Now())
	after := a.Header.Get("Retry-After")
	if ends.IsZero() {
		if after != "" || !strings.Contains(c.message, "doesn't begin anew") {
			t.Errorf("%s, %s: Retry-After %q, %q", s.name, name, after, c.message)
		}
		return
	}
	seconds, err := strconv.Atoi(after)
	if d := time.Until(ends) - time.Duration(seconds)*time.Second; err != nil || d.Abs() > 3*time.Second {
		t.Errorf("%s, %s: Retry-After %q, the window ends in %s", s.name, name, after, time.Until(ends))
	}
	checkLimitHeaders(t, s, a, map[string]bool{of.unit: true})
}

// checkLimitHeaders checks the rate-limit headers of units, in the words of the
// surface's vendor, and that there is one of each.
func checkLimitHeaders(t *testing.T, s *surface, a *Answer, units map[string]bool) {
	t.Helper()
	words := map[string]string{"requests": "X-Ratelimit-%s-Requests", "tokens": "X-Ratelimit-%s-Tokens"}
	if s.dialect == llm.Anthropic {
		words = map[string]string{
			"requests": "Anthropic-Ratelimit-Requests-%s", "tokens": "Anthropic-Ratelimit-Tokens-%s",
			"input_tokens": "Anthropic-Ratelimit-Input-Tokens-%s", "output_tokens": "Anthropic-Ratelimit-Output-Tokens-%s",
		}
	}
	for unit, word := range words {
		if !units[unit] {
			continue
		}
		numbers := map[string]int64{}
		for _, field := range []string{"Limit", "Remaining"} {
			v := a.Header.Values(fmt.Sprintf(word, field))
			if len(v) != 1 {
				t.Errorf("%s, %s: %q in %v", s.name, fmt.Sprintf(word, field), v, a.Header)
				continue
			}
			n, err := strconv.ParseInt(v[0], 10, 64)
			if err != nil || n < 0 {
				t.Errorf("%s, %s: %q", s.name, fmt.Sprintf(word, field), v)
			}
			numbers[field] = n
		}
		if numbers["Remaining"] > numbers["Limit"] {
			t.Errorf("%s, %s: %v", s.name, unit, numbers)
		}
		reset := a.Header.Values(fmt.Sprintf(word, "Reset"))
		if len(reset) != 1 {
			t.Errorf("%s, %s: resets at %q", s.name, unit, reset)
			continue
		}
		_, err := time.ParseDuration(reset[0])
		if s.dialect == llm.Anthropic {
			_, err = time.Parse(time.RFC3339, reset[0])
		}
		if err != nil {
			t.Errorf("%s, %s: %v", s.name, unit, err)
		}
	}
}

// TestClientsLearnOfTheirLimitsInEveryLane looks at successes and refusals,
// where providers tell of limits of their own, too: those give way.
func TestClientsLearnOfTheirLimitsInEveryLane(t *testing.T) {
	t.Parallel()
	text := everySurface() + `
quota: {wait: 1s}
budgets:
  - {name: plenty, per: hour, requests: 1M, tokens: 1000M, input_tokens: 500M, output_tokens: 500M}
  - {name: nothing, keys: [few], per: hour, requests: 0}
`
	text = strings.Replace(text, `models: ["other/*"]`, `models: ["*"]`, 1)
	g := Start(t, Options{Catalog: text, Providers: wardens(), Env: keyring})
	all := map[string]bool{"requests": true, "tokens": true, "input_tokens": true, "output_tokens": true}
	for i := range surfaces {
		for _, w := range ways {
			if w.stream && !surfaces[i].streams() {
				continue
			}
			t.Run(surfaces[i].name+", "+w.name, func(t *testing.T) {
				t.Parallel()
				q := inquiry{surface: &surfaces[i], way: w, text: t.Name(), sim: `{"*":{"headers":{` +
					`"x-ratelimit-limit-requests":"7","x-ratelimit-remaining-requests":"7","x-ratelimit-reset-requests":"7s","x-ratelimit-remaining-tokens":"7",` +
					`"anthropic-ratelimit-requests-limit":"7","anthropic-ratelimit-requests-remaining":"7","anthropic-ratelimit-tokens-remaining":"7"}}}`}
				a := q.put(t, g, q.request())
				if a.Status != http.StatusOK {
					t.Fatal(a)
				}
				checkLimitHeaders(t, q.surface, a, all)
				limit := "X-Ratelimit-Limit-Requests"
				if q.dialect == llm.Anthropic {
					limit = "Anthropic-Ratelimit-Requests-Limit"
				}
				if got := a.Header.Get(limit); got != "1000000" {
					t.Errorf("%s is %q", limit, got)
				}
				a = q.put(t, g, q.request(), q.key(clientKey+"-few")...)
				if a.Status != http.StatusForbidden || !strings.Contains(a.complaint(t, shapeOf(q.path("", false))).message, `Nothing is allowed by the limit "nothing/requests"`) {
					t.Error(a)
				}
				checkLimitHeaders(t, q.surface, a, all)
			})
		}
	}
}

// oneAtATime has a cap of one request under way for each key.
const oneAtATime = pricedCatalog + `
budgets:
  - {name: single, models: ["sim/*"], concurrent: 1}
`

func TestACapOfOneRefusesNobodyWhoWaits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		managed    bool
	}{
		{"of the catalog", oneAtATime, false},
		{"of the directory", pricedCatalog, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := Start(t, Options{Catalog: tt.text, Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}}})
			if tt.managed {
				b := catalog.Budget{Name: "single", Models: []string{"sim/*"}, Limits: []catalog.BudgetLimit{{Unit: catalog.UnitConcurrent, Amount: 1}}}
				if _, err := g.Server.Directory().PutBudget(t.Context(), operator, b); err != nil {
					t.Fatal(err)
				}
			}
			for _, w := range ways {
				refused, n := 0, Scale(20, 500)
				for i := range n {
					if a := g.MustPost(t, question{way: w, text: fmt.Sprint("one by one ", i), sim: `{"*":{"events":3}}`}.body()); a.Status != http.StatusOK {
						refused++
					}
				}
				if refused > 0 {
					t.Errorf("%s: %d of %d requests, one after the other, were refused", w.name, refused, n)
				}
				g.twoAtATime(t, w)
			}
		})
	}
}

// twoAtATime sends a request while another is under way, then leaves that one.
func (g *Gateway) twoAtATime(t *testing.T, w way) {
	t.Helper()
	g.Settled(t, 5*time.Second)
	ctx, leave := context.WithCancel(t.Context())
	before, done := g.asked(), make(chan struct{})
	go func() {
		defer close(done)
		_, _ = g.Post(ctx, question{way: w, text: "slow", sim: `{"*":{"first":"10s"}}`}.body()) // it is left
	}()
	Eventually(t, 5*time.Second, "the first request is under way", func() error {
		if g.asked() == before {
			return errors.New("the provider has not got it")
		}
		return nil
	})
	a := g.MustPost(t, question{way: w, text: "second"}.body())
	g.checkRefused(t, a, http.StatusTooManyRequests, `No more requests at a time: the limit "single/concurrent" of 1 request at a time`)
	if after := a.Header.Get("Retry-After"); after != "1" {
		t.Errorf("%s: Retry-After is %q", w.name, after)
	}
	leave()
	<-done
	began := time.Now()
	Eventually(t, 5*time.Second, w.name+": the place is free again", func() error {
		if a := g.MustPost(t, question{way: w, text: "third", sim: `{"*":{"events":3}}`}.body()); a.Status != http.StatusOK {
			return errors.New(a.String())
		}
		return nil
	})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("%s: after the first client left the place was free after %s", w.name, took)
	}
}
