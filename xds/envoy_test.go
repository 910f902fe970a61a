package xds

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/prometheus/client_golang/prometheus"
)

// inBothEnvoys runs a test against a real Envoy that subscribes in either
// protocol. publish makes the words' providers lead to one real server.
func inBothEnvoys(t *testing.T, test func(b *bench)) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a real Envoy")
	}
	for name, kind := range map[string]corev3.ApiConfigSource_ApiType{
		"state of the world": corev3.ApiConfigSource_GRPC, "delta": corev3.ApiConfigSource_DELTA_GRPC,
	} {
		t.Run(name, func(t *testing.T) {
			provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "ok")
			}))
			t.Cleanup(provider.Close)
			b := &bench{t: t, registry: prometheus.NewRegistry(), provider: provider.Listener.Addr()}
			var address *net.TCPAddr
			b.Server, address = serveLoopback(t, b.registry)
			b.publish("p0 p1")
			b.calls = callThrough(t, startEnvoy(t, address, kind), 8)
			test(b)
			b.calls.stop()
			t.Logf("%d calls, %d failed", b.calls.count.Load(), len(b.calls.failed))
			if len(b.calls.failed) > 0 {
				t.Errorf("of %d calls failed: %s", b.calls.count.Load(), strings.Join(b.calls.failed, "; "))
			}
		})
	}
}

// bench is a server with a real Envoy that clients call through.
type bench struct {
	*Server
	t        *testing.T
	registry *prometheus.Registry
	provider net.Addr
	calls    *traffic
}

// publish tells the versions with which the rollout will end.
func (b *bench) publish(words string) state {
	b.t.Helper()
	r := reaching(gateway(words), b.provider)
	wanted, err := newState(r)
	if err == nil {
		err = b.Publish(r)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return wanted
}

func (b *bench) nacks(k Kind) float64 {
	b.t.Helper()
	return counted(b.t, b.registry, "dragoman_xds_nacks_total", k.String())
}

// more waits until the clients have called some more times.
func (b *bench) more(calls int64) {
	b.t.Helper()
	enough := b.calls.count.Load() + calls
	eventually(b.t, "more calls", func() bool { return b.calls.count.Load() >= enough })
}

// The providers are replaced 30 times under the calls of 8 clients. Nothing
// retries, so every gap would show. What is replaced goes while clients still
// call: RemoveAfter is longer than a call takes on a machine that is busy with
// other things.
func TestRepublishingLosesNoRequestOfARealEnvoy(t *testing.T) {
	inBothEnvoys(t, func(b *bench) {
		var last state
		for i := 1; i <= 30; i++ {
			last = b.publish(fmt.Sprintf("p%d p%d", i, i+1) + star(i%4 == 0))
			if i%3 == 0 {
				continue // the next one overtakes it
			}
			eventually(b.t, "the new routes", func() bool { return b.Status().Versions[Routes] == last[Routes].version })
			b.more(100)
		}
		eventually(b.t, "the last removal", func() bool { return b.Status().Versions[Clusters] == last[Clusters].version })
		b.more(100)
		for k := range numKinds {
			if n := b.nacks(k); n > 0 {
				b.t.Errorf("Envoy refused %s %v times: %+v", k, n, b.Status().Refusals)
			}
		}
	})
}

func TestARealEnvoyRefusesAndServesOn(t *testing.T) {
	inBothEnvoys(t, func(b *bench) {
		b.publish("p0* p1 bad")
		eventually(b.t, "the refusal", func() bool { return b.Status().Step == "refused" })
		b.more(100)
		if st := b.Status(); st.Ready || !strings.Contains(st.Reason, "no.such.socket") || b.nacks(Clusters) != 1 {
			b.t.Errorf("after %v NACKs: ready %v (%s), want one that tells of no.such.socket", b.nacks(Clusters), st.Ready, st.Reason)
		}
		last := b.publish("p0* p2")
		eventually(b.t, "the good set", func() bool {
			st := b.Status()
			return st.Ready && st.Step == "serving" && st.Versions[Clusters] == last[Clusters].version
		})
		b.more(100)
		if n := b.nacks(Clusters); n != 1 {
			b.t.Errorf("clusters were refused %v times in all, want 1", n)
		}
	})
}

// traffic is some clients that call without pause.
type traffic struct {
	count  atomic.Int64
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	failed []string // what became of calls that failed; guarded by mu until stop
}

func callThrough(t *testing.T, url string, clients int) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	calls := &traffic{cancel: cancel}
	for range clients {
		calls.done.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				if why := call(client, url); why != "" {
					calls.mu.Lock()
					calls.failed = append(calls.failed, why)
					calls.mu.Unlock()
				}
				calls.count.Add(1)
			}
		})
	}
	t.Cleanup(calls.stop)
	return calls
}

func (c *traffic) stop() { c.cancel(); c.done.Wait() }

// call posts, because the client would repeat a GET by itself.
func call(client *http.Client, url string) (failure string) {
	r, err := client.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || string(body) != "ok" {
		return fmt.Sprintf("%s %q %v", r.Status, body, err)
	}
	return ""
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not come in time", what)
		}
	}
}
