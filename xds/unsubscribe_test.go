package xds

import (
	"testing"
	"testing/synctest"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// Envoy subscribes to the routes of a listener before it knows whether it can
// have the listener. If not, its first request for routes names none, and it
// answers all routes that come nevertheless by asking again, at once.
func TestAnEnvoyThatNamesNoRoutesGetsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.publish("a")
		w, err := openSotw(t.Context(), discoveryv3.NewAggregatedDiscoveryServiceClient(s.conn), "envoy-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		answers := answersOf(t, w)
		if err := w.subscribe(Routes, nil); err != nil {
			t.Fatal(err)
		}
		n := 0
		for quiet := false; !quiet && n < 10; {
			select {
			case a := <-answers:
				n++
				held := w.(*sotwWire)
				held.nonce[Routes] = a.nonce
				if len(a.resources) == 0 {
					held.version[Routes] = a.version
				} else if err := w.subscribe(Routes, nil); err != nil {
					t.Fatal(err)
				}
			case <-time.After(time.Minute):
				quiet = true
			}
		}
		if n > 1 {
			t.Errorf("got %d answers that nobody asked for", n)
		}
		synctest.Wait()
		if got := s.fleet.observe(s.offered.offers); !got.current[Routes] {
			t.Error("the rollout waits for an ACK of routes that Envoy does not want")
		}
		// The listener came after all.
		if err := w.subscribe(Routes, []string{envoy.EdgeRoutes}); err != nil {
			t.Fatal(err)
		}
		a := <-answers
		if synctest.Wait(); s.fleet.observe(s.offered.offers).current[Routes] {
			t.Error("the rollout does not wait for the ACK of routes that Envoy wants again")
		}
		if err := w.reply(a, ""); err != nil {
			t.Fatal(err)
		}
		if synctest.Wait(); len(a.resources) != 1 || !s.fleet.observe(s.offered.offers).current[Routes] {
			t.Errorf("%d route configurations came, and the ACK did not count", len(a.resources))
		}
	})
}

// answersOf gives what a wire receives until the test ends.
func answersOf(t *testing.T, w wire) <-chan answer {
	t.Helper()
	answers := make(chan answer)
	go func() {
		for {
			a, err := w.next()
			if err != nil {
				return
			}
			select {
			case answers <- a:
			case <-t.Context().Done():
				return
			}
		}
	}()
	return answers
}
