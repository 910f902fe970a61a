package xds

import (
	"strings"
	"testing"
	"testing/synctest"
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
		// Without an edge it names no routes, and gets none.
		expect(t, e, "listeners a", "routes ", "listeners a edge", "routes a")
		s.expectReady("serving")
	})
}
