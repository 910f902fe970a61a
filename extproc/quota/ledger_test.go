package quota_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

const life = 5 * time.Minute

// process is one replica in a synctest bubble.
type process struct {
	t       *testing.T
	ledger  *quota.Ledger
	journal *quotatest.Journal
	line    *quotatest.Line
	stop    func() error
}

// start starts a replica on a journal, after what a former process left there.
func start(t *testing.T, store quota.Store, c quota.Config, limits ...quota.Limit) *process {
	t.Helper()
	if c.Journal == nil {
		c.Journal = quotatest.NewJournal(quota.Owner{1})
	}
	p := &process{t: t, line: quotatest.NewLine(store)}
	p.journal, _ = c.Journal.(*quotatest.Journal)
	c.Store = p.line
	p.ledger = quota.NewLedger(c)
	if err := p.ledger.Use(limits); err != nil {
		t.Fatal(err)
	}
	return p
}

// run lets the ledger exchange until the test ends or stop is called.
func (p *process) run() *process {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.ledger.Run(ctx) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	p.t.Cleanup(func() { _ = p.stop() })
	synctest.Wait()
	return p
}

// request is a reservation with its place in the journal.
type request struct {
	p    *process
	r    *quota.Reservation
	slot quotatest.Slot
}

func (p *process) accounts(s quota.Subject, model string) *quota.Accounts {
	p.t.Helper()
	a, err := p.ledger.Accounts(&s, model)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

var acme = quota.Subject{Key: "k1", Tenant: "acme"}

// try reserves for acme.
func (p *process) try(est quota.Amounts) (*request, *quota.Refusal) {
	p.t.Helper()
	r := &quota.Reservation{}
	if refusal := p.ledger.Reserve(context.Background(), p.accounts(acme, "openai/gpt-5"), &est, r); refusal != nil {
		return nil, refusal
	}
	return &request{p: p, r: r, slot: p.journal.Begin(r.Charges(nil))}, nil
}

// reserve must be granted.
func (p *process) reserve(est quota.Amounts) *request {
	p.t.Helper()
	q, refusal := p.try(est)
	if refusal != nil {
		p.t.Fatalf("refused: %s", refusal.Problem().Message)
	}
	return q
}

// refused must be refused.
func (p *process) refused(est quota.Amounts) *quota.Refusal {
	p.t.Helper()
	q, refusal := p.try(est)
	if refusal == nil {
		p.t.Fatalf("granted: %+v", q.r.Charges(nil))
	}
	return refusal
}

func (q *request) settle(actual quota.Amounts) {
	q.r.Settle(&actual)
	q.p.journal.Settle(q.slot, q.r.Settled(nil, &actual))
}

func tokens(n quota.Amount) quota.Amounts { return quota.Amounts{quota.Tokens: n} }

func limit(unit quota.Unit, w quota.Window, n quota.Amount) quota.Limit {
	l := quota.Limit{Name: unit.String() + " a " + w.String(), Unit: unit, Window: w, Amount: n}
	l.Each[quota.Tenant] = true
	return l
}

// standing is what the store knows of the reservation's first charge.
func (q *request) standing(store quota.Store) quota.Standing {
	q.p.t.Helper()
	c := q.r.Charges(nil)[0]
	s, err := store.Standing(context.Background(), []quota.AccountPeriod{{Account: c.Account, Period: c.Period}})
	if err != nil {
		q.p.t.Fatal(err)
	}
	return s[0]
}

func TestARequestReservesWhatTheStoreGrantsAndSettlesWhatItUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		p := start(t, store, quota.Config{}, limit(quota.Tokens, quota.Day, 100)).run()
		q := p.reserve(tokens(60))
		if r := p.refused(tokens(41)); r.Used != 60 || r.Amount != 100 || r.Requested != 41 || r.Away {
			t.Errorf("%+v", r)
		}
		q.settle(tokens(30))
		q.settle(tokens(99))
		p.reserve(tokens(70)).settle(tokens(70))
		p.refused(tokens(1))
		<-time.After(2 * time.Second)
		if got := q.standing(store); got != (quota.Standing{Used: 100}) {
			t.Errorf("%+v", got)
		}
	})
}

func TestAllOrNothingIsReserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		p := start(t, store, quota.Config{}, limit(quota.Tokens, quota.Day, 100), limit(quota.Money, quota.Day, 10)).run()
		both := quota.Amounts{quota.Tokens: 50, quota.Money: 6}
		q := p.reserve(both)
		for range 3 {
			if r := p.refused(both); r.Unit != quota.Money {
				t.Errorf("%+v", r)
			}
		}
		p.reserve(quota.Amounts{quota.Tokens: 50, quota.Money: 4})
		q.settle(quota.Amounts{})
		p.reserve(both)
	})
}

func TestWaitersShareWhatRoomThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		p := start(t, store, quota.Config{}, limit(quota.Tokens, quota.Day, 100)).run()
		a := p.accounts(acme, "m")
		var mu sync.Mutex
		granted := 0
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				est, r := tokens(10), quota.Reservation{}
				if p.ledger.Reserve(context.Background(), a, &est, &r) == nil {
					mu.Lock()
					defer mu.Unlock()
					granted++
				}
			})
		}
		wg.Wait()
		if granted != 10 {
			t.Errorf("%d of 30 were granted, there is room for 10", granted)
		}
	})
}

func TestIdleLeasesReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		p := start(t, store, quota.Config{}, limit(quota.Tokens, quota.Day, 1000)).run()
		var q *request
		for range 10 {
			q = p.reserve(tokens(10))
			q.settle(tokens(10))
			<-time.After(time.Second)
		}
		if s := q.standing(store); s.Leased == 0 || s.Leased > 100 {
			t.Errorf("ten tokens a second: %+v", s)
		}
		open := p.reserve(tokens(7))
		<-time.After(30 * time.Second)
		if s := open.standing(store); s != (quota.Standing{Used: 100, Leased: 7}) {
			t.Errorf("idle: %+v", s)
		}
	})
}

func TestTheLastExchangeReturnsWhatIsNotReserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		p := start(t, store, quota.Config{}, limit(quota.Tokens, quota.Day, 1000)).run()
		open := p.reserve(tokens(7))
		p.reserve(tokens(100)).settle(tokens(50))
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		if s := open.standing(store); s != (quota.Standing{Used: 50, Leased: 7}) {
			t.Errorf("%+v", s)
		}
		before := time.Now()
		if r := p.refused(tokens(1)); !r.Away || time.Since(before) > 0 {
			t.Errorf("after the end: %+v after %v", r, time.Since(before))
		}
	})
}

func TestTheLastExchangeIsBoundedAndTellsThatItFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		p := start(t, store, quota.Config{}, limit(quota.Tokens, quota.Day, 1000)).run()
		p.reserve(tokens(7)).settle(tokens(5))
		p.line.Delay = time.Hour
		p.line.Fail(quotatest.Slow, quotatest.Slow, quotatest.Slow)
		before := time.Now()
		if err := p.stop(); err == nil {
			t.Error("no error")
		}
		if d := time.Since(before); d > 3*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

func TestConcurrencyIsGivenBackWhenRequestsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		p := start(t, store, quota.Config{}, limit(quota.Concurrent, quota.Total, 2)).run()
		a, b := p.reserve(quota.Amounts{}), p.reserve(quota.Amounts{quota.Concurrent: 9})
		r := p.refused(quota.Amounts{})
		if got := r.Problem().RetryAfter; got != time.Second || r.Requested != 1 {
			t.Errorf("retry after %v, %+v", got, r)
		}
		a.settle(quota.Amounts{quota.Concurrent: 5})
		c := p.reserve(quota.Amounts{})
		b.settle(quota.Amounts{})
		c.settle(quota.Amounts{})
		<-time.After(10 * time.Second)
		if s := a.standing(store); s != (quota.Standing{}) {
			t.Errorf("%+v", s)
		}
	})
}
