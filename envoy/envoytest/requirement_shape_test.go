package envoytest

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// shapeOfRequest is a way to ask the gateway for something that a provider does.
type shapeOfRequest struct {
	name, path, body string
}

// everyShape is all of them, by a model's name.
func everyShape() (all []shapeOfRequest) {
	for i := range surfaces {
		s := &surfaces[i]
		for _, stream := range []bool{false, true} {
			if stream && !s.streams() {
				continue
			}
			model := s.name + "/auto"
			shape := shapeOfRequest{name: fmt.Sprintf("%s, stream %t", s.name, stream), path: s.path(model, stream), body: s.body(model, "Hello", stream) + "}"}
			all = append(all, shape)
		}
	}
	gemini := "/v1beta/models/" + url.PathEscape("gemini/auto")
	const contents = `{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}`
	const messages = `{"model":%q,"messages":[{"role":"user","content":"Hello"}]}`
	return append(all,
		shapeOfRequest{"gemini, one array", gemini + ":streamGenerateContent", contents},
		shapeOfRequest{"gemini, count", gemini + ":countTokens", contents},
		shapeOfRequest{"messages, count", "/v1/messages/count_tokens", fmt.Sprintf(messages, "messages/auto")},
		shapeOfRequest{"messages, count that the gateway estimates", "/v1/messages/count_tokens", fmt.Sprintf(messages, "chat/auto")},
		shapeOfRequest{"embeddings, tokens", "/v1/embeddings", `{"model":"embeddings/auto","input":[[1,2,3],[4]]}`},
	)
}

// guarded is a catalog that has, for each shape, keys under limits of several
// units.
func guarded(shapes []shapeOfRequest) string {
	var keys strings.Builder
	add := func(name, key, more string) {
		fmt.Fprintf(&keys, "  - {name: %q, hash: \"sha256:%x\"%s}\n", name, sha256.Sum256([]byte(key)), more)
	}
	add("asleep", clientKey+"-asleep", ", tenant: sleepy")
	add("free", clientKey+"-free", "")
	for i := range shapes {
		for _, unit := range []string{"requests", "tokens", "money"} {
			add(fmt.Sprintf("%s-%d", unit, i), fmt.Sprint(clientKey, unit, i), "")
		}
	}
	text := strings.Replace(everySurface(), "providers:\n", keys.String()+"providers:\n", 1)
	// What has no price is refused under a budget in money, too.
	text = strings.ReplaceAll(text, ", lane: ", ", prices: {input: 1, output: 4}, lane: ")
	return text + `
tenants: {sleepy: {suspended: true}}
quota: {wait: 1s}
budgets:
  - {name: one, keys: ["requests-*"], each: [key], per: day, requests: 1}
  - {name: few, keys: ["tokens-*"], each: [key], per: day, tokens: 0}
  - {name: broke, keys: ["money-*"], each: [key], per: day, money: 0}
`
}

// TestRequirement9GuardsAreOnEveryShape holds each shape to key, allow-list,
// suspension and limits, and looks that none is left out.
func TestRequirement9GuardsAreOnEveryShape(t *testing.T) {
	t.Parallel()
	shapes := everyShape()
	g := Start(t, Options{Catalog: guarded(shapes), Providers: wardens(), Env: keyring})
	for i, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			g.untouched(t, func() {
				s.refused(t, g, "", http.StatusUnauthorized, "API key")
				s.refused(t, g, "dgm_wrong", http.StatusUnauthorized, "not known")
				s.refused(t, g, clientKey+"-few", http.StatusForbidden, "may not use the model")
				s.refused(t, g, clientKey+"-asleep", http.StatusForbidden, "suspended")
				if !strings.Contains(s.name, "count") { // vendors don't charge for that
					s.refused(t, g, fmt.Sprint(clientKey, "tokens", i), http.StatusForbidden, `"few/tokens"`)
					s.refused(t, g, fmt.Sprint(clientKey, "money", i), http.StatusPaymentRequired, `"broke/money"`)
				}
			})
			requests := fmt.Sprint(clientKey, "requests", i)
			if a := s.ask(t, g, requests); a.Status != http.StatusOK {
				t.Fatalf("the first request: %s", a)
			}
			g.untouched(t, func() {
				s.refused(t, g, requests, http.StatusTooManyRequests, `the limit "one/requests" of 1 request a day`)
			})
		})
	}
	g.Settled(t, 10*time.Second)
	g.untouched(t, func() {
		for _, path := range everyPath {
			if !slices.ContainsFunc(shapes, func(s shapeOfRequest) bool { return strings.HasPrefix(s.path, path) && path != "/" }) {
				g.servesNothing(t, path)
			}
		}
	})
}

// ask sends the shape with a key.
func (s *shapeOfRequest) ask(t *testing.T, g *Gateway, key string) *Answer {
	t.Helper()
	a, err := g.Do(t.Context(), http.MethodPost, s.path, s.body, "Authorization", "Bearer "+key)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// refused checks that it is refused with a key, in its clients' words.
func (s *shapeOfRequest) refused(t *testing.T, g *Gateway, key string, status int, word string) {
	t.Helper()
	a := s.ask(t, g, key)
	if a.Status == http.StatusOK {
		t.Errorf("want %d and %q, got %s", status, word, a)
		return
	}
	if c := a.complaint(t, shapeOf(s.path)); a.Status != status || !strings.Contains(c.message, word) {
		t.Errorf("want %d and %q, got %s", status, word, a)
	}
	g.checkDiscreet(t, a)
}

// servesNothing sends a good request of another path, with a good key.
func (g *Gateway) servesNothing(t *testing.T, path string) {
	t.Helper()
	body := question{way: way{model: "chat/auto"}, text: "Hello"}.body()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		a := g.send(t, method, path, body, http.Header{"Authorization": {"Bearer " + clientKey + "-free"}, "Content-Type": {"application/json"}})
		if a.Status == http.StatusOK && !slices.Contains(openPaths, path) {
			t.Errorf("%s %s: %s", method, path, a)
		}
	}
}
