package redis

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/regions"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

func total(n int, limit, amount quota.Amount) quota.Ask {
	a := need(n, limit, amount)
	a.Period, a.Ends = 0, time.Time{}
	return a
}

func sums(pairs ...any) map[string]quota.Amount {
	out := map[string]quota.Amount{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = quota.Amount(pairs[i+1].(int)) //nolint:forcetypeassert // the test's own
	}
	return out
}

func TestADonorGivesWhatIsNeitherUsedNorLeasedAndGrantsNoMoreThanTheRest(t *testing.T) {
	server := redistest.Start(t)
	s := opened(t, Options{Addrs: []string{server.Addr()}, Region: "eu"}, nil)
	r := newReplica(t, s, "a")
	r.call(quota.Call{Batch: 1, Settled: []quota.Charge{charge(1, 30)}, Asks: []quota.Ask{need(1, 100, 20)}})
	of := regions.Count{AccountPeriod: count(1), Ends: time.Now().Add(48 * time.Hour), Share: 100}
	ctx, books := bounded(t, 10*time.Second), s.Books()
	for _, step := range []struct {
		name               string
		before, upto, owed quota.Amount
		given              int
	}{
		{name: "a part", upto: 40, given: 40},
		{name: "the same again", upto: 40, given: 40},
		{name: "from another sum", before: 30, upto: 45, given: 40},
		{name: "more than there is", before: 40, upto: 90, given: 50},
		{name: "from nothing", before: 50, upto: 60, given: 50},
		{name: "what is owed in any case", owed: 55, given: 55},
	} {
		got, err := books.Give(ctx, regions.Entry{Count: of, Peer: "us", Before: step.before, Upto: step.upto, Owed: step.owed})
		want := regions.Page{Used: 30, Leased: 20, Given: sums("us", step.given), Received: sums()}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", step.name, err, diff)
		}
	}
	// A gateway that has not heard of it asks with the old limit.
	if got := newReplica(t, s, "b").leases(need(1, 100, 1)); got[0] != 0 {
		t.Error("what was given is granted, too")
	}
	got, err := books.Take(ctx, regions.Entry{Count: of, Peer: "us", Upto: 8})
	if err != nil || got.Limit(100) != 53 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = books.Take(ctx, regions.Entry{Count: of, Peer: "us", Upto: 5}); err != nil || got.Limit(100) != 53 {
		t.Errorf("a late one: %+v, %v", got, err)
	}
	rival := newReplica(t, s, "c")
	if got := rival.leases(need(1, 100, 4)); got[0] != 0 {
		t.Errorf("four of three that are left: %d", got)
	}
	if got := rival.leases(need(1, 100, 3)); got[0] != 3 {
		t.Errorf("three of three that are left: %d", got)
	}
}

func TestBooksLiveAsLongAsTheirPeriod(t *testing.T) {
	server := redistest.Start(t)
	s := opened(t, Options{Addrs: []string{server.Addr()}}, nil)
	ctx := bounded(t, 10*time.Second)
	hourly := regions.Count{AccountPeriod: count(1), Ends: time.Now().Add(48 * time.Hour), Share: 100}
	endless := regions.Count{AccountPeriod: total(2, 100, 0).AccountPeriod, Share: 100}
	for _, of := range []regions.Count{hourly, endless} {
		if _, err := s.Books().Give(ctx, regions.Entry{Count: of, Peer: "us", Upto: 10}); err != nil {
			t.Fatal(err)
		}
		// A cap outlives leases.
		r := newReplica(t, s, "a"+encode(of.Account))
		ask := need(1, 100, 90)
		ask.AccountPeriod, ask.Ends = of.AccountPeriod, of.Ends
		if got := r.leases(ask); got[0] != 90 {
			t.Errorf("%d of what is left", got[0])
		}
		ask.Need = 0
		r.leases(ask)
		ask.Need = 91
		if got := r.leases(ask); got[0] != 0 {
			t.Errorf("%d, beyond the cap", got[0])
		}
	}
	client := server.Client()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, key := range keys {
		ttl, err := client.PTTL(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		isEndless := key == periodKey(s.tag(2), endless.AccountPeriod) || key == s.tag(2)+":x:"+encode(endless.Account)+":0"
		if isEndless != (ttl < 0) {
			t.Errorf("%s lives for %s", key, ttl)
		}
		if isEndless {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d endless keys in %q", found, keys)
	}
}

func TestRegionsWithServersOfTheirOwnEvenOut(t *testing.T) {
	shares := map[string]quota.Amount{"eu": 1000, "us": 1000}
	stores, books := map[string]*Store{}, map[string]regions.Books{}
	servers := map[string]*redistest.Server{}
	for region := range shares {
		servers[region] = redistest.Start(t)
		stores[region] = opened(t, Options{Addrs: []string{servers[region].Addr()}, Region: region}, nil)
		books[region] = stores[region].Books()
	}
	rebalancer := func(here string) *regions.Rebalancer {
		b := regions.Budget{Name: "all", Account: count(1).Account, Window: quota.Hour, Shares: shares}
		r, err := regions.New(regions.Config{
			Here: here, Regions: books, Budgets: []regions.Budget{b}, Wait: 5 * time.Second,
			Now: func() time.Time { return time.Unix(int64(hour)*60, 0).Add(time.Minute) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	eu, us := rebalancer("eu"), rebalancer("us")
	spender := newReplica(t, stores["eu"], "spender")
	used := quota.Amount(0)
	for batch := uint64(1); batch <= 200; batch++ {
		ask := need(1, 1000+eu.Adjustment("all"), 10)
		if spender.leases(ask)[0] == 10 {
			spender.call(quota.Call{Batch: batch, Settled: []quota.Charge{charge(1, 10)}, Asks: []quota.Ask{hold(1, 2000, 0)}})
			used += 10
		}
		if batch%20 == 0 {
			for _, r := range []*regions.Rebalancer{eu, us} {
				if err := r.Round(bounded(t, 10*time.Second)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if sum := eu.Adjustment("all") + us.Adjustment("all"); batch%20 == 0 && sum != 0 {
			t.Fatalf("the adjustments add up to %d", sum)
		}
	}
	if used < 1800 || used > 2000 {
		t.Errorf("one region used %d of 2000", used)
	}
	t.Logf("one region used %d of a budget of two times 1000; its adjustment is %d", used, eu.Adjustment("all"))
}
