package xds

import (
	"strings"
	"testing"
	"testing/synctest"
)

// An edge listener whose port is taken is refused before anything good is
// known.
func TestARefusedFirstEdgeIsReplacedByTheNext(t *testing.T) {
	inBoth(t, func(t *testing.T, s *station, open protocol) {
		s.publish("a edge*")
		e := subscribe(t, s.conn, open, "envoy-1", nil, func(e *subscriber) {
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
		expect(t, e, "listeners a", "listeners a edge", "routes a")
		synctest.Wait()
		s.expectReady("serving")
	})
}
