package envoytest

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func TestEveryMethodOnEveryPathGetsAnAnswer(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{})
	const read, write, none = "GET, HEAD", "POST", ""
	for _, tt := range []struct {
		path    string
		allowed string // methods that are served; "" = none is
		refusal int    // of the others
	}{
		{"/v1/chat/completions", write, 405},
		{"/v1/chat/completions?a=b", write, 405},
		{"/v1/chat/completions/", none, 404},
		{"/v1/chat/completions/chatcmpl-1", none, 404},
		{"/v1/models", read, 405},
		{"/v1/models/sim/chat", read, 405},
		{"/v1/models/sim%2Fchat", read, 405},
		{"/v1/models/nobody", none, 404},
		{"/healthz", "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, TRACE", 0},
		{"/readyz", "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, TRACE", 0},
		{"/v1/completions", none, 404},
		{"/v1/edits", none, 404},
		{"/v1/engines/davinci/completions", none, 404},
		{"/v1/responses", write, 405},
		{"/v1/responses/resp_1", none, 404},
		{"/v1/messages", write, 405},
		{"/v1/messages/count_tokens", write, 405},
		{"/v1/messages/batches", none, 501},
		{"/v1/embeddings", write, 405},
		{"/v1/realtime?model=sim/chat", none, 501},
		{"/v1/images/generations", none, 501},
		{"/v1/audio/speech", none, 501},
		{"/v1beta/models", read, 405},
		{"/v1beta/models/sim/chat", read, 405},
		{"/v1beta/models/sim/chat:generateContent", write, 405},
		{"/v1beta/models/sim%2Fchat:streamGenerateContent", write, 405},
		{"/v1beta/models/sim/chat:countTokens", write, 405},
		{"/v1beta/models/sim/chat:embedContent", none, 501},
		{"/v1beta/files", none, 501},
		{"/", none, 404},
		{"/v1", none, 404},
		{"/v2/chat/completions", none, 404},
		{"/admin", none, 404},
		{"/metrics", none, 404},
		{"/config_dump", none, 404},
		{"/favicon.ico", none, 404},
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"} {
			body := ""
			if method == "POST" || method == "PUT" || method == "PATCH" {
				body = bodyFor(tt.path)
			}
			a := g.send(t, method, tt.path, body, http.Header{"Content-Type": {"application/json"}})
			served := bytes.Contains([]byte(", "+tt.allowed+","), []byte(", "+method+","))
			status := tt.refusal
			if tt.path == "/v1/models/nobody" && method != "GET" && method != "HEAD" {
				status = http.StatusMethodNotAllowed
			}
			name := method + " " + tt.path
			switch {
			case served && a.Status != http.StatusOK:
				t.Errorf("%s: %s", name, a)
			case !served && a.Status != status:
				t.Errorf("%s: want %d, got %s", name, status, a)
			case a.Header.Get("Content-Type") != "application/json":
				t.Errorf("%s: content type %q", name, a.Header.Get("Content-Type"))
			case method == "HEAD" && len(a.Body) > 0:
				t.Errorf("%s: has a body: %s", name, a)
			case !served && method != "HEAD":
				if a.complaint(t, shapeOf(tt.path)); a.Status != status {
					t.Errorf("%s: want %d, got %s", name, status, a)
				}
				g.checkDiscreet(t, a)
			}
			if a.Status == http.StatusMethodNotAllowed && a.Header.Get("Allow") == "" {
				t.Errorf("%s: 405 without the header allow", name)
			}
		}
	}
	const generating = 7 // POSTs; those that count tokens are estimated
	if n := g.asked(); n != generating {
		t.Errorf("providers got %d requests, want one for each of %d POSTs", n, generating)
	}
}

// bodyFor is a good request for a path; where nothing is served it is one for
// chat completions.
func bodyFor(path string) string {
	for _, s := range surfaces {
		plain := strings.Contains(path, ":") || strings.HasPrefix(path, s.path("", false))
		if plain && strings.HasPrefix(shapeOf(path).name, shapeOf(s.path("", false)).name) {
			return s.body("sim/chat", "Hello", false) + "}"
		}
	}
	return question{way: ways[0], text: "Hello"}.body()
}
