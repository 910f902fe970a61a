package quota_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

func TestTheBalanceKnowsWhatOthersUsedFromTheFirstQuestionOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		day := limit(quota.Tokens, quota.Day, 100)
		other := start(t, store, quota.Config{Journal: quotatest.NewJournal(quota.Owner{2})}, day).run()
		other.reserve(tokens(30)).settle(tokens(30))
		<-time.After(10 * time.Second)
		p := start(t, store, quota.Config{}, day).run()
		check := func(remaining quota.Amount) {
			t.Helper()
			balance, err := p.ledger.Balance(t.Context(), p.accounts(acme, "m"))
			if err != nil || len(balance) != 1 || balance[0].Remaining != remaining {
				t.Errorf("%+v, %v, want %d", balance, err, remaining)
			}
		}
		check(70)
		q := p.reserve(tokens(20))
		check(50)
		q.settle(tokens(5))
		check(65)
		<-time.After(20 * time.Second)
		check(65)
		p.line.Partition(true)
		if balance, err := p.ledger.Balance(t.Context(), p.accounts(acme, "m")); err == nil {
			t.Errorf("the store is away, and the balance is %+v", balance)
		}
	})
}
