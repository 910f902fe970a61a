package quotatest

import (
	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// settlements are the clauses on what is used.
var settlements = []clause{
	{"settled amounts are used and leave the lease", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 50), 50)
		got := h.call(quota.Call{Batch: 1, Settled: []quota.Charge{b.charge("x", 30)}, Asks: []quota.Ask{b.hold("x", 100, 20)}})
		if diff := cmp.Diff([]quota.Lease{{Lease: 20, Used: 30, Before: 0, Leased: 20}}, got); diff != "" {
			b.Errorf("-want +got:\n%s", diff)
		}
		other := b.owner("b").call(quota.Call{Batch: 9, Settled: []quota.Charge{b.charge("x", 5)}, Asks: []quota.Ask{b.need("x", 100, 46)}})
		if diff := cmp.Diff([]quota.Lease{{Used: 35, Before: 30, Leased: 20}}, other); diff != "" {
			b.Errorf("-want +got:\n%s", diff)
		}
		b.owner("b2").ask(b.need("x", 100, 45), 45)
	}},
	{"a batch counts once and none before it", func(b *bench) {
		h := b.owner("a")
		batch := quota.Call{Batch: 5, Settled: []quota.Charge{b.charge("x", 30)}, Asks: []quota.Ask{b.ask("x", 100)}}
		h.call(batch)
		if l := h.call(batch)[0]; l.Before != 30 || l.Used != 30 {
			b.Errorf("repeated: before %d, used %d", l.Before, l.Used)
		}
		batch.Batch = 4
		h.call(batch)
		b.standing(map[string]quota.Standing{"x": {Used: 30}})
		batch.Batch = 6
		h.call(batch)
		b.standing(map[string]quota.Standing{"x": {Used: 60}})
		// Another owner numbers its own.
		b.owner("b").call(quota.Call{Batch: 1, Settled: []quota.Charge{b.charge("x", 1)}})
		b.standing(map[string]quota.Standing{"x": {Used: 61}})
	}},
	{"a repeated batch still changes leases", func(b *bench) {
		h := b.owner("a")
		batch := quota.Call{Batch: 1, Settled: []quota.Charge{b.charge("x", 10)}, Asks: []quota.Ask{b.need("x", 100, 20)}}
		h.call(batch)
		batch.Asks = []quota.Ask{b.hold("x", 100, 5)}
		if l := h.call(batch)[0]; l.Lease != 5 || l.Used != 10 {
			b.Errorf("%+v", l)
		}
	}},
	{"what is settled counts without a lease and above the limit", func(b *bench) {
		h := b.owner("a")
		h.call(quota.Call{Batch: 1, Settled: []quota.Charge{b.charge("x", 130), b.charge("y", 1)}})
		b.standing(map[string]quota.Standing{"x": {Used: 130}, "y": {Used: 1}})
		h.ask(b.need("x", 100, 1), 0)
		h.ask(b.need("x", 140, 10), 10)
	}},
	{"a correction gives back", func(b *bench) {
		h := b.owner("a")
		h.call(quota.Call{Batch: 1, Settled: []quota.Charge{b.charge("x", 100)}})
		h.ask(b.need("x", 100, 1), 0)
		h.call(quota.Call{Batch: 2, Settled: []quota.Charge{b.charge("x", -40)}})
		b.standing(map[string]quota.Standing{"x": {Used: 60}})
		h.ask(b.need("x", 100, 40), 40)
	}},
	{"use saturates on both sides", func(b *bench) {
		h := b.owner("a")
		for i := range 3 {
			h.call(quota.Call{Batch: uint64(i + 1), Settled: []quota.Charge{b.charge("x", quota.MaxAmount), b.charge("y", -quota.MaxAmount)}})
		}
		b.standing(map[string]quota.Standing{"x": {Used: quota.MaxAmount}, "y": {Used: -quota.MaxAmount}})
		h.call(quota.Call{Batch: 4, Settled: []quota.Charge{b.charge("x", -1), b.charge("y", 1)}})
		b.standing(map[string]quota.Standing{"x": {Used: quota.MaxAmount - 1}, "y": {Used: 1 - quota.MaxAmount}})
	}},
	{"the standing of many is in their order and of strangers zero", func(b *bench) {
		h := b.owner("a")
		var of []quota.AccountPeriod
		var want []quota.Standing
		for i := range 40 {
			name := string(rune('a' + i))
			of = append(of, b.id(name))
			if i%3 == 0 {
				want = append(want, quota.Standing{})
				continue
			}
			h.call(quota.Call{
				Batch: uint64(i + 1), Settled: []quota.Charge{b.charge(name, quota.Amount(i))},
				Asks: []quota.Ask{b.need(name, 100, 2)},
			})
			want = append(want, quota.Standing{Used: quota.Amount(i), Leased: 2})
		}
		got, err := b.store.Standing(b.Context(), of)
		if err != nil {
			b.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			b.Errorf("-want +got:\n%s", diff)
		}
	}},
}
