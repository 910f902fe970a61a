package quotatest

import (
	"context"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// calls are the clauses on what arrives late, twice or not at all.
var calls = []clause{
	{"a call earlier than one seen changes nothing", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 10), 10)
		h.ask(b.hold("x", 100, 10), 10)
		late := quota.Call{
			Batch: 1, Settled: []quota.Charge{b.charge("x", 5), b.charge("z", 5)},
			Asks: []quota.Ask{b.need("x", 100, 50), b.need("y", 100, 50)}, Adopt: true,
		}
		h.stale(1, late)
		h.stale(2, late)
		h.stale(0, late)
		b.standing(map[string]quota.Standing{"x": {Leased: 10}, "y": {}, "z": {}})
		h.call(quota.Call{Batch: 1, Settled: []quota.Charge{b.charge("x", 5)}})
		b.standing(map[string]quota.Standing{"x": {Used: 5, Leased: 10}})
	}},
	{"numbers may leave gaps", func(b *bench) {
		h := b.owner("a")
		h.seq = 1_800_000_000_000_000
		h.ask(b.need("x", 100, 10), 10)
		h.stale(1_700_000_000_000_000, quota.Call{})
		h.seq += 1000
		h.ask(b.hold("x", 100, 10), 10)
	}},
	{"a call without asks tells the time", func(b *bench) {
		h := b.owner("a")
		for range 3 {
			reply, err := h.try(b.Context(), quota.Call{})
			if err != nil {
				b.Fatal(err)
			}
			if off := reply.Now.Sub(b.clock.Now()).Abs(); off > time.Millisecond {
				b.Errorf("%v away from the clock", off)
			}
			b.clock.Advance(time.Minute)
		}
	}},
	{"a call whose caller is gone fails and may be repeated", func(b *bench) {
		h := b.owner("a")
		gone, cancel := context.WithCancel(b.Context())
		cancel()
		c := quota.Call{Batch: 1, Settled: []quota.Charge{b.charge("x", 5)}, Asks: []quota.Ask{b.need("x", 100, 50)}}
		if _, err := h.try(gone, c); err == nil {
			b.Error("no error")
		}
		if l := h.call(c)[0]; l.Lease != 50 || l.Used != 5 || l.Leased != 50 {
			b.Errorf("%+v", l)
		}
	}},
	{"a process that begins anew keeps only what it asks for", func(b *bench) {
		h, other := b.owner("a"), b.owner("b")
		h.asks(b.need("x", 100, 50), b.need("y", 100, 50), b.need("z", 100, 50))
		other.asks(b.need("x", 100, 10), b.need("z", 100, 10))
		leases := h.call(quota.Call{Adopt: true, Asks: []quota.Ask{b.hold("x", 100, 20), b.hold("y", 0, 30)}})
		if leases[0].Lease != 20 || leases[1].Lease != 30 {
			b.Errorf("%+v", leases)
		}
		b.standing(map[string]quota.Standing{"x": {Leased: 30}, "y": {Leased: 30}, "z": {Leased: 10}})
	}},
	{"all handles show the same data", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 60), 60)
		h.store = b.open(b.T, b.clock.Now, life)
		h.stale(1, quota.Call{})
		h.ask(b.hold("x", 100, 50), 50)
		b.standing(map[string]quota.Standing{"x": {Leased: 50}})
	}},
}
