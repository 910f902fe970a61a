package quotatest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// owners are the clauses on the life of leases.
var owners = []clause{
	{"an owner that is not seen for a lease's life loses its leases", func(b *bench) {
		h, other := b.owner("a"), b.owner("b")
		h.ask(b.need("x", 100, 100), 100)
		b.clock.Advance(life - time.Second)
		other.ask(b.need("x", 100, 1), 0)
		b.clock.Advance(2 * time.Second)
		other.ask(b.need("x", 100, 70), 70)
		b.standing(map[string]quota.Standing{"x": {Leased: 70}})
		// It is granted what it holds again as far as there is room.
		h.ask(b.hold("x", 100, 100), 30)
	}},
	{"an owner that is seen keeps its leases", func(b *bench) {
		h, other := b.owner("a"), b.owner("b")
		h.ask(b.need("x", 100, 100), 100)
		for range 4 {
			b.clock.Advance(life / 2)
			h.ask(b.hold("x", 100, 100), 100)
			other.ask(b.need("x", 100, 1), 0)
		}
	}},
	{"what a dead owner settled counts when it returns", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 50), 50)
		b.clock.Advance(2 * life)
		b.owner("b").ask(b.need("x", 100, 80), 80)
		l := h.call(quota.Call{Batch: 1, Settled: []quota.Charge{b.charge("x", 40)}, Asks: []quota.Ask{b.hold("x", 100, 10)}})[0]
		if l.Lease != 0 || l.Used != 40 || l.Leased != 80 {
			b.Errorf("%+v", l)
		}
	}},
	{"numbers of calls and batches outlive the leases", func(b *bench) {
		h := b.owner("a")
		batch := quota.Call{Batch: 7, Settled: []quota.Charge{b.charge("x", 40)}, Asks: []quota.Ask{b.need("x", 100, 5)}}
		h.call(batch)
		b.clock.Advance(3 * life)
		b.owner("b").ask(b.need("x", 100, 60), 60)
		h.stale(1, batch)
		h.call(batch)
		b.standing(map[string]quota.Standing{"x": {Used: 40, Leased: 60}})
	}},
	{"an owner alone keeps its lease over any silence", func(b *bench) {
		h := b.owner("a")
		h.ask(b.need("x", 100, 60), 60)
		b.clock.Advance(4 * life)
		h.ask(b.hold("x", 100, 60), 60)
		b.standing(map[string]quota.Standing{"x": {Leased: 60}})
	}},
	{"the dead have no share in wishes", func(b *bench) {
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			b.owner(name).ask(b.need("x", 1000, 1), 1)
		}
		b.clock.Advance(2 * life)
		a := b.ask("x", 1000)
		a.Want = 250
		b.owner("z").ask(a, 250)
	}},
}

// rivals are the clauses on many at once.
var rivals = []clause{
	{"owners at the same time never hold more than the limit", func(b *bench) {
		const processes, rounds, limit = 8, 25, 100
		held := make([]quota.Amount, processes)
		var wg sync.WaitGroup
		for i := range processes {
			h := b.owner(string(rune('a' + i)))
			h.store = b.open(b.T, b.clock.Now, life)
			wg.Go(func() { held[i] = h.grab(rounds, limit) })
		}
		wg.Wait()
		sum := quota.Amount(0)
		for _, n := range held {
			sum += n
		}
		if sum > limit || sum == 0 {
			b.Errorf("%d leased of %d", sum, limit)
		}
		b.standing(map[string]quota.Standing{"x": {Leased: sum}})
	}},
	{"any order of settling and asking keeps used and leased within the limit", func(b *bench) {
		const limit = 1000
		rng := rand.New(rand.NewPCG(5, 5)) //nolint:gosec // the same schedule for every store, not a secret
		type process struct {
			*holder
			lease quota.Amount
			batch uint64
		}
		var all []*process
		for i := range 5 {
			all = append(all, &process{holder: b.owner(string(rune('a' + i)))})
		}
		used := quota.Amount(0)
		for range 150 {
			p := all[rng.IntN(len(all))]
			spend := quota.Amount(rng.Int64N(int64(p.lease) + 1))
			a := b.hold("x", limit, p.lease-spend)
			a.Need, a.Want = quota.Amount(rng.Int64N(200)), quota.Amount(rng.Int64N(100))
			c := quota.Call{Asks: []quota.Ask{a}}
			if spend > 0 {
				p.batch++
				c.Batch, c.Settled = p.batch, []quota.Charge{b.charge("x", spend)}
			}
			l := p.call(c)[0]
			if l.Used != used+spend || l.Before != used || l.Used+l.Leased > limit {
				b.Fatalf("after %d and %d: %+v", used, spend, l)
			}
			p.lease, used = l.Lease, l.Used
		}
		if used < limit*3/4 {
			b.Errorf("%d used of %d although all ask for more", used, limit)
		}
	}},
}

// grab asks for ever more, a little at a time, and tells what it got.
func (h *holder) grab(rounds int, limit quota.Amount) quota.Amount {
	lease := quota.Amount(0)
	for range rounds {
		a := h.b.hold("x", limit, lease)
		a.Need = 3
		reply, err := h.try(h.b.Context(), quota.Call{Asks: []quota.Ask{a}})
		if err != nil {
			h.b.Errorf("exchange %d: %v", h.seq, err)
			return lease
		}
		if l := reply.Leases[0]; l.Lease != lease && l.Lease != lease+3 || l.Leased > limit {
			h.b.Errorf("hold %d, need 3: %+v", lease, l)
		}
		lease = reply.Leases[0].Lease
	}
	return lease
}
