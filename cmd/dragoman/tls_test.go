package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

func TestTheEdgeServesHTTPSAndTakesAnotherCertificate(t *testing.T) {
	t.Parallel()
	fleet, ca := newFleet(t), newAuthority(t)
	p := newPlace(t)
	first := ca.issue(t, "127.0.0.1")
	p.file(t, "gateway.crt", first.certificate)
	p.file(t, "gateway.key", first.key)
	p.file(t, "dragoman.yaml", "open: true\nlisten: {port: 0, tls: {cert: gateway.crt, key: gateway.key}}\n"+fleet.providers()+fleet.models())
	g := p.run(t)
	if !strings.HasPrefix(g.url, "https://127.0.0.1:") {
		t.Fatalf("it greets with %s", g.url)
	}
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		got, serial := askTLS(t, ca, g.url, protocol)
		if got != protocol || serial != serialOf(t, first) {
			t.Errorf("%s and certificate %s, want %s and %s", got, serial, protocol, serialOf(t, first))
		}
	}
	// Envoy reads the pair again when the certificate's file is replaced.
	second := ca.issue(t, "127.0.0.1")
	p.file(t, "gateway.key", second.key)
	p.file(t, "gateway.crt", second.certificate)
	envoytest.Eventually(t, patience, "the new certificate is served", func() error {
		if _, serial := askTLS(t, ca, g.url, "HTTP/2.0"); serial != serialOf(t, second) {
			return fmt.Errorf("it is %s", serial)
		}
		return nil
	})
}

func serialOf(t *testing.T, p pair) string {
	t.Helper()
	c, err := x509.ParseCertificate(p.load(t).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return c.SerialNumber.String()
}

// askTLS asks over a new connection that trusts only the authority.
func askTLS(t *testing.T, ca *authority, base, protocol string) (got, serial string) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	protocols := &http.Protocols{}
	protocols.SetHTTP1(protocol == "HTTP/1.1")
	protocols.SetHTTP2(protocol == "HTTP/2.0")
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: protocols}
	defer transport.CloseIdleConnections()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/chat/completions", strings.NewReader(hello("sim/chat")))
	if err != nil {
		t.Fatal(err)
	}
	rq.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("over TLS: %d %s %v", resp.StatusCode, text, err)
	}
	return resp.Proto, resp.TLS.PeerCertificates[0].SerialNumber.String()
}

// secure serves a simulated provider over TLS and records the name it was
// asked for.
func secure(t *testing.T, name string, certificate tls.Certificate) (port string, asked *atomic.Value) {
	t.Helper()
	asked = &atomic.Value{}
	server := httptest.NewUnstartedServer(simulator.New(simulator.Config{Name: name, Models: []string{"chat"}}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			asked.Store(h.ServerName)
			return nil, nil
		},
	}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are the point
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, asked
}

func TestAProviderMustProveItsNameAndOthersAreTriedIfItCannot(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	wrongName, _ := secure(t, "alpha", ca.issue(t, "other.example").load(t))
	wrongSigner, _ := secure(t, "beta", newAuthority(t).issue(t, "localhost").load(t))
	right, asked := secure(t, "gamma", ca.issue(t, "localhost").load(t))
	byAddress, _ := secure(t, "delta", ca.issue(t, "127.0.0.1").load(t))
	p := newPlace(t)
	p.file(t, "roots.pem", ca.pem())
	provider := func(host, port string) string {
		return fmt.Sprintf("{dialect: openai, base_url: 'https://%s:%s/v1', ca: roots.pem}\n", host, port)
	}
	p.file(t, "dragoman.yaml", "open: true\nlisten: {port: 0}\nproviders:\n  alpha: "+provider("localhost", wrongName)+
		"  beta: "+provider("localhost", wrongSigner)+"  gamma: "+provider("localhost", right)+"  delta: "+provider("127.0.0.1", byAddress)+
		"models:\n  sim/chat: {targets: [alpha, beta, gamma]}\n  sim/delta: {targets: [{provider: delta, id: chat}]}\n  sim/none: {targets: [{provider: alpha, id: chat}, {provider: beta, id: chat}]}\n")
	g := p.run(t)
	a := mustAsk(t, http.MethodPost, g.url+"/v1/chat/completions", hello("sim/chat"))
	if a.status != http.StatusOK || a.header.Get("X-Dragoman-Provider") != "gamma" || a.header.Get("X-Dragoman-Attempts") != "3" {
		t.Errorf("two that cannot prove their names, then one that can: %v", a)
	}
	if name := asked.Load(); name != "localhost" {
		t.Errorf("the provider was asked for %v", name)
	}
	served(t, g.url, "sim/delta", "delta")
	if a := mustAsk(t, http.MethodPost, g.url+"/v1/chat/completions", hello("sim/none")); a.status != http.StatusServiceUnavailable && a.status != http.StatusBadGateway {
		t.Errorf("nobody who can prove it: %v", a)
	}
	out, errs, status := p.do(t, "check", "--live")
	if status != 1 || strings.Count(out, "FAILED: no answer") != 2 || strings.Count(out, "ok in ") != 2 {
		t.Errorf("check --live: %d\n%s%s", status, out, errs)
	}
}

func TestABrowserOfAConfiguredOriginMayAsk(t *testing.T) {
	t.Parallel()
	f := newProcesses(t, ", cors_origins: ['https://app.example', 'http://localhost:3000']")
	f.startParts(t)
	f.startEnvoy(t, f.prints(t, "envoy", "bootstrap", "--admin", "127.0.0.1:0"))
	served(t, f.url, "sim/chat", "alpha", f.auth...)
	for origin, allowed := range map[string]bool{
		"https://app.example": true, "http://localhost:3000": true,
		"https://evil.example": false, "https://app.example.evil.example": false, "http://app.example": false, "null": false,
	} {
		want := ""
		if allowed {
			want = origin
		}
		a := mustAsk(t, http.MethodOptions, f.url+"/v1/chat/completions", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
		if got := a.header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("preflight from %s: allowed %q: %v", origin, got, a)
		}
		if allowed && (a.status/100 != 2 || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") ||
			!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "authorization")) {
			t.Errorf("preflight from %s: %v", origin, a)
		}
		a = mustAsk(t, http.MethodPost, f.url+"/v1/chat/completions", hello("sim/chat"), append([]string{"Origin", origin}, f.auth...)...)
		if got := a.header.Get("Access-Control-Allow-Origin"); a.status != http.StatusOK || got != want {
			t.Errorf("request from %s: allowed %q: %v", origin, got, a)
		}
		// The page must be able to read why it is refused.
		a = mustAsk(t, http.MethodPost, f.url+"/v1/chat/completions", hello("sim/chat"), "Origin", origin)
		if got := a.header.Get("Access-Control-Allow-Origin"); a.status != http.StatusUnauthorized || got != want {
			t.Errorf("request without a key from %s: allowed %q: %v", origin, got, a)
		}
	}
}
