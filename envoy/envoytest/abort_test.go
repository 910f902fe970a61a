package envoytest

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestClientsThatLeaveInCrowdsTakeNobodyAlong holds two of Envoy's guards away
// from the gateway's own connections: HTTP/2's codec ends a connection whose
// peer resets more than 1,000 streams in a burst, and the connection manager
// one with 250 streams reset within their first second. Every client that
// leaves is such a reset between edge and attempt listener.
func TestClientsThatLeaveInCrowdsTakeNobodyAlong(t *testing.T) {
	const staying, crowd = 32, 600
	openFiles(t, 8192)
	g := Start(t, Options{Child: true, Providers: stillProviders("alpha", "beta", "gamma")})
	transport := &http.Transport{ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	crowds := map[string]func(t *testing.T){
		"after the first events": func(t *testing.T) {
			t.Helper()
			for _, i := range g.idlers(t, client, "Leave", crowd) {
				i.close()
			}
		},
	}
	for _, model := range []string{"sim/chat", "sim/leave", "sim/translated"} {
		crowds[model+", before an answer"] = func(t *testing.T) {
			t.Helper()
			g.impatient(t, client, model, crowd, staying)
		}
	}
	for name, leave := range crowds {
		t.Run(name, func(t *testing.T) {
			stay := g.idlers(t, client, "Stay", staying)
			for range Scale(6, 20) {
				leave(t)
				g.awaitIdle(t, staying)
			}
			for _, i := range stay {
				i.close()
			}
			g.awaitIdle(t, 0)
		})
	}
}

// impatient are n clients that leave as soon as the provider has their requests.
func (g *Gateway) impatient(t *testing.T, client *http.Client, model string, n, others int) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			q := question{way: way{model: model, stream: true}, text: "Hurry!", sim: `{"*":{"hang":"headers"}}`}
			rq, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/v1/chat/completions", strings.NewReader(q.body()))
			if err != nil {
				t.Error(err)
				return
			}
			rq.Header.Set("Content-Type", "application/json")
			if resp, err := client.Do(rq); err == nil {
				_ = resp.Body.Close() // it is judged by its status
				t.Errorf("%s: %s came before the provider said anything", model, resp.Status)
			}
		})
	}
	g.awaitIdle(t, others+n)
	leave()
	all.Wait()
}
