package envoytest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAClientOverridesTheChain(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(noon)})
	const broken = `{"status":500}`
	for _, c := range []struct {
		name, options, sim string
		provider, attempts string
		calls              []int
	}{
		{"order begins with gamma", `"order":["gamma"]`, ``, "gamma", "1", []int{0, 0, 1}},
		{"order begins with gamma, which fails", `"order":["gamma"]`, `"gamma":` + broken, "alpha", "2", []int{1, 0, 1}},
		{"order turns the chain round", `"order":["gamma","beta","alpha"]`, `"gamma":` + broken + `,"beta":` + broken, "alpha", "3", []int{1, 1, 1}},
		{"order names who does not exist", `"order":["nobody","beta"]`, ``, "beta", "1", []int{0, 1, 0}},
		{"only beta", `"only":["beta"]`, ``, "beta", "1", []int{0, 1, 0}},
		{"only two of three", `"only":["gamma","beta"]`, `"beta":` + broken, "gamma", "2", []int{0, 1, 1}},
		{"only with an order", `"only":["gamma","beta"],"order":["gamma"]`, `"gamma":` + broken, "beta", "2", []int{0, 1, 1}},
		{"nothing", ``, ``, "alpha", "1", []int{1, 0, 0}},
	} {
		for _, w := range ways {
			t.Run(w.name+", "+c.name, func(t *testing.T) {
				t.Parallel()
				q := question{
					way: w, text: t.Name(), sim: "{" + c.sim + "}",
					extra: `,"providerOptions":{"gateway":{` + c.options + `}}`,
				}
				g.MustPost(t, q.body()).checkServed(t, c.provider, c.attempts)
				g.checkCalls(t, q.text, c.calls...)
			})
		}
	}
}

func TestOnlyTheTargetsThatTheClientAllowsAreTried(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			q := question{
				way: w, text: t.Name(), sim: `{"beta":{"status":401},"gamma":{"status":401}}`,
				extra: `,"providerOptions":{"gateway":{"only":["beta","gamma"]}}`,
			}
			if a := g.MustPost(t, q.body()); a.Status != http.StatusBadGateway || a.Header.Get("X-Dragoman-Attempts") != "2" {
				t.Errorf("want the verdict of two attempts, got %s", a)
			}
			g.checkCalls(t, q.text, 0, 1, 1)
		})
	}
}

func TestAFallbackModelServesWhenTheFirstModelCannot(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{
		Catalog:   DefaultCatalog + modelsFor("[alpha]", "first") + modelsFor("[{provider: beta, id: vendor-spare}]", "spare"),
		Providers: recording(noon),
	})
	for _, w := range ways {
		spare := modelFor(w, "spare")
		_, bare, _ := strings.Cut(spare, "/")
		for name, extra := range map[string]string{
			"models":                         `,"models":["` + spare + `"]`,
			"providerOptions.gateway.models": `,"providerOptions":{"gateway":{"models":["` + spare + `"]}}`,
			"both alike":                     `,"models":["` + spare + `"],"providerOptions":{"gateway":{"models":["` + spare + `"]}}`,
			"the first model too":            `,"models":["` + modelFor(w, "first") + `","` + spare + `"]`,
			"a bare name":                    `,"models":["` + bare + `"]`,
		} {
			t.Run(w.name+", "+name, func(t *testing.T) {
				t.Parallel()
				w.model = modelFor(w, "first")
				g.fallsBack(t, question{way: w, text: t.Name(), sim: `{"alpha":{"status":500}}`, extra: extra}, spare)
			})
		}
	}
}

// fallsBack asks for a model whose only target fails: the spare model serves,
// and the answer says so.
func (g *Gateway) fallsBack(t *testing.T, q question, spare string) {
	t.Helper()
	a := g.MustPost(t, q.body())
	a.checkServed(t, "beta", "2")
	g.checkCalls(t, q.text, 1, 1)
	if got := a.Header.Get("X-Dragoman-Model"); got != spare {
		t.Errorf("the header names %s, want %s", got, spare)
	}
	inBody := "vendor-spare" // the provider's bytes
	if !q.untouched {
		inBody = spare
	}
	if !strings.Contains(string(a.Body), `"model":"`+inBody+`"`) {
		t.Errorf("want the model %s in the answer, got %s", inBody, a)
	}
	q.text, q.sim = q.text+" again", ""
	if a = g.MustPost(t, q.body()); a.Header.Get("X-Dragoman-Model") != q.model {
		t.Errorf("alpha serves %s itself, got %s", q.model, a.Header.Get("X-Dragoman-Model"))
	}
}

func TestProvidersNeverSeeTheClientsOverrides(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	for _, w := range ways {
		for name, extra := range map[string]string{
			"behind": `,"seed":7,"models":["sim/solo"],"user":"u","providerOptions":{"gateway":{"order":["beta"],"tags":["t"],"user":"me"},"other":{"x":1}}`,
			"models": `,"models":["sim/solo"],"seed":7,"user":"u"`,
			"none":   `,"seed":7,"user":"u"`,
		} {
			t.Run(w.name+", "+name, func(t *testing.T) {
				t.Parallel()
				q := question{way: w, text: t.Name(), sim: `{"alpha":{"status":500},"beta":{"status":500}}`, extra: extra}
				g.MustPost(t, q.body()).checkServed(t, "gamma", "3")
				for _, provider := range []string{"alpha", "beta", "gamma"} {
					g.checkSeen(t, provider, q)
				}
			})
		}
	}
}

// checkSeen compares the one request that a provider received with the
// client's, which has a seed and a user.
func (g *Gateway) checkSeen(t *testing.T, provider string, q question) {
	t.Helper()
	calls := g.calls(provider, q.text)
	if len(calls) != 1 {
		t.Fatalf("%d calls at %s, want 1", len(calls), provider)
	}
	var got, want map[string]any
	q.extra = `,"seed":7,"user":"u"`
	if q.stream {
		q.extra += `,"stream_options":{"include_usage":true}`
	}
	if err := errors.Join(json.Unmarshal(calls[0].Body, &got), json.Unmarshal([]byte(q.body()), &want)); err != nil {
		t.Fatalf("%v: %s", err, calls[0].Body)
	}
	want["model"] = strings.TrimPrefix(q.model, "sim/")
	if !q.stream {
		// Saying that no stream is wanted, or nothing, is the same.
		delete(want, "stream")
		delete(got, "stream")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s received (-want +got):\n%s", provider, diff)
	}
}

func TestOverridesThatMakeNoSenseAreTheClientsError(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	for _, c := range []struct {
		name, extra string
		status      int
		param       string
	}{
		{"only names nobody", `"providerOptions":{"gateway":{"only":["nobody"]}}`, 400, "providerOptions.gateway.only"},
		{"only names somebody and nobody", `"providerOptions":{"gateway":{"only":["beta","nobody"]}}`, 400, "providerOptions.gateway.only"},
		{"an unknown fallback model", `"models":["sim/none"]`, 404, "providerOptions.gateway.models"},
		{"lists that contradict each other", `"models":["sim/solo"],"providerOptions":{"gateway":{"models":["sim/leave"]}}`, 400, "models"},
		{"an unknown option", `"providerOptions":{"gateway":{"onlly":["beta"]}}`, 400, "providerOptions.gateway.onlly"},
		{"a sort that is not there", `"providerOptions":{"gateway":{"sort":"ttft"}}`, 400, "providerOptions.gateway.sort"},
		{"an order that is no list", `"providerOptions":{"gateway":{"order":"beta"}}`, 400, "providerOptions.gateway.order"},
		{"models that are no list", `"models":"sim/solo"`, 400, "models"},
		{"options that are no object", `"providerOptions":{"gateway":true}`, 400, "providerOptions.gateway"},
		{"options twice", `"providerOptions":{},"providerOptions":{"gateway":{"only":["beta"]}}`, 400, "providerOptions"},
		{"options in other letters", `"ProviderOptions":{"gateway":{"only":["beta"]}}`, 400, "providerOptions"},
	} {
		for _, w := range ways {
			t.Run(w.name+", "+c.name, func(t *testing.T) {
				t.Parallel()
				q := question{way: w, text: t.Name(), extra: "," + c.extra}
				a := g.MustPost(t, q.body())
				p := a.problem(t)
				if a.Status != c.status || p.Error.Param == nil || *p.Error.Param != c.param {
					t.Errorf("want %d for %s, got %s", c.status, c.param, a)
				}
				if n := a.Header.Get("X-Dragoman-Attempts"); len(p.Error.Attempts) > 0 || n != "" && n != "0" || a.Header.Get("X-Dragoman-Provider") != "" {
					t.Errorf("something was attempted: %s", a)
				}
				g.checkCalls(t, q.text, 0, 0, 0)
			})
		}
	}
}
