package quota_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

// TestAClockThatIsSetBackHoldsUpNobody starts a process anew by a clock that
// shows less than its predecessor's did: its first calls are late ones to a store
// that answers.
func TestAClockThatIsSetBackHoldsUpNobody(t *testing.T) {
	for _, back := range []time.Duration{30 * time.Second, time.Hour, 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			store := quotatest.NewMemory(time.Now, life)
			journal := quotatest.NewJournal(quota.Owner{1})
			ahead := quota.Config{Journal: journal, Now: func() time.Time { return time.Now().Add(back) }}
			before := start(t, store, ahead, limit(quota.Tokens, quota.Total, 1000)).run()
			before.reserve(tokens(100)).settle(tokens(100))
			if err := before.stop(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			after := start(t, store, quota.Config{Journal: journal}, limit(quota.Tokens, quota.Total, 1000)).run()
			after.reserve(tokens(500)).settle(tokens(500))
			if took := time.Since(began); took > 0 {
				t.Errorf("a clock set back by %s holds a request up for %s", back, took)
			}
			if err := after.stop(); err != nil {
				t.Fatal(err)
			}
			standing, err := store.Standing(t.Context(), after.ledger.Periods(after.accounts(acme, "openai/gpt-5"), nil))
			if err != nil || standing[0].Used != 600 {
				t.Errorf("%d are used, %v", standing[0].Used, err)
			}
		})
	}
}
