package envoytest

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// TestRequirement8BudgetsHoldAtOnceAndAgainstNonsense reserves before it asks,
// for all at once, and believes no provider that counts backwards or without
// end.
func TestRequirement8BudgetsHoldAtOnceAndAgainstNonsense(t *testing.T) {
	t.Parallel()
	text := pricedCatalog + `
quota: {wait: 1s}
budgets:
  - {name: ten, models: ["sim/chat"], per: total, requests: 10}
`
	g := Start(t, Options{Catalog: text, Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}}})
	var passed, refused atomic.Int64
	atOnce(60, 60, func(int) {
		a, err := g.Post(t.Context(), question{way: ways[0], text: "Hello", sim: `{"*":{"first":"50ms"}}`}.body())
		switch {
		case err != nil:
			t.Error(err)
		case a.Status == http.StatusOK:
			passed.Add(1)
		case a.Status == http.StatusTooManyRequests:
			refused.Add(1)
		default:
			t.Error(a)
		}
	})
	if passed.Load() != 10 || refused.Load() != 50 {
		t.Errorf("of 60 requests at once under a limit of 10, %d passed and %d were refused", passed.Load(), refused.Load())
	}
	for _, w := range ways[1:] {
		for _, usage := range []string{`"prompt_tokens":-1000000,"completion_tokens":-1000000`, `"prompt_tokens":9000000000000000000,"completion_tokens":9000000000000000000`} {
			a := g.MustPost(t, question{way: w, text: "Hello", sim: `{"*":{"usage":{` + usage + `}}}`}.body())
			r := g.Generation(t, a.Header.Get("X-Dragoman-Generation"))
			if !r.Estimated || r.Cost <= 0 || r.Cost > 10_000_000 || r.Usage.Input.Or(0) <= 0 || r.Usage.Output.Or(0) <= 0 {
				t.Errorf("%s, %s: cost %d, usage %v, estimated %t", w.name, usage, r.Cost, r.Usage, r.Estimated)
			}
		}
	}
}

// TestRequirement8NumbersOutOfBoundsAreRefused asks for less than nothing and
// for more than there is.
func TestRequirement8NumbersOutOfBoundsAreRefused(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: everySurface() + "budgets:\n  - {name: money, per: total, money: 9000000}\n", Providers: wardens(), Env: keyring})
	wild := []string{"-1", "-9223372036854775808", "1e300", "1.5", "99999999999999999999", "9223372036854775807", "NaN", "Infinity", "-0.5", `"10"`, "true", "[]"}
	for name, member := range map[string][]string{
		"chat":      {`"max_tokens":%s`, `"max_completion_tokens":%s`, `"n":%s`},
		"responses": {`"max_output_tokens":%s`},
		"gemini":    {`"generationConfig":{"maxOutputTokens":%s}`, `"generationConfig":{"candidateCount":%s}`},
		"messages":  {`"max_tokens":%s`},
	} {
		s := surfaceNamed(t, name)
		for _, w := range ways {
			q := inquiry{surface: s, way: w, text: "wild"}
			for _, m := range member {
				for _, number := range wild {
					if name == "gemini" && (number == `"10"`) {
						continue // protobuf's JSON writes integers so, too
					}
					g.untouched(t, func() {
						body := strings.Replace(q.surface.body(q.modelName(), q.text, q.stream), `"max_tokens":500,`, "", 1) + "," + fmt.Sprintf(m, number) + "}"
						if a := q.put(t, g, body); a.Status != http.StatusBadRequest {
							t.Errorf("%s, %s, %s: %s", name, w.name, fmt.Sprintf(m, number), a)
						}
					})
				}
			}
		}
	}
}
