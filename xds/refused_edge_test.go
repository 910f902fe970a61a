package xds

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// An edge listener whose port is taken is refused before anything good is
// known. (A delta stream would end and come back here, by design.)
func TestARefusedFirstEdgeIsReplacedByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.publish("a edge*")
		e := subscribe(t, s.conn, openSotw, "envoy-1", nil, func(e *subscriber) {
			e.refuses = func(kind Kind, words string) string {
				if kind == Listeners && strings.Contains(words, "edge*") {
					return "cannot bind"
				}
				return ""
			}
		})
		expect(t, e, "clusters a", "refused listeners a edge*")
		if st := s.Status(); st.Ready || !strings.Contains(st.Reason, "cannot bind") {
			t.Errorf("status: ready %v (%s)", st.Ready, st.Reason)
		}
		s.publish("a")
		// Without an edge it names no routes, and gets none. That answer and the
		// next listeners are sent side by side.
		synctest.Wait()
		got, middle := e.took(), []string{"listeners a edge", "routes "}
		if len(got) == 4 {
			slices.Sort(got[1:3])
		}
		if diff := cmp.Diff([]string{"listeners a", middle[0], middle[1], "routes a"}, got); diff != "" {
			t.Errorf("the subscriber took (-want +got):\n%s", diff)
		}
		s.expectReady("serving")
	})
}
