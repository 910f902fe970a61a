package chain

import (
	"math"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Defaults are the chains of requests that leave the choice to the gateway,
// made ahead of time for one catalog and one order. Immutable.
type Defaults struct {
	chains map[*catalog.Model]ready
}

// ready is a default chain and the tokens that all of its targets hold.
type ready struct {
	chain Chain
	room  int64
}

// NewDefaults builds the default chain of each model that has a ready target.
func NewDefaults(c *catalog.Catalog, order Order) *Defaults {
	d := &Defaults{chains: make(map[*catalog.Model]ready, len(c.Models))}
	for _, m := range c.Models {
		ch, p := Build(Input{Catalog: c, Order: order, Model: m})
		if p != nil {
			continue
		}
		room := int64(math.MaxInt64)
		for i := range ch.Targets {
			if limit := ch.Targets[i].Context; limit > 0 {
				room = min(room, limit)
			}
		}
		d.chains[m] = ready{ch, room}
	}
	return d
}

// Chain is the default chain of a model; ok is false if none of its targets is
// ready. Its targets are shared and must not be changed.
func (d *Defaults) Chain(m *catalog.Model) (ch Chain, ok bool) {
	r, ok := d.chains[m]
	return r.chain, ok
}

// For is what Build would give, without allocating, as long as the default
// chain is the answer; ok is false if Build has to be asked. The input must be
// of the catalog and order that d was made for. Its targets are shared and
// must not be changed.
func (d *Defaults) For(in Input) (ch Chain, ok bool) {
	r, ok := d.chains[in.Model]
	if !ok || !in.Options.Empty() || !in.allowed(in.Model) || in.tokens() > r.room {
		return Chain{}, false
	}
	if in.Cooling.any(in.Now) {
		for i := range r.chain.Targets {
			if in.Cooling.Rests(r.chain.Targets[i], in.Now) {
				return Chain{}, false
			}
		}
	}
	return r.chain, true
}
