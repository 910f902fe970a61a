package quota_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

// three are the limits of the benchmarks.
func three() []quota.Limit {
	all := []quota.Limit{
		limit(quota.Requests, quota.Minute, 1<<40), limit(quota.Tokens, quota.Day, 1<<50), limit(quota.Money, quota.Month, 1<<50),
	}
	all[1].Each[quota.Model] = true
	return all
}

var typical = quota.Amounts{quota.Requests: 1, quota.Input: 900, quota.Output: 300, quota.Tokens: 1200, quota.Money: 5_000_000}

// serve runs a ledger over a store in memory, in real time.
func serve(t testing.TB) *quota.Ledger {
	t.Helper()
	l := quota.NewLedger(quota.Config{
		Store: quotatest.NewMemory(time.Now, life), Journal: quotatest.NewJournal(quota.Owner{1}), Wait: time.Minute,
	})
	if err := l.Use(three()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return l
}

// filled is accounts whose leases have much free, as under steady load.
func filled(t testing.TB, l *quota.Ledger, tenant string) *quota.Accounts {
	t.Helper()
	a, err := l.Accounts(&quota.Subject{Key: "k", Tenant: tenant, Tags: []string{"a", "b"}}, "openai/gpt-5")
	if err != nil {
		t.Fatal(err)
	}
	var r quota.Reservation
	est := quota.Amounts{quota.Requests: 1 << 30, quota.Tokens: 1 << 45, quota.Money: 1 << 45}
	if refusal := l.Reserve(t.Context(), a, &est, &r); refusal != nil {
		t.Fatal(refusal.Problem().Message)
	}
	r.Settle(&quota.Amounts{})
	return a
}

func TestReservingAndSettlingAllocateNothing(t *testing.T) {
	l := serve(t)
	filled(t, l, "acme")
	var r quota.Reservation
	s := quota.Subject{Key: "k", Tenant: "acme", Tags: []string{"a", "b"}}
	journalled := make([]quota.Charge, 0, quota.MaxCharges)
	standing := make([]quota.Remaining, 0, quota.MaxCharges)
	waits := 0
	n := testing.AllocsPerRun(1000, func() {
		est := typical
		a, err := l.Accounts(&s, "openai/gpt-5")
		if err != nil {
			t.Fatal(err)
		}
		if l.Reserve(context.Background(), a, &est, &r) != nil {
			waits++
		}
		journalled = r.Charges(journalled[:0])
		actual := typical
		r.Settle(&actual)
		journalled = r.Settled(journalled[:0], &actual)
		standing = l.Standing(a, standing[:0])
	})
	if n > 0 || waits > 0 || len(journalled) != 3 || len(standing) != 3 {
		t.Errorf("%v allocations, %d refusals, %d charges, %d standings", n, waits, len(journalled), len(standing))
	}
}

func TestAHundredThousandTenantsFitIntoMemory(t *testing.T) {
	const tenants = 100_000
	store := quotatest.NewMemory(time.Now, life)
	journal := quotatest.NewJournal(quota.Owner{1})
	before := heap()
	l := quota.NewLedger(quota.Config{Store: store, Journal: journal, Wait: time.Nanosecond})
	limits := three()
	for i := range limits {
		limits[i].Away = quota.MaxAmount
	}
	if err := l.Use(limits); err != nil {
		t.Fatal(err)
	}
	var r quota.Reservation
	began := time.Now()
	reserve := func() {
		for i := range tenants {
			s := quota.Subject{Key: fmt.Sprintf("key-%06d", i), Tenant: fmt.Sprintf("tenant-%06d", i)}
			a, err := l.Accounts(&s, "openai/gpt-5")
			if err != nil {
				t.Fatal(err)
			}
			if refusal := l.Reserve(t.Context(), a, &typical, &r); refusal != nil {
				t.Fatal(refusal.Problem().Message)
			}
			r.Settle(&typical)
		}
	}
	reserve()
	first := time.Since(began)
	began = time.Now()
	reserve()
	used := float64(heap()-before) / (1 << 20)
	t.Logf("%d tenants of 3 limits: %.0f MB; the first request of all took %v, the second %v", tenants, used, first, time.Since(began))
	if used > 150 {
		t.Errorf("%.0f MB", used)
	}
	runtime.KeepAlive(l)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkReserveAndSettle(b *testing.B) {
	l := serve(b)
	a := filled(b, l, "acme")
	var r quota.Reservation
	b.ReportAllocs()
	for b.Loop() {
		if l.Reserve(context.Background(), a, &typical, &r) != nil {
			b.Fatal("refused")
		}
		r.Settle(&typical)
	}
}

func BenchmarkAccounts(b *testing.B) {
	l := serve(b)
	filled(b, l, "acme")
	s := quota.Subject{Key: "k", Tenant: "acme", Tags: []string{"a", "b"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Accounts(&s, "openai/gpt-5"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReserveAndSettleInParallel has a tenant for each goroutine: nothing
// that they share is written to.
func BenchmarkReserveAndSettleInParallel(b *testing.B) {
	l := serve(b)
	var mu sync.Mutex
	n := 0
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		n++
		a := filled(b, l, fmt.Sprint("tenant", n))
		mu.Unlock()
		r := new(quota.Reservation)
		for pb.Next() {
			if l.Reserve(context.Background(), a, &typical, r) != nil {
				b.Error("refused")
				return
			}
			r.Settle(&typical)
		}
	})
}
