package xds

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// refusesBad refuses whatever holds the provider called bad.
func refusesBad(_ Kind, words string) string {
	if strings.Contains(words, "bad") {
		return "no such thing as bad"
	}
	return ""
}

func TestARefusedClusterIsTakenBackAndNothingFollows(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		s.publish("a")
		e := subscribe(s.t, s.conn, open, "envoy-1", nil)
		other := subscribe(s.t, s.conn, open, "envoy-2", nil)
		synctest.Wait()
		e.do(func() { e.refuses = refusesBad })
		e.took()
		other.took()

		s.publish("a* bad")
		expect(s.t, e, "refused clusters a* bad", "clusters a")
		expect(s.t, other, "clusters a* bad", "clusters a")
		wait(time.Hour)
		expect(s.t, e)
		expect(s.t, other)

		st := s.Status()
		want := `clusters refused by "envoy-1": no such thing as bad`
		if st.Ready || st.Reason != want || st.Step != "refused" {
			s.t.Errorf("status: ready %v (%s) at %s, want not ready (%s) at refused", st.Ready, st.Reason, st.Step, want)
		}
		if len(st.Refusals) != 1 || st.Refusals[0].Kind != Clusters || st.Refusals[0].Node != "envoy-1" {
			s.t.Errorf("refusals: %+v", st.Refusals)
		}
		if got := s.metric("dragoman_xds_nacks_total", "clusters"); got != 1 {
			s.t.Errorf("%v NACKs were counted, want 1", got)
		}
		if got := s.metric("dragoman_xds_ready", ""); got != 0 {
			s.t.Errorf("the metric says ready: %v", got)
		}

		s.publish("a c")
		expect(s.t, e, "clusters a c", "listeners a c edge", "routes a c")
		s.expectReady("serving")
		if refusals := s.Status().Refusals; len(refusals) > 0 {
			s.t.Errorf("a good publish left %+v", refusals)
		}
	})
}

func TestRefusedRoutesGoBack(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		s.publish("a")
		e := subscribe(s.t, s.conn, open, "envoy-1", nil)
		synctest.Wait()
		e.took()
		e.do(func() {
			e.refuses = func(kind Kind, words string) string {
				if kind == Routes {
					return refusesBad(kind, words)
				}
				return ""
			}
		})
		s.publish("bad a")
		expect(s.t, e, "clusters a bad", "listeners a bad edge", "refused routes bad a", "routes a")
		wait(time.Hour)
		expect(s.t, e)
		if got := s.metric("dragoman_xds_nacks_total", "routes"); got != 1 {
			s.t.Errorf("%v NACKs were counted, want 1", got)
		}
	})
}

func TestARefusalOfTheFirstSetIsNotRepeated(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		s.publish("a bad")
		e := subscribe(s.t, s.conn, open, "envoy-1", nil, func(e *subscriber) { e.refuses = refusesBad })
		wait(time.Hour)
		expect(s.t, e, "refused clusters a bad")
		s.publish("a")
		wait(time.Hour)
		select {
		case <-e.done: // in delta, to say what it holds
			e = subscribe(s.t, s.conn, open, "envoy-1", e)
			wait(time.Hour)
		default:
		}
		s.expectReady("serving")
		var holds string
		e.do(func() { holds = describe(Clusters, e.holds[Clusters]) })
		if holds != "clusters a" {
			s.t.Errorf("the Envoy holds %q, want %q", holds, "clusters a")
		}
	})
}

func TestAnEnvoyThatComesBack(t *testing.T) {
	for name, tt := range map[string]struct {
		open protocol
		want []string
	}{
		"is told all it asks for": {openSotw, []string{"clusters a b", "listeners a b edge", "routes b"}},
		// The first answer of a delta stream is empty, or Envoy would wait for
		// it; its routes are what it holds, so none come.
		"is told what it lacks in delta": {openDelta, []string{"clusters a b", "listeners a b edge"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.publish("a")
				first := subscribe(t, s.conn, tt.open, "envoy-1", nil)
				synctest.Wait()
				s.publish("b")
				first.leave()
				again := subscribe(t, s.conn, tt.open, "envoy-1", first)
				expect(t, again, tt.want...)
				wait(DefaultRemoveAfter)
				expect(t, again, "listeners b edge", "clusters b")
				s.expectReady("serving")
			})
		})
	}
}

func TestStatusTellsWhoHoldsWhat(t *testing.T) {
	inBoth(t, func(s *station, open protocol) {
		s.publish("a")
		subscribe(s.t, s.conn, open, "envoy-1", nil)
		x := subscribe(s.t, s.conn, open, "extproc-1", nil)
		silent := subscribe(s.t, s.conn, open, "envoy-2", nil)
		synctest.Wait()
		silent.do(func() { silent.mute[Routes] = true })
		old := s.Status().Versions
		s.publish("a edge*")
		s.publish("b a")
		st := s.Status()
		want := []Node{
			{ID: "envoy-1", Envoy: true, Acked: map[Kind]string{Clusters: st.Versions[Clusters], Listeners: st.Versions[Listeners], Routes: st.Versions[Routes]}},
			{ID: "envoy-2", Envoy: true, Acked: map[Kind]string{Clusters: st.Versions[Clusters], Listeners: st.Versions[Listeners], Routes: old[Routes]}},
			{ID: "extproc-1", Acked: map[Kind]string{Routes: st.Versions[Routes]}},
		}
		if diff := cmp.Diff(want, st.Nodes); diff != "" {
			s.t.Errorf("nodes (-want +got):\n%s", diff)
		}
		if st.Step != "routes" || old[Routes] == st.Versions[Routes] {
			s.t.Errorf("at %s with routes %s after %s", st.Step, st.Versions[Routes], old[Routes])
		}
		for role, n := range map[string]float64{"envoy": 2, "extproc": 1} {
			if got := s.metric("dragoman_xds_connected_nodes", role); got != n {
				s.t.Errorf("%v nodes of %s are counted, want %v", got, role, n)
			}
		}
		x.leave()
		synctest.Wait()
		if got := s.metric("dragoman_xds_connected_nodes", "extproc"); got != 0 {
			s.t.Errorf("%v ext_proc processes are counted after they left", got)
		}
		// Secrets, clusters and listeners came once and were changed twice at
		// most; each version is counted when it is offered.
		counts := make(map[string]float64)
		for k := range numKinds {
			counts[k.String()] = s.metric("dragoman_xds_published_total", k.String())
		}
		if diff := cmp.Diff(map[string]float64{"secrets": 1, "clusters": 2, "listeners": 3, "routes": 2}, counts); diff != "" {
			s.t.Errorf("versions offered (-want +got):\n%s", diff)
		}
	})
}

func TestTwoServersCannotShareARegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		if _, err := New(Config{Registerer: s.metrics}); err == nil {
			t.Error("the second server took the same registry")
		}
		if got := fmt.Sprint(s.Status().Versions); got != "map[]" {
			t.Errorf("a server without a publish offers %s", got)
		}
	})
}
