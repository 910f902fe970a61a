package quotatest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// grants are the clauses on how much a lease is.
var grants = []clause{
	{"a need is granted whole while there is room", func(b *bench) {
		h := b.owner("a")
		got := h.ask(b.need("x", 100, 60), 60)
		if diff := cmp.Diff(quota.Lease{Lease: 60, Leased: 60}, got); diff != "" {
			b.Errorf("-want +got:\n%s", diff)
		}
		a := b.hold("x", 100, 60)
		a.Need = 40
		h.ask(a, 100)
	}},
	{"a need without room gets nothing", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 101), 0)
		h.ask(b.need("x", 100, 60), 60)
		b.owner("b").ask(b.need("x", 100, 41), 0)
		b.owner("c").ask(b.need("x", 100, 40), 40)
		b.standing(map[string]quota.Standing{"x": {Leased: 100}})
	}},
	{"a wish leaves others a share", func(b *bench) {
		a := b.ask("x", 1000)
		a.Want = 1000
		h := b.owner("a")
		l := h.asks(a)[0]
		if l.Lease < 1 || l.Lease > 500 {
			b.Errorf("the only owner wants all and gets %d of 1000", l.Lease)
		}
		l2 := b.owner("b").asks(a)[0]
		if room := 1000 - l.Lease; l2.Lease < 1 || l2.Lease > room/2 {
			b.Errorf("the second gets %d of %d", l2.Lease, room)
		}
		a.Hold, a.Want = l.Lease, 7
		h.ask(a, l.Lease+7)
	}},
	{"a need is granted before a wish and a wish without the need", func(b *bench) {
		a := b.need("x", 100, 90)
		a.Want = 100
		if l := b.owner("a").asks(a)[0]; l.Lease < 90 || l.Lease > 95 {
			b.Errorf("lease %d", l.Lease)
		}
		a = b.need("y", 100, 101)
		a.Want = 10
		b.owner("a2").ask(a, 10)
	}},
	{"what is not held is free for others", func(b *bench) {
		h, other := b.owner("a"), b.owner("b")
		h.ask(b.need("x", 100, 100), 100)
		other.ask(b.need("x", 100, 30), 0)
		h.ask(b.hold("x", 100, 70), 70)
		other.ask(b.need("x", 100, 30), 30)
	}},
	{"grants that nobody heard of return by themselves", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 100), 100)
		// The owner asks again as if the reply had been lost.
		h.ask(b.need("x", 100, 100), 100)
		h.ask(b.ask("x", 100), 0)
		b.standing(map[string]quota.Standing{"x": {}})
	}},
	{"a lease not asked for stays", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 50), 50)
		h.ask(b.need("y", 100, 10), 10)
		h.asks()
		b.standing(map[string]quota.Standing{"x": {Leased: 50}, "y": {Leased: 10}})
	}},
	{"holding what one never had needs room", func(b *bench) {
		b.owner("a").ask(b.need("x", 100, 70), 70)
		b.owner("b").ask(b.hold("x", 100, 50), 30)
		b.standing(map[string]quota.Standing{"x": {Leased: 100}})
	}},
	{"a lowered limit leaves leases and grants no more", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 80), 80)
		h.ask(b.hold("x", 50, 80), 80)
		a := b.hold("x", 50, 60)
		a.Need, a.Want = 1, 10
		h.ask(a, 60)
		b.owner("b").ask(b.need("x", 50, 1), 0)
		h.ask(b.hold("x", 0, 60), 60)
	}},
	{"a limit of nothing grants nothing", func(b *bench) {
		a := b.need("x", 0, 1)
		a.Want = 1
		b.owner("a").ask(a, 0)
	}},
	{"amounts are exact up to the greatest", func(b *bench) {
		h, other := b.owner("a"), b.owner("b")
		h.ask(b.need("x", quota.MaxAmount, quota.MaxAmount-1), quota.MaxAmount-1)
		other.ask(b.need("x", quota.MaxAmount, 2), 0)
		other.ask(b.need("x", quota.MaxAmount, 1), 1)
		h.call(quota.Call{
			Batch: 1, Settled: []quota.Charge{b.charge("x", quota.MaxAmount-3)},
			Asks: []quota.Ask{b.hold("x", quota.MaxAmount, 2)},
		})
		b.standing(map[string]quota.Standing{"x": {Used: quota.MaxAmount - 3, Leased: 3}})
	}},
	{"periods and accounts are counted apart", func(b *bench) {
		h := b.owner("a")
		now := b.need("x", 100, 100)
		next := now
		next.Period += 60
		total := now
		total.Period, total.Ends = 0, time.Time{}
		for i, l := range h.asks(now, next, total, b.need("y", 100, 100)) {
			if l.Lease != 100 {
				b.Errorf("lease %d: %d", i, l.Lease)
			}
		}
	}},
	{"leases come in the order of asks", func(b *bench) {
		var asks []quota.Ask
		for i := range 200 {
			asks = append(asks, b.need(string(rune('a'+i)), 1000, quota.Amount(i+1)))
		}
		for i, l := range b.owner("a").asks(asks...) {
			if l.Lease != quota.Amount(i+1) || l.Leased != l.Lease {
				b.Errorf("lease %d: %+v", i, l)
			}
		}
	}},
}
