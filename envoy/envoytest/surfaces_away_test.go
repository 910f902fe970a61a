package envoytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestEverySurfaceGetsItsOwn503WhileExtProcIsAway kills ext_proc: what Envoy
// answers in its stead is an error that the surface's clients can read.
func TestEverySurfaceGetsItsOwn503WhileExtProcIsAway(t *testing.T) {
	t.Parallel()
	text := "open: true\nlisten: {port: {{port}}}\nproviders:\n  alpha: {dialect: openai, base_url: \"{{url \"alpha\"}}\"}\nmodels:\n"
	for _, s := range surfaces {
		for _, lane := range []string{"auto", "leave", "translate"} {
			text += fmt.Sprintf("  %s/%s: {targets: [alpha], lane: %s}\n", s.name, lane, lane)
		}
	}
	g := Start(t, Options{Child: true, Catalog: text})
	g.Child.Kill()
	for i := range surfaces {
		for _, w := range ways {
			if w.stream && !surfaces[i].streams() {
				continue
			}
			q := inquiry{surface: &surfaces[i], way: w, text: t.Name()}
			path := q.path(q.modelName(), q.stream)
			a, err := g.Do(t.Context(), http.MethodPost, path, q.request())
			if err != nil {
				t.Fatal(err)
			}
			c := a.complaint(t, shapeOf(path))
			if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(c.message, "try again") {
				t.Errorf("%s, %s: %s %v", q.surface.name, w.name, a, a.Header)
			}
			g.checkDiscreet(t, a)
		}
	}
	// Google's client takes its API's other version, too.
	for _, verb := range []string{"generateContent", "streamGenerateContent?alt=sse", "countTokens"} {
		a, err := g.Do(t.Context(), http.MethodPost, "/v1/models/gemini:"+verb, "{}")
		if err != nil {
			t.Fatal(err)
		}
		a.complaint(t, errorShapes.gemini)
	}
	if n := g.asked(); n != 0 {
		t.Errorf("providers got %d requests", n)
	}
}
