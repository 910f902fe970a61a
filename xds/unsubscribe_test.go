package xds

import (
	"testing"
	"testing/synctest"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// Envoy subscribes to the routes of a listener before it knows whether it can
// have the listener. If not, it asks for no routes, and answers every routes
// that come nevertheless by asking again, at once.
func TestAnEnvoyThatWantsNoRoutesAnyMoreIsLeftInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.publish("a")
		w, err := openSotw(t.Context(), discoveryv3.NewAggregatedDiscoveryServiceClient(s.conn), "envoy-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan answer)
		go func() {
			defer close(answers)
			for {
				a, err := w.next()
				if err != nil {
					return
				}
				answers <- a
			}
		}()
		if err := w.subscribe(Routes, []string{"edge"}); err != nil {
			t.Fatal(err)
		}
		<-answers
		if err := w.subscribe(Routes, nil); err != nil {
			t.Fatal(err)
		}
		n := 0
		for quiet := false; !quiet && n < 10; {
			select {
			case a := <-answers:
				if n++; len(a.resources) > 0 {
					// Not the ACK: the version stays.
					w.(*sotwWire).nonce[Routes] = a.nonce
					if err := w.subscribe(Routes, nil); err != nil {
						t.Fatal(err)
					}
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
	})
}
