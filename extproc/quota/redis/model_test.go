package redis

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

// Random calls of several owners over a single-shard store in memory and over
// 64 shards in Redis have the same answers. Wants are left out: what they are
// granted depends on how many owners a shard knows.
func TestItAnswersAsTheModelDoes(t *testing.T) {
	server := redistest.Start(t)
	var runs atomic.Int64
	counts := []int{0, numShards, 2 * numShards, 1, 1 + numShards, 2} // in three shards
	rapid.Check(t, func(rt *rapid.T) {
		clock := quotatest.NewClock(time.Now().Truncate(time.Hour).Add(time.Second))
		const life = 5 * time.Minute
		model := quotatest.NewMemory(clock.Now, life)
		prefix := fmt.Sprintf("m%d", runs.Add(1))
		var stores []*Store // each owner is a process with a store of its own
		for range 3 {
			stores = append(stores, modelled(rt, Options{Addrs: []string{server.Addr()}, Prefix: prefix, LeaseLife: life}, clock.Now))
		}
		var seqs, batches [3]uint64
		var settled [3][]quota.Charge // of the batch, which has the same contents whenever it is sent
		for range rapid.IntRange(1, 40).Draw(rt, "calls") {
			clock.Advance(rapid.SampledFrom([]time.Duration{0, time.Minute, time.Minute, 4 * time.Minute, 5 * time.Minute, 21 * time.Minute}).Draw(rt, "pass"))
			who := rapid.IntRange(0, 2).Draw(rt, "owner")
			seqs[who] += rapid.Uint64Range(0, 2).Draw(rt, "seq")
			if rapid.Bool().Draw(rt, "new batch") {
				batches[who]++
				settled[who] = nil
				for _, n := range rapid.SliceOfN(rapid.SampledFrom(counts), 0, 4).Draw(rt, "charged") {
					settled[who] = append(settled[who], charge(n, quota.Amount(rapid.IntRange(-5, 20).Draw(rt, "amount"))))
				}
			}
			c := quota.Call{
				Owner: quota.Owner{byte(who + 1)}, Seq: seqs[who], Batch: batches[who], Settled: settled[who],
				Adopt: rapid.IntRange(0, 9).Draw(rt, "adopt") == 0,
			}
			for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom(counts), 0, 4, rapid.ID[int]).Draw(rt, "asked") {
				amount := rapid.IntRange(0, 60)
				ask := need(n, quota.Amount(100+rapid.IntRange(-20, 20).Draw(rt, "limit")), quota.Amount(amount.Draw(rt, "need")))
				ask.Hold = quota.Amount(amount.Draw(rt, "hold"))
				c.Asks = append(c.Asks, ask)
			}
			want, wantErr := model.Exchange(t.Context(), c)
			got, err := stores[who].Exchange(t.Context(), c)
			if err != wantErr { //nolint:errorlint // ErrStale is returned as it is
				rt.Fatalf("%+v: error %v, want %v", c, err, wantErr)
			}
			if err == nil && !cmp.Equal(want.Leases, got.Leases, cmp.Transformer("", func(l []quota.Lease) []quota.Lease { return append([]quota.Lease{}, l...) })) {
				rt.Fatalf("%+v (-want +got):\n%s", c, cmp.Diff(want.Leases, got.Leases))
			}
		}
		var all []quota.AccountPeriod
		for _, n := range counts {
			all = append(all, count(n))
		}
		want, _ := model.Standing(t.Context(), all)
		got, err := stores[0].Standing(t.Context(), all)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			rt.Fatalf("standing: %v (-want +got):\n%s", err, diff)
		}
	})
}

// modelled is a store for the length of one run.
func modelled(rt *rapid.T, o Options, now func() time.Time) *Store {
	s, err := Open(o)
	if err != nil {
		rt.Fatal(err)
	}
	rt.Cleanup(func() { _ = s.Close() })
	s.now = now
	return s
}
