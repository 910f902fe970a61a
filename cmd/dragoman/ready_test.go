package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// The admin listener is up before Envoy is: what it says of readiness must be
// true of the port that clients use.
func TestRunIsReadyOnlyWhenItsEdgeAnswers(t *testing.T) {
	t.Parallel()
	fleet, ca := newFleet(t), newAuthority(t)
	for name, tlsText := range map[string]string{"plain": "", "TLS": ", tls: {cert: gateway.crt, key: gateway.key}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			own := ca.issue(t, "127.0.0.1")
			p.file(t, "gateway.crt", own.certificate)
			p.file(t, "gateway.key", own.key)
			edge, admin := free(t), free(t)
			_, port, _ := net.SplitHostPort(edge)
			p.file(t, "dragoman.yaml", "open: true\nlisten: {port: "+port+tlsText+"}\n"+fleet.providers()+fleet.models())
			g := p.start(t, "run", "--admin", admin, "--concurrency", "1")
			var reasons []string
			envoytest.Eventually(t, patience, "it is ready", func() error {
				a, err := ask(t, http.MethodGet, "http://"+admin+"/readyz", "")
				if err != nil {
					return err
				}
				if a.status != http.StatusOK {
					reasons = append(reasons, a.body)
					return fmt.Errorf("it is not: %v", a)
				}
				c, err := net.Dial("tcp", edge)
				if err != nil {
					t.Fatalf("it is said to be ready: %v", err)
				}
				return c.Close()
			})
			g.says("Press Ctrl-C to stop")
			if log := g.err.String(); log != "" {
				t.Errorf("a start without trouble logs:\n%s", log)
			}
			t.Logf("before: %s", strings.Join(reasons, " "))
		})
	}
}

// free is an address that was free a moment ago.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it was only asked for
	return l.Addr().String()
}
