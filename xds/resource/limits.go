package resource

import (
	"time"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// slack keeps Envoy's outer limits behind the limits that say more: an attempt
// listener's own time limit answers with a reason, the edge's only cuts.
const slack = 5 * time.Second

// edgeIdle outlasts every silence that a provider is allowed.
func (b *builder) edgeIdle() time.Duration {
	d := time.Minute
	for _, p := range b.c.Providers {
		d = max(d, p.Timeouts.StreamIdle(), p.Timeouts.Answer+slack)
	}
	return d + slack
}

// attemptLimit is the edge's limit for one attempt until its headers; the
// attempt listeners' limits are tighter.
func (b *builder) attemptLimit() time.Duration {
	d := time.Minute
	for _, p := range b.c.Providers {
		d = max(d, p.Timeouts.FirstToken, p.Timeouts.Answer)
	}
	return d + slack
}

// holdLimit is how long ext_proc may leave a message unanswered: an attempt
// stage holds a provider's headers until the first content event or the whole
// answer. A dead or frozen ext_proc is found sooner, by HTTP/2 keepalive.
func holdLimit(t catalog.Timeouts) time.Duration {
	return max(t.FirstToken, t.Answer) + slack
}
