package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
)

func get(h http.Handler, path, host, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhoMaySeeWhat(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "seen_total", Help: "A metric."}))
	extra := map[string]http.Handler{"/sim/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })}
	ready := func() []string { return nil }
	local := Handler(Config{Unready: ready, Metrics: reg, Loopback: true, Extra: extra})
	remote := Handler(Config{Unready: ready, Metrics: reg, Token: credential.NewSecret("s3cret"), Extra: extra})
	closed := Handler(Config{Unready: ready, Metrics: reg, Extra: extra})
	tests := []struct {
		name, path, host, token string
		h                       http.Handler
		want                    int
	}{
		{"health is open", "/healthz", "gateway.example", "", remote, 200},
		{"readiness is open", "/readyz", "gateway.example", "", remote, 200},
		{"metrics on loopback", "/metrics", "127.0.0.1:9910", "", local, 200},
		{"metrics by a name that only resolves to loopback", "/metrics", "evil.example:9910", "", local, 401},
		{"metrics elsewhere without a token", "/metrics", "127.0.0.1:9910", "", remote, 401},
		{"metrics with another token", "/metrics", "gateway.example", "s3cre", remote, 401},
		{"metrics with the token", "/metrics", "gateway.example", "s3cret", remote, 200},
		{"no token configured lets nobody in", "/metrics", "gateway.example", "", closed, 401},
		{"further handlers are guarded alike", "/sim/alpha", "gateway.example", "", remote, 401},
		{"further handlers with the token", "/sim/alpha", "gateway.example", "s3cret", remote, 204},
		{"anything else", "/debug/pprof/", "127.0.0.1", "", local, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := get(tt.h, tt.path, tt.host, tt.token)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d: %s", w.Code, tt.want, w.Body)
			}
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Errorf("the token is in the answer: %s", w.Body)
			}
		})
	}
}

func TestReadinessSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := Handler(Config{Unready: func() []string { return []string{"extproc: no routes"} }, Metrics: prometheus.NewRegistry()})
	if w := get(h, "/readyz", "x", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "no routes") || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := get(h, "/healthz", "x", ""); w.Code != 200 {
		t.Errorf("a process that is not ready is still alive: %d", w.Code)
	}
}
