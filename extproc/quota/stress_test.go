package quota_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFourReplicasAndManyClientsAtOncePassNoLimitAndLoseNothing(t *testing.T) {
	const replicas, clients, amount = 4, 16, 20_000
	store := quotatest.NewMemory(time.Now, life)
	limits := []quota.Limit{limit(quota.Tokens, quota.Total, amount), limit(quota.Concurrent, quota.Total, 40)}
	var under atomic.Int64 // under way
	var most, total atomic.Int64
	var runs, work sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for i := range replicas {
		p := start(t, store, quota.Config{
			Journal: quotatest.NewJournal(quota.Owner{byte(i)}), Interval: 5 * time.Millisecond, Wait: 5 * time.Second,
		}, limits...)
		runs.Go(func() {
			if err := p.ledger.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for c := range clients {
			work.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(c)))
				deadline := time.Now().Add(20 * time.Second)
				for misses := 0; misses < 40 && time.Now().Before(deadline); {
					q, refusal := p.try(tokens(quota.Amount(1 + rng.IntN(30))))
					if refusal != nil {
						misses++
						continue
					}
					n := under.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					runtime.Gosched()
					used := quota.Amount(rng.Int64N(int64(q.r.Charges(nil)[0].Amount) + 1))
					total.Add(int64(used))
					under.Add(-1)
					q.settle(tokens(used))
				}
			})
		}
	}
	work.Wait()
	stop()
	runs.Wait()
	id := identify(t, store, limits, acme)[0]
	got, err := store.Standing(t.Context(), []quota.AccountPeriod{{Account: id}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d settled of %d, at most %d under way", total.Load(), amount, most.Load())
	if got[0] != (quota.Standing{Used: quota.Amount(total.Load())}) || total.Load() > amount || most.Load() > 40 {
		t.Errorf("the store knows %+v, %d were settled of %d, %d were under way", got[0], total.Load(), amount, most.Load())
	}
	if total.Load() < amount/2 {
		t.Errorf("only %d of %d could be spent", total.Load(), amount)
	}
}
