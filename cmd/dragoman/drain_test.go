package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// awaitInFlight waits until the demo's alpha works on that many requests.
func awaitInFlight(t *testing.T, g *running, want int64) {
	t.Helper()
	envoytest.Eventually(t, patience, "alpha has the requests", func() error {
		a, err := ask(t, http.MethodGet, g.admin+"/sim/", "")
		if err != nil {
			return err
		}
		var states []simulator.State
		if err := json.Unmarshal([]byte(a.body), &states); err != nil {
			return fmt.Errorf("%w: %v", err, a)
		}
		if got := states[0].Stats.InFlight; got != want {
			return fmt.Errorf("%d requests in flight, want %d", got, want)
		}
		return nil
	})
}

func TestAnOpenStreamOutlivesSIGTERMAndNewRequestsDoNot(t *testing.T) {
	t.Parallel()
	fleet := newFleet(t)
	p := newPlace(t)
	p.file(t, "dragoman.yaml", "open: true\nlimits: {drain: 12s}\nlisten: {port: 0}\n"+fleet.providers()+fleet.models())
	g := p.run(t)

	const events = 80
	lines := slowStream(t, g, events)
	// New connections may be refused already when this one asks.
	kept, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close() //nolint:errcheck // nothing follows
	if a := readyOver(t, kept); a.status != http.StatusOK {
		t.Errorf("the edge's /readyz: %v", a)
	}

	began := time.Now()
	g.signal(syscall.SIGTERM)
	refused := make(chan error, 1)
	go func() { refused <- awaitRefusal(strings.TrimPrefix(g.url, "http://")) }()
	if a := mustAsk(t, http.MethodGet, g.admin+"/healthz", ""); a.status != http.StatusOK {
		t.Errorf("alive while draining: %v", a)
	}
	envoytest.Eventually(t, patience, "/readyz tells of the drain", func() error {
		if a := mustAsk(t, http.MethodGet, g.admin+"/readyz", ""); a.status != http.StatusServiceUnavailable {
			return errors.New(a.String())
		}
		return nil
	})

	if a := readyOver(t, kept); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "draining") {
		t.Errorf("the edge's /readyz while draining: %v", a)
	}

	var last string
	got := 0
	for lines.Scan() {
		if text := lines.Text(); strings.HasPrefix(text, "data: ") {
			last = text
			got++
		}
	}
	if err := lines.Err(); err != nil || last != "data: [DONE]" || got < events {
		t.Errorf("the stream ended after %d events with %q, %v", got, last, err)
	}
	streamed := time.Since(began)
	if err := <-refused; err != nil {
		t.Error(err)
	}
	if status := g.end(patience); status != 0 {
		t.Errorf("status %d", status)
	}
	t.Logf("the stream ran on for %s after SIGTERM; all ended after %s of 12 s", streamed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}

// slowStream opens a stream with an event every tenth of a second, and reads its
// first line.
func slowStream(t *testing.T, g *running, events int) *bufio.Scanner {
	t.Helper()
	body := fmt.Sprintf(`{"model":"sim/chat","stream":true,"messages":[{"role":"user","content":"Hello"}],"sim":{"alpha":{"events":%d,"pause":"100ms"}}}`, events)
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	rq.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() }) // it was only read
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() {
		t.Fatalf("no stream: %v", lines.Err())
	}
	return lines
}

// readyOver asks for /readyz over a connection that is there.
func readyOver(t *testing.T, c net.Conn) answer {
	t.Helper()
	if _, err := c.Write([]byte("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// awaitRefusal polls until nobody listens at the address.
func awaitRefusal(address string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		if err == nil {
			_ = c.Close() // only a probe
		}
	}
	return errors.New("new connections are still taken")
}

// fleet are simulated providers of a test.
type fleet struct{ *simulator.Fleet }

func newFleet(t *testing.T, configs ...simulator.Config) fleet {
	t.Helper()
	f := fleet{&simulator.Fleet{}}
	if configs == nil {
		configs = []simulator.Config{{Name: "alpha"}, {Name: "beta"}}
	}
	for _, c := range configs {
		if err := f.Add(simulator.New(c), nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// providers is that part of a catalog.
func (f fleet) providers() string {
	var b strings.Builder
	b.WriteString("providers:\n")
	for _, s := range f.States() {
		fmt.Fprintf(&b, "  %s: {dialect: openai, base_url: '%s/v1'}\n", s.Name, s.URL)
	}
	return b.String()
}

// models is a model that all of them serve.
func (f fleet) models() string {
	var names []string
	for _, s := range f.States() {
		names = append(names, s.Name)
	}
	return "models:\n  sim/chat: {targets: [" + strings.Join(names, ", ") + "]}\n"
}
