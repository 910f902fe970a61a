package envoytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// A name that nobody resolves is a failure like any other, in every lane.
func TestAProviderWhoseNameDoesNotResolveIsPassedOver(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: `
open: true
listen: {port: {{port}}}
providers:
  lost: {dialect: openai, base_url: "https://nowhere.invalid/v1"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
models:
  sim/chat: {targets: [{provider: lost, id: m}, {provider: beta, id: m}]}
  sim/leave: {targets: [{provider: lost, id: m}, {provider: beta, id: m}], lane: leave}
  sim/lost: {targets: [{provider: lost, id: m}]}
`, Providers: []simulator.Config{{Name: "beta"}}})
	for range 3 {
		for _, model := range []string{"sim/chat", "sim/leave"} {
			for _, stream := range []bool{false, true} {
				for path, more := range map[string]string{"/v1/chat/completions": "", "/v1/messages": `,"max_tokens":50`} {
					a, err := g.Do(t.Context(), http.MethodPost, path, fmt.Sprintf(`{"model":%q,"stream":%t,"messages":[{"role":"user","content":"Hi"}]%s}`, model, stream, more))
					if err != nil || a.Status != http.StatusOK || a.Header.Get("X-Dragoman-Provider") != "beta" || a.Header.Get("X-Dragoman-Attempts") != "2" {
						t.Errorf("%s at %s, stream %t: %s, %v", model, path, stream, a, err)
					}
				}
			}
		}
		if a := g.MustPost(t, `{"model":"sim/lost","messages":[{"role":"user","content":"Hi"}]}`); a.Status != http.StatusServiceUnavailable && a.Status != http.StatusBadGateway || !strings.Contains(string(a.Body), "lost") {
			t.Errorf("alone: %s", a)
		}
	}
}
