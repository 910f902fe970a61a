package redis

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// hour is the period that the tests count in unless they say otherwise.
var hour = func() quota.Period { p, _ := quota.Hour.Of(time.Now()); return p }()

// count is the n-th account's period; accounts go round the shards.
func count(n int) quota.AccountPeriod {
	var a quota.Account
	a[0] = byte(n % numShards)
	binary.BigEndian.PutUint64(a[8:], uint64(n))
	return quota.AccountPeriod{Account: a, Period: hour}
}

// need asks for an amount of the n-th count, hold keeps it.
func need(n int, limit, amount quota.Amount) quota.Ask {
	return quota.Ask{AccountPeriod: count(n), Ends: time.Now().Add(48 * time.Hour), Limit: limit, Need: amount}
}

func hold(n int, limit, amount quota.Amount) quota.Ask {
	a := need(n, limit, 0)
	a.Hold = amount
	return a
}

func charge(n int, amount quota.Amount) quota.Charge {
	c := count(n)
	return quota.Charge{Account: c.Account, Period: c.Period, Amount: amount}
}

// replica is an owner with its running number, at a store.
type replica struct {
	testing.TB
	store *Store
	owner quota.Owner
	seq   uint64
}

func newReplica(t testing.TB, s *Store, name string) *replica {
	t.Helper()
	r := &replica{TB: t, store: s}
	copy(r.owner[:], name)
	return r
}

func (r *replica) try(ctx context.Context, c quota.Call) (quota.Reply, error) {
	r.seq++
	c.Owner, c.Seq = r.owner, cmp.Or(c.Seq, r.seq)
	return r.store.Exchange(ctx, c)
}

// call must succeed.
func (r *replica) call(c quota.Call) []quota.Lease {
	r.Helper()
	reply, err := r.try(bounded(r, 10*time.Second), c)
	if err != nil {
		r.Fatal(err)
	}
	return reply.Leases
}

// leases are what the asks are answered with.
func (r *replica) leases(asks ...quota.Ask) []quota.Amount {
	r.Helper()
	var out []quota.Amount
	for _, l := range r.call(quota.Call{Asks: asks}) {
		out = append(out, l.Lease)
	}
	return out
}

// repeated calls until it succeeds, each time with a greater number, as ledgers
// do.
func (r *replica) repeated(c quota.Call) []quota.Lease {
	r.Helper()
	ctx := bounded(r, 30*time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		try, cancel := context.WithTimeout(ctx, time.Second)
		reply, err := r.try(try, c)
		cancel()
		if err == nil {
			return reply.Leases
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.Fatalf("the last of many errors: %v", err)
		}
	}
}

// standing checks one count.
func (r *replica) standing(n int, want quota.Standing) {
	r.Helper()
	got, err := r.store.Standing(bounded(r, 10*time.Second), []quota.AccountPeriod{count(n)})
	if err != nil {
		r.Fatal(err)
	}
	if got[0] != want {
		r.Errorf("count %d: %+v, want %+v", n, got[0], want)
	}
}

// until polls a condition.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ctx := bounded(t, 30*time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// timedOut tells that a call has ended with its deadline.
func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
