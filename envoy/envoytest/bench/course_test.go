package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/process"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// concurrency is the number of worker threads of either Envoy.
const concurrency = 2

// settings are how long and how often is measured.
type settings struct {
	full    bool
	rounds  int
	round   time.Duration // of requests and streams
	settle  time.Duration // access logs leave Envoy every 200 ms
	latency time.Duration // a round of one connection
	first   time.Duration // a round of paced streams
	idle    int           // streams
	rest    time.Duration // until idle memory is read
}

// chosen are the settings of the environment.
func chosen(tb testing.TB) settings {
	tb.Helper()
	s := settings{
		rounds: 1, round: 300 * time.Millisecond, settle: 250 * time.Millisecond,
		latency: 200 * time.Millisecond, first: 200 * time.Millisecond, idle: 400, rest: 300 * time.Millisecond,
	}
	if os.Getenv("BENCH") != "" {
		s = settings{
			full: true, rounds: 9, round: time.Second, settle: 300 * time.Millisecond,
			latency: time.Second, first: 2 * time.Second, idle: 4000, rest: 5 * time.Second,
		}
	}
	if text := os.Getenv("BENCH_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			tb.Fatalf("BENCH_ROUNDS is %q; write a number of rounds", text)
		}
		s.rounds = n
	}
	return s
}

// way is a way to the provider, with the processes that serve it.
type way struct {
	name            string
	address         string
	envoy, dragoman int // process ids; 0 = none

	mu   sync.Mutex
	idle []*caller // guarded by mu
}

// take gives a connection, one that has been used before if there is one.
func (w *way) take() (*caller, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.idle); n > 0 {
		c := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return c, nil
	}
	return dial(w.address)
}

// give takes a connection back after a whole exchange.
func (w *way) give(c *caller) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(w.idle, c)
}

// close ends the connections.
func (w *way) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.idle {
		_ = c.conn.Close() // nothing follows
	}
	w.idle = nil
}

// course is one provider and the three ways to it.
type course struct {
	tb                  testing.TB
	s                   settings
	gateway             *envoytest.Gateway
	direct, plain, ours *way
}

const credentialVariable = "DRAGOMAN_BENCH_CREDENTIAL"

// catalog has two targets a model, as a chain without a second is no chain.
const catalog = `
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "http://%[1]s/v1", credential: "env:%[2]s"}
  beta: {dialect: openai, base_url: "http://%[1]s/v1", credential: "env:%[2]s"}
models:
  sim/auto: {targets: [alpha, beta]}
  sim/translated: {targets: [alpha, beta], lane: translate}
keys:
- {name: bench, hash: "sha256:%[3]x"}
`

func start(tb testing.TB, s settings) *course {
	tb.Helper()
	if err := raiseFiles(); err != nil {
		tb.Fatal(err)
	}
	provider := startProvider(tb)
	tb.Setenv(credentialVariable, credential)
	k := &course{tb: tb, s: s}
	k.gateway = envoytest.Start(tb, envoytest.Options{
		Catalog:   fmt.Sprintf(catalog, provider, credentialVariable, sha256.Sum256([]byte(clientKey))),
		Providers: []simulator.Config{}, Child: true, Concurrency: concurrency,
	})
	plain, address := startPlain(tb, provider)
	k.direct = &way{name: "direct", address: provider}
	k.plain = &way{name: "plain", address: address, envoy: plain.PID()}
	k.ours = &way{
		name: "gateway", address: strings.TrimPrefix(k.gateway.URL, "http://"),
		envoy: k.gateway.Envoy.PID(), dragoman: k.gateway.Child.PID(),
	}
	tb.Cleanup(func() {
		for _, w := range []*way{k.direct, k.plain, k.ours} {
			w.close()
		}
	})
	return k
}

// plainBootstrap is the least Envoy that does the same work: one listener, one
// route, one cluster, with the gateway's buffer limit and circuit breakers.
const plainBootstrap = `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: plain
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    per_connection_buffer_limit_bytes: 262144
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: plain
          use_remote_address: true
          route_config:
            virtual_hosts:
            - name: provider
              domains: ["*"]
              routes:
              - match: {prefix: /}
                route: {cluster: provider, timeout: 0s}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: provider
    type: STATIC
    connect_timeout: 5s
    per_connection_buffer_limit_bytes: 262144
    circuit_breakers: {thresholds: [{max_connections: 1048576, max_pending_requests: 1048576, max_requests: 1048576, max_retries: 1048576}]}
    load_assignment:
      cluster_name: provider
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %s}}}
`

// startPlain starts the Envoy that everything is compared with.
func startPlain(tb testing.TB, provider string) (p *process.Process, address string) {
	tb.Helper()
	_, port, _ := strings.Cut(provider, ":")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := process.Start(ctx, process.Config{
		Path: envoytest.Binary(tb), Bootstrap: fmt.Appendf(nil, plainBootstrap, port), Concurrency: concurrency,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			tb.Errorf("the plain Envoy: %v", err)
		}
	})
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + p.AdminAddr() + "/listeners")
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	address, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "plain::")
	if !ok {
		tb.Fatalf("the plain Envoy's listeners: %s", text)
	}
	return p, address
}
