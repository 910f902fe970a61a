package quota

import (
	"context"
	"encoding/binary"
	"testing"
	"time"
)

// nowhere is a store that takes everything and grants what is asked.
type nowhere struct{}

func (nowhere) Exchange(_ context.Context, c Call) (Reply, error) {
	r := Reply{Now: time.Now(), Leases: make([]Lease, len(c.Asks))}
	for i, a := range c.Asks {
		r.Leases[i].Lease = a.Hold + a.Need + a.Want
	}
	return r, nil
}

func (nowhere) Standing(_ context.Context, of []AccountPeriod) ([]Standing, error) {
	return make([]Standing, len(of)), nil
}

// blank is a journal in which nothing ever happens.
type blank struct{}

func (blank) Owner() Owner            { return Owner{} }
func (blank) Cut() (uint64, []Charge) { return 0, nil }
func (blank) Acknowledge(uint64)      {}

// BenchmarkExchangeOf300000Leases is one interval's work when nothing has to be
// asked for.
func BenchmarkExchangeOf300000Leases(b *testing.B) {
	l := NewLedger(Config{Cached: 8, Store: nowhere{}, Journal: blank{}})
	r := &rule{Limit: Limit{Name: "n", Unit: Tokens, Amount: 1000}, most: MaxAmount, set: l.rules.Load()}
	for i := range 300_000 {
		var id Account
		binary.LittleEndian.PutUint64(id[:], uint64(i)*0x9e3779b97f4a7c15)
		l.of(&account{id: id, rule: r}, time.Now())
	}
	for b.Loop() {
		for _, s := range l.talk.active {
			s.idle.Store(0)
		}
		if err := l.exchange(b.Context(), everything); err != nil {
			b.Fatal(err)
		}
	}
}
