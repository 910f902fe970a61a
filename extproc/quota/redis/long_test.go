package redis

import (
	"context"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

func TestAClusterServesAndANodeThatWasAwayIsCaughtUpWith(t *testing.T) {
	long(t)
	cluster := redistest.StartCluster(t, 3)
	options := Options{Addrs: cluster.Addrs()[:1], Cluster: true}
	quotatest.Contract(t, func(t *testing.T, now func() time.Time, life time.Duration) quota.Store {
		t.Helper()
		o := options
		o.Prefix, o.LeaseLife = own(t), life
		return opened(t, o, now)
	})
	r := newReplica(t, opened(t, options, nil), "a")
	all := func(batch uint64) quota.Call {
		c := quota.Call{Batch: batch}
		for n := range 2 * numShards {
			c.Settled = append(c.Settled, charge(n, 1))
			c.Asks = append(c.Asks, hold(n, 100, 10))
		}
		return c
	}
	r.call(all(1))
	nodes := 0
	for _, server := range cluster.Servers {
		if n, err := server.Client().DBSize(bounded(t, 5*time.Second)).Result(); err == nil && n > 20 {
			nodes++
		}
	}
	if nodes != 3 {
		t.Errorf("the shards are on %d nodes", nodes)
	}
	cluster.Servers[1].Pause()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		start := time.Now()
		if _, err := r.try(ctx, all(2)); err == nil {
			t.Error("a call succeeds without one of its nodes")
		}
		if took := time.Since(start); took > 500*time.Millisecond {
			t.Errorf("a call of 20 ms took %s", took)
		}
		cancel()
	}
	cluster.Servers[1].Resume()
	for n, l := range r.repeated(all(2)) {
		if l.Used != 2 || l.Lease != 10 || l.Leased != 10 {
			t.Errorf("count %d: %+v", n, l)
		}
	}
}

func TestAfterAFailoverTheNewMasterServes(t *testing.T) {
	long(t)
	group := redistest.StartSentinel(t)
	r := newReplica(t, opened(t, Options{Addrs: group.Addrs, Master: redistest.Master}, nil), "a")
	for batch := range uint64(5) {
		r.repeated(quota.Call{Batch: batch + 1, Settled: []quota.Charge{charge(1, 1)}, Asks: []quota.Ask{hold(1, 100, 10)}})
	}
	master, replica := group.Servers[0].Client(), group.Servers[1].Client()
	until(t, "the replica has all", func() bool {
		ctx := bounded(t, 5*time.Second)
		want, err := master.HGet(ctx, periodKey(r.store.tag(1), count(1)), "u").Result()
		got, err2 := replica.HGet(ctx, periodKey(r.store.tag(1), count(1)), "u").Result()
		return err == nil && err2 == nil && want == "5" && got == want
	})
	group.Servers[0].Kill()
	start := time.Now()
	if l := r.repeated(quota.Call{Batch: 6, Settled: []quota.Charge{charge(1, 1)}, Asks: []quota.Ask{hold(1, 100, 10)}})[0]; l.Used != 6 || l.Lease != 10 {
		t.Errorf("%+v", l)
	}
	t.Logf("the new master has answered %.1f s after the old one's end", time.Since(start).Seconds())
}
