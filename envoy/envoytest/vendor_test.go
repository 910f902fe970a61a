package envoytest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// All attempts of a request share its headers, so what the first attempt sets or
// removes for its vendor must not reach, or be missing at, the second one's.
func TestVendorHeadersReachTheirOwnVendorWhateverWasTriedBefore(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: anthropic, base_url: "{{url "beta"}}"}
models:
  sim/gpt-first: {targets: [alpha, beta]}
  sim/claude-first: {targets: [beta, alpha]}
`, Providers: []simulator.Config{{Name: "alpha", Record: 64}, {Name: "beta", Record: 64}}})
	const version, betas = "2023-06-01", "context-1m-2025-08-07"
	for _, tt := range []struct {
		path, model, first, second string
		version, betas             string // at the second target
	}{
		{"/v1/messages", "sim/gpt-first", "alpha", "beta", version, betas},
		{"/v1/chat/completions", "sim/claude-first", "beta", "alpha", "", ""},
	} {
		for _, stream := range []bool{false, true} {
			words := fmt.Sprintf("%s, a stream: %t", tt.path, stream)
			body := fmt.Sprintf(`{"model":%q,"stream":%t,"max_tokens":99,"messages":[{"role":"user","content":[{"type":"text","text":%q},{"type":"text","text":"[[sim:{\"%s\":{\"status\":503}}]]"}]}]}`,
				tt.model, stream, words, tt.first)
			headers := []string{"Anthropic-Version", version, "Anthropic-Beta", betas}
			if tt.version == "" {
				headers = nil
			}
			a, err := g.Do(t.Context(), http.MethodPost, tt.path, body, headers...)
			if err != nil || a.Status != http.StatusOK || a.Header.Get("X-Dragoman-Provider") != tt.second {
				t.Errorf("%s: %v, %s", words, err, a)
				continue
			}
			calls := g.calls(tt.second, words)
			if len(calls) != 1 {
				t.Fatalf("%s: %d calls", words, len(calls))
			}
			h := calls[0].Header
			if h.Get("Anthropic-Version") != tt.version || h.Get("Anthropic-Beta") != tt.betas {
				t.Errorf("%s: the second target saw version %q, betas %q", words, h.Get("Anthropic-Version"), h.Get("Anthropic-Beta"))
			}
		}
	}
}
