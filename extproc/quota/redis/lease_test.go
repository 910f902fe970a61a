package redis

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

func TestTheLeasesOfADeadOwnerAreReclaimedInBoundedSteps(t *testing.T) {
	server := redistest.Start(t)
	clock := quotatest.NewClock(time.Now())
	s := opened(t, Options{Addrs: []string{server.Addr()}}, clock.Now)
	dead, alive := newReplica(t, s, "dead"), newReplica(t, s, "alive")
	const leases = 1300 // all in one shard
	at := func(i int) int { return 1 + i*numShards }
	for i := 0; i < leases; i += 100 {
		var asks []quota.Ask
		for j := range 100 {
			asks = append(asks, need(at(i+j), 10, 10))
		}
		dead.call(quota.Call{Asks: asks})
	}
	clock.Advance(5*time.Minute - time.Microsecond)
	if got := alive.leases(need(at(0), 10, 10)); got[0] != 0 {
		t.Error("a lease of an owner that is alive went to another")
	}
	clock.Advance(time.Microsecond)
	dead.standing(at(leases-1), quota.Standing{}) // not counted, though not reclaimed yet
	left := func() int64 {
		n, err := server.Client().ZCard(bounded(t, 10*time.Second), s.tag(1)+":h:"+encode(dead.owner)+":1").Result()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, want := range []int64{leases - 512, leases - 1024, 0, 0} {
		alive.leases(hold(1, 10, 0))
		if n := left(); n != want {
			t.Errorf("%d leases left, want %d", n, want)
		}
	}
	var asks []quota.Ask
	for i := range leases {
		asks = append(asks, need(at(i), 10, 10))
	}
	for i, lease := range alive.leases(asks...) {
		if lease != 10 {
			t.Fatalf("lease %d is %d after all were reclaimed", i, lease)
		}
	}
}

func TestAnOwnerThatBeginsAnewIsRidOfAnyNumberOfLeases(t *testing.T) {
	server := redistest.Start(t)
	s := opened(t, Options{Addrs: []string{server.Addr()}}, nil)
	r := newReplica(t, s, "a")
	var asks []quota.Ask
	for i := range 3000 {
		asks = append(asks, need(i, 10, 10))
	}
	r.call(quota.Call{Asks: asks})
	// Another handle, as after a restart: it knows of no lease.
	again := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}}, nil), "a")
	again.seq = r.seq
	got := again.call(quota.Call{Adopt: true, Asks: []quota.Ask{hold(5, 10, 4), hold(7, 10, 10)}})
	want := []quota.Lease{{Lease: 4, Leased: 4}, {Lease: 10, Leased: 10}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	for _, n := range []int{0, 6, 100, 2999} {
		again.standing(n, quota.Standing{})
	}
	again.standing(5, quota.Standing{Leased: 4})
}

func TestAnyCallKeepsLeasesInAllShardsAlive(t *testing.T) {
	server := redistest.Start(t)
	clock := quotatest.NewClock(time.Now())
	s := opened(t, Options{Addrs: []string{server.Addr()}}, clock.Now)
	holds, rival := newReplica(t, s, "holds"), newReplica(t, s, "rival")
	holds.leases(need(1, 10, 10), need(2, 10, 10), need(3, 10, 10))
	for range 10 {
		clock.Advance(time.Minute)
		holds.call(quota.Call{})
	}
	clock.Advance(4*time.Minute + 29*time.Second)
	if diff := cmp.Diff([]quota.Amount{0, 0, 0}, rival.leases(need(1, 10, 10), need(2, 10, 10), need(3, 10, 10))); diff != "" {
		t.Errorf("rival (-want +got):\n%s", diff)
	}
	clock.Advance(31 * time.Second)
	if diff := cmp.Diff([]quota.Amount{10, 10, 10}, rival.leases(need(1, 10, 10), need(2, 10, 10), need(3, 10, 10))); diff != "" {
		t.Errorf("rival after the holder's death (-want +got):\n%s", diff)
	}
}

func TestLeasesEndWhenAllHaveBeenAwayForLong(t *testing.T) {
	server := redistest.Start(t)
	const life = 40 * time.Millisecond
	s := opened(t, Options{Addrs: []string{server.Addr()}, LeaseLife: life}, nil)
	total := need(1, 100, 60)
	total.Period, total.Ends = 0, time.Time{}
	first := newReplica(t, s, "first")
	c := charge(1, 7)
	c.Period = 0
	first.call(quota.Call{Batch: 1, Settled: []quota.Charge{c}, Asks: []quota.Ask{total}})
	// Every trace of the owner but its numbers is forgotten by itself.
	client := server.Client()
	until(t, "only counts and numbers are left", func() bool {
		keys, err := client.Keys(bounded(t, 10*time.Second), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return len(keys) == 2
	})
	got := newReplica(t, s, "second").call(quota.Call{Asks: []quota.Ask{total}})
	if diff := cmp.Diff([]quota.Lease{{Lease: 60, Used: 7, Before: 7, Leased: 60}}, got); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	// The first comes back, and has nothing of its own there.
	mine := total
	mine.Need, mine.Hold = 0, 60
	if got := first.leases(mine); got[0] != 33 {
		t.Errorf("%d of what is left, want 33", got[0])
	}
}

func TestOnlyCountsThatNeverEndLiveForever(t *testing.T) {
	server := redistest.Start(t)
	s := opened(t, Options{Addrs: []string{server.Addr()}}, nil)
	r := newReplica(t, s, "a")
	forever := need(3, 100, 5)
	forever.Period, forever.Ends = 0, time.Time{}
	over := need(4, 100, 5)
	over.Ends = time.Now().Add(-time.Hour)
	ever := charge(3, 1)
	ever.Period = 0
	unknown := charge(5, 2)
	r.call(quota.Call{Batch: 1, Settled: []quota.Charge{charge(1, 1), ever, unknown, charge(6, 3)}, Asks: []quota.Ask{need(1, 100, 5), forever, over, need(6, 100, 1)}})
	newReplica(t, s, "b").leases(hold(1, 100, 7))
	r.call(quota.Call{Adopt: true, Batch: 2, Settled: []quota.Charge{charge(6, -3)}, Asks: []quota.Ask{hold(6, 100, 0), forever}})
	ctx, client := bounded(t, 10*time.Second), server.Client()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) < 10 {
		t.Errorf("only %d keys", len(keys))
	}
	for _, key := range keys {
		ttl, err := client.PTTL(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		endless := strings.Contains(key, ":p:") && strings.HasSuffix(key, ":0")
		if endless != (ttl < 0) {
			t.Errorf("%s lives for %s", key, ttl)
		}
		for count, want := range map[quota.AccountPeriod]time.Duration{
			count(1): 48 * time.Hour, over.AccountPeriod: 5 * time.Minute, count(5): 35 * 24 * time.Hour,
		} {
			if key == periodKey(s.tag(shardOf(count.Account)), count) && (ttl > want || ttl < want-time.Minute) {
				t.Errorf("%s lives for %s, want %s", key, ttl, want)
			}
		}
	}
	if n, err := client.Exists(ctx, periodKey(s.tag(6), count(6))).Result(); n != 0 || err != nil {
		t.Errorf("a count of nothing stays: %d, %v", n, err)
	}
}

func TestCountsAreExactToTheirBoundsAndStayThere(t *testing.T) {
	server := redistest.Start(t)
	s := opened(t, Options{Addrs: []string{server.Addr()}}, nil)
	r := newReplica(t, s, "a")
	const most = quota.MaxAmount
	steps := []struct{ settle, used, need, lease quota.Amount }{
		{most - 3, most - 3, 4, 0},
		{0, most - 3, 3, 3},
		{1, most - 2, 0, 0},
		{1, most - 1, 1, 1},
		{1, most, 1, 0},
		{1, most, 1, 0},
		{math.MaxInt64, most, 1, 0},
		{-1, most - 1, 1, 1},
		{math.MinInt64, -1, most, most},
		{-most + 1, -most, most, most},
		{math.MinInt64, -most, most, most},
		{most, 0, most, most},
	}
	for i, step := range steps {
		got := r.call(quota.Call{Batch: uint64(i + 1), Settled: []quota.Charge{charge(1, step.settle)}, Asks: []quota.Ask{need(1, most, step.need)}})
		if got[0].Used != step.used || got[0].Lease != step.lease || got[0].Leased != step.lease {
			t.Errorf("step %d: %+v, want used %d, lease %d", i, got[0], step.used, step.lease)
		}
	}
}

func TestNumbersOfCallsAndBatchesUseAll64Bits(t *testing.T) {
	server := redistest.Start(t)
	s := opened(t, Options{Addrs: []string{server.Addr()}}, nil)
	r := newReplica(t, s, "a")
	used := quota.Amount(0)
	for _, n := range []uint64{9, 10, 1 << 53, 1<<53 + 1, math.MaxUint64 - 1, math.MaxUint64} {
		used++
		c := quota.Call{Batch: n, Seq: n, Settled: []quota.Charge{charge(1, 1)}, Asks: []quota.Ask{hold(1, 100, 0)}}
		if got := r.call(c); got[0].Used != used {
			t.Errorf("batch %d: %+v, want %d", n, got[0], used)
		}
		if _, err := newReplica(t, opened(t, Options{Addrs: []string{server.Addr()}}, nil), "a").try(bounded(t, time.Second), c); err != quota.ErrStale { //nolint:errorlint // it is returned as it is
			t.Errorf("call %d again: %v", n, err)
		}
	}
}
