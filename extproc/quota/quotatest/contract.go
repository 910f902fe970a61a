package quotatest

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Open gives a handle to a store. Within one t all handles are to the same,
// initially empty data; another t has its own. now is the store's clock, also
// where its server has one of its own, and life is the life of leases.
type Open func(t *testing.T, now func() time.Time, life time.Duration) quota.Store

// Contract is what every store must do. It takes no real time: the virtual
// clock begins at the present, so that what a server itself forgets by its own
// clock is not forgotten too early.
func Contract(t *testing.T, open func(t *testing.T, now func() time.Time, life time.Duration) quota.Store) {
	t.Helper()
	for _, group := range [][]clause{grants, settlements, calls, owners, rivals} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { c.check(newBench(t, open)) })
		}
	}
}

// clause is one sentence of the contract.
type clause struct {
	name  string
	check func(*bench)
}

// life is how long the contract's leases live.
const life = 5 * time.Minute

// bench is one clause's store and clock.
type bench struct {
	*testing.T
	open   Open
	clock  *Clock
	store  quota.Store
	period quota.Period // of all counts, wherever the clock goes
}

func newBench(t *testing.T, open Open) *bench {
	t.Helper()
	clock := NewClock(time.Now().UTC().Truncate(time.Millisecond))
	period, _ := quota.Hour.Of(clock.Now())
	return &bench{T: t, open: open, clock: clock, store: open(t, clock.Now, life), period: period}
}

// id is a count of this clause's own, also where clauses share a server.
func (b *bench) id(name string) quota.AccountPeriod {
	sum := sha256.Sum256([]byte(b.Name() + "\x00" + name))
	return quota.AccountPeriod{Account: quota.Account(sum[:16]), Period: b.period}
}

// owner is a holder of leases with its own running number.
func (b *bench) owner(name string) *holder {
	sum := sha256.Sum256([]byte(b.Name() + "\x00owner\x00" + name))
	return &holder{b: b, store: b.store, id: quota.Owner(sum[:16])}
}

// ask is for a count with that limit.
func (b *bench) ask(name string, limit quota.Amount) quota.Ask {
	return quota.Ask{AccountPeriod: b.id(name), Ends: b.clock.Now().Add(48 * time.Hour), Limit: limit}
}

func (b *bench) need(name string, limit, need quota.Amount) quota.Ask {
	a := b.ask(name, limit)
	a.Need = need
	return a
}

func (b *bench) hold(name string, limit, hold quota.Amount) quota.Ask {
	a := b.ask(name, limit)
	a.Hold = hold
	return a
}

func (b *bench) charge(name string, n quota.Amount) quota.Charge {
	ap := b.id(name)
	return quota.Charge{Account: ap.Account, Period: ap.Period, Unit: quota.Tokens, Amount: n}
}

// standing checks what the store knows of counts.
func (b *bench) standing(want map[string]quota.Standing) {
	b.Helper()
	for name, w := range want {
		got, err := b.store.Standing(b.Context(), []quota.AccountPeriod{b.id(name)})
		if err != nil {
			b.Fatalf("standing of %s: %v", name, err)
		}
		if diff := cmp.Diff([]quota.Standing{w}, got); diff != "" {
			b.Errorf("standing of %s (-want +got):\n%s", name, diff)
		}
	}
}

// holder makes the calls of one owner.
type holder struct {
	b     *bench
	store quota.Store
	id    quota.Owner
	seq   uint64
}

// call makes the next call, which must not fail.
func (h *holder) call(c quota.Call) []quota.Lease {
	h.b.Helper()
	reply, err := h.try(h.b.Context(), c)
	if err != nil {
		h.b.Fatalf("exchange %d: %v", h.seq, err)
	}
	if len(reply.Leases) != len(c.Asks) {
		h.b.Fatalf("%d leases for %d asks", len(reply.Leases), len(c.Asks))
	}
	return reply.Leases
}

// asks makes the next call with nothing settled.
func (h *holder) asks(asks ...quota.Ask) []quota.Lease {
	h.b.Helper()
	return h.call(quota.Call{Asks: asks})
}

// ask makes the next call with one ask and checks its lease.
func (h *holder) ask(a quota.Ask, want quota.Amount) quota.Lease {
	h.b.Helper()
	l := h.asks(a)[0]
	if l.Lease != want {
		h.b.Errorf("hold %d, need %d, want %d of %d: lease %d, want %d", a.Hold, a.Need, a.Want, a.Limit, l.Lease, want)
	}
	return l
}

func (h *holder) try(ctx context.Context, c quota.Call) (quota.Reply, error) {
	h.seq++
	c.Owner, c.Seq = h.id, h.seq
	return h.store.Exchange(ctx, c)
}

// stale makes a call with an earlier number, which must be refused.
func (h *holder) stale(seq uint64, c quota.Call) {
	h.b.Helper()
	c.Owner, c.Seq = h.id, seq
	if _, err := h.store.Exchange(h.b.Context(), c); !errors.Is(err, quota.ErrStale) {
		h.b.Errorf("call %d after %d: %v, want ErrStale", seq, h.seq, err)
	}
}
