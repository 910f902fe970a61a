package envoytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A provider that sends content and breaks off in one go may be gone before
// Envoy has sent any of it. Whatever becomes of the attempt, the client reads
// an error of its own dialect, or a stream that breaks.
func TestABurstThatBreaksOffIsAnErrorInTheClientsOwnWords(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: anthropic, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
models:
  sim/claude: {targets: [alpha]}
  sim/chat: {targets: [beta]}
`, Providers: stillProviders("alpha", "beta")})
	words := `"Hi [[sim:{\"events\":40,\"tokens_bytes\":20,\"close\":\"mid\"}]]"`
	for _, tt := range []struct{ path, model, shape string }{
		{"/v1/chat/completions", "sim/claude", `"code":`},
		{"/v1/messages", "sim/chat", `"type":"error"`},
	} {
		body := fmt.Sprintf(`{"model":%q,"stream":true,"max_tokens":99,"messages":[{"role":"user","content":%s}]}`, tt.model, words)
		kinds := map[string]int{}
		for range Scale(20, 200) {
			a, err := g.Do(t.Context(), http.MethodPost, tt.path, body)
			switch {
			case err != nil:
				t.Fatal(err)
			case a.Status == http.StatusOK && (a.Err != nil || strings.Contains(string(a.Body), `error`)):
				kinds["a broken stream"]++
			case a.Status == http.StatusOK:
				t.Errorf("%s at %s looks whole: %s", tt.model, tt.path, a)
			case !strings.Contains(string(a.Body), tt.shape) || strings.Contains(string(a.Body), "restart"):
				t.Errorf("%s at %s: %s", tt.model, tt.path, a)
			default:
				kinds[fmt.Sprint(a.Status)]++
			}
		}
		t.Logf("%s at %s: %v", tt.model, tt.path, kinds)
	}
}

// Where nobody has seen a byte of the burst, the next target answers.
func TestABurstThatBreaksOffUnseenGoesOnWithTheNextTarget(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
models:
  sim/leave: {targets: [alpha, beta]}
  sim/translated: {targets: [alpha, beta], lane: translate}
`, Providers: stillProviders("alpha", "beta")})
	for _, model := range []string{"sim/leave", "sim/translated"} {
		for _, fault := range []string{`"close":"mid"`, `"reset":"mid"`} {
			kinds := map[string]int{}
			for range Scale(30, 200) {
				a, err := g.Post(t.Context(), fmt.Sprintf(`{"model":%q,"stream":true,"messages":[{"role":"user","content":"Hi"}],"sim":{"alpha":{"events":40,%s}}}`, model, fault))
				whole := err == nil && a.Status == http.StatusOK && a.Err == nil && strings.HasSuffix(strings.TrimSpace(string(a.Body)), "[DONE]") && !strings.Contains(string(a.Body), `"error"`)
				switch {
				case err != nil:
					t.Fatal(err)
				case whole && a.Header.Get("X-Dragoman-Provider") == "beta" && a.Header.Get("X-Dragoman-Attempts") == "2":
					kinds["the next target's"]++
				case !whole && a.Status == http.StatusOK:
					kinds["a broken stream"]++
				default:
					t.Errorf("%s with %s: %s", model, fault, a)
				}
			}
			t.Logf("%s with %s: %v", model, fault, kinds)
		}
	}
}
