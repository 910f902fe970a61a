package quota_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

// What a correction gives back is spent at once, before the store has heard of
// it: more is then reserved than the store has leased. The next process must
// keep all of it, although nothing tells it the limit until somebody asks.
func TestReservationsBeyondTheLeaseOutliveACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		day := limit(quota.Tokens, quota.Day, 100)
		p := start(t, store, quota.Config{}, day).run()
		first := p.reserve(tokens(60))
		p.line.Partition(true)
		back := first.r.Charges(nil)[:1]
		back[0].Amount = -40
		p.ledger.Owe(back)
		p.journal.Correct(back)
		p.reserve(tokens(40))

		journal, open, owed := p.journal.Reopen()
		_ = p.stop()
		next := start(t, store, quota.Config{Journal: journal}, day)
		next.ledger.Owe(owed)
		for _, o := range open {
			next.ledger.Restore(o.Charges)
		}
		next.run()
		if s := first.standing(store); s != (quota.Standing{Used: -40, Leased: 100}) {
			t.Errorf("after the crash: %+v", s)
		}
		other := start(t, store, quota.Config{Journal: quotatest.NewJournal(quota.Owner{2})}, day).run()
		other.refused(tokens(41))
		other.reserve(tokens(40))
	})
}
