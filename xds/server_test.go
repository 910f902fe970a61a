package xds

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAnEnvoyIsBroughtFromOneSetToTheNext(t *testing.T) {
	inBoth(t, func(t *testing.T, s *station, open protocol) {
		s.publish("a")
		e := subscribe(t, s.conn, open, "envoy-1", nil)
		expect(t, e, "clusters a", "listeners a edge", "routes a")
		s.publish("b")
		expect(t, e, "clusters a b", "listeners a b edge", "routes b")
		wait(DefaultRemoveAfter - time.Second)
		expect(t, e)
		wait(time.Second)
		expect(t, e, "listeners b edge", "clusters b")
		s.expectReady("serving")
	})
}

func TestWhatDidNotChangeIsNotPushedAgain(t *testing.T) {
	inBoth(t, func(t *testing.T, s *station, open protocol) {
		s.publish("a b")
		e := subscribe(t, s.conn, open, "envoy-1", nil)
		expect(t, e, "clusters a b", "listeners a b edge", "routes a b")
		s.publish("b a")
		expect(t, e, "routes b a")
		s.publish("b a")
		wait(time.Hour)
		expect(t, e)
	})
}

func TestASubscriberThatCameBeforeTheFirstPublishWaits(t *testing.T) {
	inBoth(t, func(t *testing.T, s *station, open protocol) {
		e := subscribe(t, s.conn, open, "envoy-1", nil)
		wait(time.Hour)
		expect(t, e)
		if st := s.Status(); st.Ready || st.Reason != "nothing was published yet" {
			t.Errorf("status: ready %v (%s)", st.Ready, st.Reason)
		}
		s.publish("a")
		expect(t, e, "clusters a", "listeners a edge", "routes a")
	})
}

func TestASilentEnvoyDelaysEachStepByTheAckTimeout(t *testing.T) {
	inBoth(t, func(t *testing.T, s *station, open protocol) {
		s.publish("a")
		quick := subscribe(t, s.conn, open, "envoy-1", nil)
		silent := subscribe(t, s.conn, open, "envoy-2", nil)
		synctest.Wait()
		silent.do(func() { silent.mute[Clusters] = true })
		quick.took()
		s.publish("b")
		expect(t, quick, "clusters a b")
		wait(DefaultAckTimeout - time.Millisecond)
		expect(t, quick)
		wait(time.Millisecond)
		expect(t, quick, "listeners a b edge")
		wait(DefaultAckTimeout)
		expect(t, quick, "routes b")
		wait(time.Hour)
		expect(t, quick, "listeners b edge", "clusters b")
		silent.do(silent.speak)
		synctest.Wait()
		s.expectReady("serving")
		if got := s.metric("dragoman_xds_ack_timeouts_total", "clusters"); got != 3 {
			t.Errorf("%v timeouts were counted for clusters, want 3: in the steps clusters, listeners and edge", got)
		}
	})
}

func TestExtProcProcessesAreNotWaitedForWhenClustersChange(t *testing.T) {
	inBoth(t, func(t *testing.T, s *station, open protocol) {
		s.publish("a")
		e := subscribe(t, s.conn, open, "envoy-1", nil)
		x := subscribe(t, s.conn, open, "extproc-1", nil)
		expect(t, x, "routes a")
		synctest.Wait()
		e.took()
		x.do(func() { x.mute[Routes] = true })
		s.publish("b")
		expect(t, e, "clusters a b", "listeners a b edge", "routes b")
		expect(t, x, "routes b")
		// Its chains may name a until it has said that it knows the new routes.
		wait(time.Hour)
		expect(t, e)
		x.do(x.speak)
		wait(DefaultRemoveAfter)
		expect(t, e, "listeners b edge", "clusters b")
		expect(t, x)
	})
}

func TestAfterRunNothingIsServed(t *testing.T) {
	inBoth(t, func(t *testing.T, s *station, open protocol) {
		s.publish("a")
		e := subscribe(t, s.conn, open, "envoy-1", nil)
		synctest.Wait()
		s.stop()
		<-e.done
		if err := s.Publish(gateway("b")); !errors.Is(err, ErrStopped) {
			t.Errorf("Publish gave %v, want ErrStopped", err)
		}
		if st := s.Status(); st.Ready || st.Reason != ErrStopped.Error() {
			t.Errorf("status: ready %v (%s)", st.Ready, st.Reason)
		}
		late, err := open(t.Context(), discoveryv3.NewAggregatedDiscoveryServiceClient(s.conn), "envoy-2", nil)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := late.next(); status.Code(err) != codes.Unavailable {
			t.Errorf("a new stream got %+v, %v, want Unavailable", a, err)
		}
	})
}
