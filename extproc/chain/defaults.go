package chain

import (
	"math"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Defaults are the chains of requests that leave the choice to the gateway,
// made ahead of time for one catalog and one order. Immutable.
type Defaults struct {
	chains map[*catalog.Model]ready
}

// ready is a default chain and what all of its targets can do.
type ready struct {
	chain Chain
	room  int64 // tokens of input and output
	most  int64 // tokens of output
	able  llm.Needs
}

// NewDefaults builds the default chain of each model that has a ready target.
func NewDefaults(c *catalog.Catalog, order Order) *Defaults {
	d := &Defaults{chains: make(map[*catalog.Model]ready, len(c.Models))}
	for _, m := range c.Models {
		ch, p := Build(Input{Catalog: c, Order: order, Model: m})
		if p != nil {
			continue
		}
		r := ready{chain: ch, room: math.MaxInt64, most: math.MaxInt64, able: llm.AllNeeds}
		for i := range ch.Targets {
			t := &ch.Targets[i]
			if t.Context > 0 {
				r.room = min(r.room, t.Context)
			}
			if t.Output > 0 {
				r.most = min(r.most, t.Output)
			}
			if t.Judged {
				r.able &= t.Able
			}
		}
		d.chains[m] = r
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
	if !ok || in.Own != nil || !in.Options.Empty() || !in.allowed(in.Model) {
		return Chain{}, false
	}
	if in.tokens() > r.room || in.MaxTokens > r.most || in.Needs.Missing(r.able) != 0 {
		return Chain{}, false
	}
	cooling := in.Cooling.any(in.Now)
	for i := range r.chain.Targets {
		t := &r.chain.Targets[i]
		if in.Serves != nil && !in.Serves(t) || cooling && in.Cooling.Rests(*t, in.Now) {
			return Chain{}, false
		}
	}
	return r.chain, true
}
