package envoytest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/sqlite"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// pricedCatalog has a dollar a million tokens of input and four of output, a
// tenth of input's for what a cache gives.
const pricedCatalog = `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
models:
  sim/chat: {targets: [alpha, beta], prices: {input: 1, output: 4, cache_read: 0.1}}
  sim/leave: {targets: [alpha, beta], lane: leave, prices: {input: 1, output: 4, cache_read: 0.1}}
  sim/translated: {targets: [alpha, beta], lane: translate, prices: {input: 1, output: 4, cache_read: 0.1}}
  sim/unpriced: {targets: [alpha]}
  sim/embedding: {targets: [alpha, beta], prices: {input: 1}, capabilities: [embeddings]}
`

// Generations reads what is recorded.
func (g *Gateway) Generations(tb testing.TB) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.OpenExisting(tb.Context(), filepath.Join(g.State(), extproc.DatabaseFile))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Generation waits for an exchange's record.
func (g *Gateway) Generation(tb testing.TB, id string) (r *generation.Record) {
	tb.Helper()
	parsed, err := generation.ParseID(id)
	if err != nil {
		tb.Fatal(err)
	}
	s := g.Generations(tb)
	Eventually(tb, 20*time.Second, "the exchange "+id+" is recorded", func() error {
		r, err = s.Get(tb.Context(), parsed, generation.View{All: true})
		return err
	})
	return r
}

func TestEveryLaneCostsWhatItUsed(t *testing.T) {
	t.Parallel()
	const script = `{"*":{"usage":{"prompt_tokens":1000,"cached_tokens":300,"completion_tokens":20,"reasoning_tokens":5}}}`
	// 700 × 1,000 + 300 × 100 + 20 × 4,000 nano-dollars
	const cost = 810_000
	g := Start(t, Options{Catalog: pricedCatalog, Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}}})
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			a := g.MustPost(t, fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"Hi"}],"sim":%s}`, w.model, w.stream, script))
			r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
			if r.Cost != cost || r.Market != cost || !r.Priced || r.Estimated || r.Unobserved {
				t.Errorf("cost %d, market %d, priced %t, estimated %t, unobserved %t", r.Cost, r.Market, r.Priced, r.Estimated, r.Unobserved)
			}
			if r.Served != w.model || r.Provider != "alpha" || r.Status != 200 || r.Stream != w.stream || len(r.Attempts) != 1 || r.FirstToken <= 0 || r.Took < r.FirstToken {
				t.Errorf("record %+v", r)
			}
			if r.Finish != "stop" {
				t.Errorf("it ended because of %q", r.Finish)
			}
			answer, err := g.Do(t.Context(), http.MethodGet, "/v1/generation?id="+r.ID.String(), "")
			var said struct{ Data map[string]any }
			if err = errors.Join(err, json.Unmarshal(answer.Body, &said)); err != nil || said.Data["total_cost"] != 0.00081 || said.Data["native_tokens_cached"] != 300.0 {
				t.Errorf("/v1/generation: %s, %v", answer, err)
			}
		})
	}
}

func TestEveryAttemptsCostIsKept(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: pricedCatalog, Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}}})
	for _, w := range ways {
		a := g.MustPost(t, fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"Hi"}],"sim":%s}`, w.model, w.stream,
			`{"alpha":{"status":500},"*":{"usage":{"prompt_tokens":1000,"completion_tokens":10}}}`))
		r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
		if r.Cost != 1_040_000 || r.Provider != "beta" || len(r.Attempts) != 2 || r.Attempts[0].Reason != "provider_error" || r.Attempts[0].Cost != 0 || r.Attempts[1].Cost != r.Cost {
			t.Errorf("%s: %+v", w.name, r)
		}
	}
	a := g.MustPost(t, `{"model":"sim/unpriced","messages":[{"role":"user","content":"Hi"}]}`)
	if r := g.Generation(t, a.Header.Get("X-Dragoman-Generation")); r.Priced || r.Cost != 0 || !r.Usage.Known() {
		t.Errorf("a model without a price: %+v", r)
	}
}

// TestAbortsAtEveryEventAreChargedForWhatCame opens streams and leaves them
// after each number of events.
func TestAbortsAtEveryEventAreChargedForWhatCame(t *testing.T) {
	t.Parallel()
	const events, prompt = 12, 50
	g := Start(t, Options{Catalog: pricedCatalog, Providers: []simulator.Config{{Name: "alpha", Record: 200}, {Name: "beta"}}})
	ask := func(model string, after int) string { return g.leaveAfter(t, model, after, events) }
	for _, model := range []string{"sim/leave", "sim/translated"} {
		for range 12 { // whole ones teach what a token takes
			g.Generation(t, ask(model, -1))
		}
		for after := 1; after <= events; after++ {
			r := g.Generation(t, ask(model, after))
			// What the gateway can see of a stream whose client left are its
			// bytes: the role chunk and some of the events.
			out := r.Usage.Output.Or(0)
			if r.Aborted && out != events && (out < llm.Tokens(after)-2 || out > llm.Tokens(after)+4 || !r.Estimated) {
				t.Errorf("%s, left after %d events: %d tokens of output, estimated %t", model, after, out, r.Estimated)
			}
			if !r.Aborted && after < events {
				t.Errorf("%s, left after %d events: the record knows of no leaving", model, after)
			}
			if want := llm.NanoUSD(r.Usage.Input.Or(0))*1000 + llm.NanoUSD(out)*4000; r.Cost != want || r.Usage.Input.Or(0) == 0 {
				t.Errorf("%s, left after %d events: cost %d, want %d for %v", model, after, r.Cost, want, r.Usage)
			}
		}
	}
	for _, r := range g.Fleet.Provider("alpha").Records() {
		if !r.Gone.IsZero() && r.Ended.Sub(r.Gone) > time.Second {
			t.Errorf("the provider noticed a leaving %s late", r.Ended.Sub(r.Gone))
		}
	}
}

// leaveAfter reads so many events of a stream and leaves it; -1 reads all. It
// gives the exchange's id.
func (g *Gateway) leaveAfter(t *testing.T, model string, after, events int) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	script := fmt.Sprintf(`{"*":{"events":%d,"pause":"10ms"}}`, events)
	if after < 0 {
		script = fmt.Sprintf(`{"*":{"events":%d}}`, events)
	}
	body := fmt.Sprintf(`{"model":%q,"stream":true,"messages":[{"role":"user","content":"Tell me more."}],"sim":%s}`, model, script)
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	rq.Header.Set("Content-Type", "application/json")
	resp, err := g.Client.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(resp.Body)
	for seen := 0; (after < 0 || seen <= after) && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data: ") {
			seen++
		}
	}
	return resp.Header.Get("X-Dragoman-Generation")
}

// TestUsageBehindALargeFinishIsCounted has the finish come at the end of pieces
// of every size about those that guards keep, and the usage in a piece of its own.
func TestUsageBehindALargeFinishIsCounted(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: pricedCatalog, Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}}})
	for _, size := range []int{100, 8000, 16_000, 16_384, 20_000, 60_000} {
		a := g.MustPost(t, fmt.Sprintf(`{"model":"sim/leave","stream":true,"messages":[{"role":"user","content":"Hi"}],"sim":{"*":{"events":1,"tokens_bytes":%d,"batch":3}}}`, size))
		if r := g.Generation(t, a.Header.Get("X-Dragoman-Generation")); r.Estimated || r.Usage.Output.Or(0) == 0 || r.Finish != "stop" {
			t.Errorf("a finish behind %d bytes: estimated %t, ended because of %q, %v", size, r.Estimated, r.Finish, r.Usage)
		}
	}
}

// TestLargeAnswersAreCounted has answers in one piece that nobody holds whole:
// more than 32 KiB in an attempt, more than 256 KiB in the express lane.
func TestLargeAnswersAreCounted(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: pricedCatalog, Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}}})
	check := func(what string, a *Answer) {
		t.Helper()
		r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
		if r.Estimated || r.Unobserved || r.Usage.Input.Or(0) != 1000 || r.Cost == 0 {
			t.Errorf("%s: %d bytes, estimated %t, unobserved %t, cost %d, %v", what, len(a.Body), r.Estimated, r.Unobserved, r.Cost, r.Usage)
		}
	}
	const usage = `"usage":{"prompt_tokens":1000,"completion_tokens":20}`
	for _, size := range []int{100, 32_000, 33_000, 40_000, 250_000, 300_000, 3_000_000} {
		for _, more := range []string{"", `,"chunked":true`} {
			for _, model := range []string{"sim/chat", "sim/leave", "sim/translated"} {
				// With another target's failure before it, no lane is express.
				for _, before := range []string{"", `"alpha":{"status":500},`} {
					script := fmt.Sprintf(`{%s"*":{"size":%d,%s%s}}`, before, size, usage, more)
					what := fmt.Sprint(model, " ", script)
					check(what, g.MustPost(t, fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Hi"}],"sim":%s}`, model, script)))
				}
			}
		}
	}
	inputs, err := json.Marshal(slices.Repeat([]string{"a text"}, 100))
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{"", `"alpha":{"status":500},`} {
		a, err := g.Do(t.Context(), http.MethodPost, "/v1/embeddings", fmt.Sprintf(`{"model":"sim/embedding","input":%s,"sim":{%s"*":{%s}}}`, inputs, before, usage))
		if err != nil || a.Status != http.StatusOK || len(a.Body) < 300_000 {
			t.Fatalf("vectors: %s, %v", a, err)
		}
		check("vectors"+before, a)
	}
}

func TestContentsAreKeptOnlyWhereTheOperatorWantsThem(t *testing.T) {
	t.Parallel()
	for _, wanted := range []bool{false, true} {
		g := Start(t, Options{
			Catalog: pricedCatalog + fmt.Sprintf("generations: {contents: %t}\n", wanted), Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}},
		})
		for _, w := range ways {
			a := g.MustPost(t, fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"What is a qanat?"}],"sim":{"*":{"text":"A channel under ground."}}}`, w.model, w.stream))
			r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
			kept := r.Contents != nil && strings.Contains(r.Contents.Request, "a qanat?") && r.Contents.Answer == string(a.Body)
			if kept != wanted || !wanted && r.Contents != nil {
				t.Errorf("%s, contents wanted: %t: %+v of %s", w.name, wanted, r.Contents, a)
			}
		}
	}
}
