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
	inBoth(t, func(s *station, open protocol) {
		s.publish("a")
		e := subscribe(s.t, s.conn, open, "envoy-1", nil)
		expect(s.t, e, "clusters a", "listeners a edge", "routes a")
		s.publish("b")
		expect(s.t, e, "clusters a b", "listeners a b edge", "routes b")
		wait(DefaultRemoveAfter - time.Second)
		expect(s.t, e)
		wait(time.Second)
		expect(s.t, e, "listeners b edge", "clusters b")
		s.expectReady("serving")
	})
}

func TestWhatDidNotChangeIsNotPushedAgain(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		s.publish("a b")
		e := subscribe(s.t, s.conn, open, "envoy-1", nil)
		expect(s.t, e, "clusters a b", "listeners a b edge", "routes a b")
		s.publish("b a")
		expect(s.t, e, "routes b a")
		s.publish("b a")
		wait(time.Hour)
		expect(s.t, e)
	})
}

func TestASubscriberThatCameBeforeTheFirstPublishWaits(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		e := subscribe(s.t, s.conn, open, "envoy-1", nil)
		wait(time.Hour)
		expect(s.t, e)
		if st := s.Status(); st.Ready || st.Reason != "nothing was published yet" {
			s.t.Errorf("status: ready %v (%s)", st.Ready, st.Reason)
		}
		s.publish("a")
		expect(s.t, e, "clusters a", "listeners a edge", "routes a")
	})
}

func TestASilentEnvoyDelaysEachStepByTheAckTimeout(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		s.publish("a")
		quick := subscribe(s.t, s.conn, open, "envoy-1", nil)
		silent := subscribe(s.t, s.conn, open, "envoy-2", nil)
		synctest.Wait()
		silent.do(func() { silent.mute[Clusters] = true })
		quick.took()
		s.publish("b")
		expect(s.t, quick, "clusters a b")
		wait(DefaultAckTimeout - time.Millisecond)
		expect(s.t, quick)
		wait(time.Millisecond)
		expect(s.t, quick, "listeners a b edge")
		wait(DefaultAckTimeout)
		expect(s.t, quick, "routes b")
		wait(time.Hour)
		expect(s.t, quick, "listeners b edge", "clusters b")
		silent.do(silent.speak)
		synctest.Wait()
		s.expectReady("serving")
		if got := s.metric("dragoman_xds_ack_timeouts_total", "clusters"); got != 3 {
			s.t.Errorf("%v timeouts were counted for clusters, want 3: in the steps clusters, listeners and edge", got)
		}
	})
}

func TestExtProcProcessesAreNotWaitedForWhenClustersChange(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		s.publish("a")
		e := subscribe(s.t, s.conn, open, "envoy-1", nil)
		x := subscribe(s.t, s.conn, open, "extproc-1", nil)
		expect(s.t, x, "routes a")
		synctest.Wait()
		e.took()
		x.do(func() { x.mute[Routes] = true })
		s.publish("b")
		expect(s.t, e, "clusters a b", "listeners a b edge", "routes b")
		expect(s.t, x, "routes b")
		// Its chains may name a until it has said that it knows the new routes.
		wait(time.Hour)
		expect(s.t, e)
		x.do(x.speak)
		wait(DefaultRemoveAfter)
		expect(s.t, e, "listeners b edge", "clusters b")
		expect(s.t, x)
	})
}

func TestAfterRunNothingIsServed(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		s.publish("a")
		e := subscribe(s.t, s.conn, open, "envoy-1", nil)
		synctest.Wait()
		s.stop()
		<-e.done
		if err := s.Publish(gateway("b")); !errors.Is(err, ErrStopped) {
			s.t.Errorf("Publish gave %v, want ErrStopped", err)
		}
		if st := s.Status(); st.Ready || st.Reason != ErrStopped.Error() {
			s.t.Errorf("status: ready %v (%s)", st.Ready, st.Reason)
		}
		late, err := open(s.t.Context(), discoveryv3.NewAggregatedDiscoveryServiceClient(s.conn), "envoy-2", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		if a, err := late.next(); status.Code(err) != codes.Unavailable {
			s.t.Errorf("a new stream got %+v, %v, want Unavailable", a, err)
		}
	})
}
