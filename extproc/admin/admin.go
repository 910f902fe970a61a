// Package admin is the operator's HTTP listener: health, readiness, metrics,
// and the API for what is managed while the gateway runs.
//
// Promises: /healthz and /readyz are open and say only ok or what is not
// ready; /metrics is open when the listener is on loopback, else it wants the
// admin token. The API below /api/v1/ wants the token always, before it looks
// at anything else of a request; it reads JSON strictly and says which field is
// wrong; every write is in the audit trail. A key's secret is in the answer that
// makes it and nowhere after.
//
// Refuses: request contents, secrets in answers and errors, pprof on any
// address but loopback, pages of other sites in the operator's browser.
//
// Concurrency: handlers hold no state of their own but the number of requests
// that lacked the token, which is logged once a second at most.
package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
)

// Config is what the admin listener serves.
type Config struct {
	// Unready says what is not ready, by part; none = ready.
	Unready func() []string
	Metrics prometheus.Gatherer
	// Token guards /metrics and the extra handlers unless Loopback.
	Token    credential.Secret
	Loopback bool
	// Extra are further handlers by pattern, guarded as /metrics is.
	Extra map[string]http.Handler
	// API is what is managed here; nil: this process manages nothing.
	API *API
	// Logger hears of requests that lack the token; nil: nobody does.
	Logger *slog.Logger
}

// listener is a Config at work.
type listener struct {
	Config
	refused refusals
}

// Handler serves the admin listener.
func Handler(config Config) http.Handler {
	c := &listener{Config: config, refused: refusals{log: config.Logger}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := c.Unready(); len(why) > 0 {
			answer(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": why})
			return
		}
		answer(w, http.StatusOK, map[string]any{"status": "ok"})
	})
	mux.Handle("GET /metrics", c.guard(promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{})))
	for pattern, h := range c.Extra {
		mux.Handle(pattern, c.guard(h))
	}
	if c.API != nil {
		mux.Handle(apiRoot, c.guardAPI(c.API.handler()))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, map[string]any{"error": "unknown path; this listener serves /healthz, /readyz, /metrics and, below /api/v1/, what is managed"})
	})
	return mux
}

// guard lets requests through that carry the token, or all on loopback. A
// browser page cannot use a loopback listener: its Host would not be one.
func (c *listener) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.Loopback && loopbackHost(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		if !c.carriesToken(r) {
			c.refused.note(r)
			answer(w, http.StatusUnauthorized, map[string]any{"error": "send the admin token as Authorization: Bearer"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// carriesToken compares in constant time, lengths included.
func (c *listener) carriesToken(r *http.Request) bool {
	given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	got, want := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(c.Token.Reveal()))
	return c.Token.Set() && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone then
}

// Server is an http.Server with the limits an open port needs.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
	}
}
