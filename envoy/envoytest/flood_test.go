package envoytest

import (
	"strings"
	"testing"
	"time"
)

// TestABacklogOfOneByteEventsIsNotAFlood holds Envoy's default limit of 10,000
// frames that wait for a socket away from the gateway's own connections: their
// windows bound the backlog, and a connection that Envoy ends takes every
// stream on it along.
func TestABacklogOfOneByteEventsIsNotAFlood(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Child: true, Providers: stillProviders("alpha", "beta", "gamma")})
	wishes := []wish{{
		name: "a byte a write", model: "sim/translated", stream: true, translated: true, from: "alpha",
		script: `{"*":{"events":300,"write":1}}`,
	}}
	c := &crowd{}
	c.start(t.Context(), g, 24, func(_, round int) *wish {
		if round == 2 {
			return nil
		}
		return &wishes[0]
	})
	more(t, 30*time.Second, "requests", c.asked.Load)
	for range 3 {
		g.Child.Freeze()
		<-time.After(time.Second)
		g.Child.Thaw()
		<-time.After(200 * time.Millisecond)
	}
	c.end(t)
	if n := c.broken.Load(); n > 0 {
		t.Errorf("%d of %d streams were broken by a pause of ext_proc", n, c.asked.Load())
	}
	for line := range strings.Lines(g.admin(t, "/stats?filter=flood")) {
		if !strings.HasSuffix(strings.TrimSpace(line), ": 0") {
			t.Error(strings.TrimSpace(line))
		}
	}
	t.Logf("%d streams, %d whole", c.asked.Load(), c.whole.Load())
}
