package quota_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

// step is one thing that happens in a schedule.
type step struct {
	Do     string
	Who    int          // the replica
	Tenant int          // who asks
	Est    quota.Amount // of what is reserved
	Off    quota.Amount // what is settled beyond that
	Which  int          // of the open requests
	Fault  quotatest.Fault
	Pass   time.Duration // time before the step
}

// steps draws a schedule. Silences are shorter than leases live, in all.
func steps(exact bool) *rapid.Generator[[]step] {
	return rapid.Custom(func(t *rapid.T) []step {
		n := rapid.IntRange(10, 120).Draw(t, "steps")
		var all []step
		for range n {
			s := step{
				Do: rapid.SampledFrom([]string{
					"ask", "ask", "ask", "ask", "settle", "settle", "settle", "fault", "cut", "mend", "crash", "deliver", "wait", "correct",
				}).Draw(t, "do"),
				Who:    rapid.IntRange(0, 2).Draw(t, "who"),
				Tenant: rapid.IntRange(0, 1).Draw(t, "tenant"),
				Est:    quota.Amount(rapid.IntRange(0, 40).Draw(t, "est")),
				Which:  rapid.IntRange(0, 30).Draw(t, "which"),
				Fault:  quotatest.Fault(rapid.IntRange(0, int(quotatest.NumFaults)-1).Draw(t, "fault")),
				Pass:   time.Duration(rapid.SampledFrom([]int{0, 0, 0, 5, 700, 1300}).Draw(t, "pass")) * time.Millisecond,
			}
			if s.Do == "wait" {
				s.Pass = time.Duration(rapid.IntRange(1, 40).Draw(t, "long")) * time.Second
			}
			least := -40
			most := 20
			if exact {
				most = 0
			}
			s.Off = quota.Amount(rapid.IntRange(least, most).Draw(t, "off"))
			all = append(all, s)
		}
		return all
	})
}

// fleet is three replicas on one store whose clocks are 30 s apart.
type fleet struct {
	t         *testing.T
	store     *quotatest.Memory
	all       [3]*process
	requests  []*request
	reference *quotatest.Reference
	limits    []quota.Limit
	counts    bool // corrections are made
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, reference: quotatest.NewReference()}
	// Its leases outlive every schedule's silences.
	f.store = quotatest.NewMemory(time.Now, 24*time.Hour)
	f.limits = []quota.Limit{limit(quota.Tokens, quota.Minute, 100), limit(quota.Money, quota.Hour, 300), limit(quota.Tokens, quota.Total, 900)}
	f.limits[2].Each[quota.Tenant] = false
	for i := range f.all {
		f.start(i, quotatest.NewJournal(quota.Owner{byte(i)}))
	}
	return f
}

func (f *fleet) start(i int, j *quotatest.Journal) {
	skew := time.Duration(i-1) * 30 * time.Second
	f.all[i] = start(f.t, f.store, quota.Config{
		Journal: j, LeaseLife: 24 * time.Hour, Now: func() time.Time { return time.Now().Add(skew) },
	}, f.limits...)
}

// crash drops a replica; the next one takes over what its journal has.
func (f *fleet) crash(i int) {
	f.t.Helper()
	p := f.all[i]
	journal, open, owed := p.journal.Reopen()
	p.line.Partition(true)
	_ = p.stop()
	f.start(i, journal)
	next := f.all[i]
	next.ledger.Owe(owed)
	var kept []*request
	for _, q := range f.requests {
		if q.p != p {
			kept = append(kept, q)
		}
	}
	for _, o := range open {
		r := next.ledger.Restore(o.Charges)
		kept = append(kept, &request{p: next, r: &r, slot: o.Slot})
	}
	f.requests = kept
	next.run()
}

func (f *fleet) do(s *step) {
	f.t.Helper()
	<-time.After(s.Pass)
	p := f.all[s.Who]
	switch s.Do {
	case "ask":
		f.ask(s)
	case "settle":
		f.settle(s)
	case "fault":
		p.line.Fail(s.Fault)
	case "cut":
		p.line.Partition(true)
	case "mend":
		p.line.Partition(false)
	case "deliver":
		p.line.Deliver()
	case "crash":
		f.crash(s.Who)
	case "correct":
		f.correct(s)
	}
	synctest.Wait()
}

func (f *fleet) ask(s *step) {
	f.t.Helper()
	p := f.all[s.Who]
	a := p.accounts(quota.Subject{Tenant: fmt.Sprint("tenant", s.Tenant)}, "m")
	r := &quota.Reservation{}
	est := quota.Amounts{quota.Tokens: s.Est, quota.Money: s.Est}
	if p.ledger.Reserve(f.t.Context(), a, &est, r) == nil {
		f.requests = append(f.requests, &request{p: p, r: r, slot: p.journal.Begin(r.Charges(nil))})
	}
}

func (f *fleet) settle(s *step) {
	if len(f.requests) == 0 {
		return
	}
	i := s.Which % len(f.requests)
	q := f.requests[i]
	f.requests = append(f.requests[:i], f.requests[i+1:]...)
	reserved := q.r.Charges(nil)
	n := quota.Amount(0)
	if len(reserved) > 0 {
		n = max(reserved[0].Amount+s.Off, 0)
	}
	actual := quota.Amounts{quota.Tokens: n, quota.Money: n}
	q.settle(actual)
	f.reference.Settle(reserved, q.r.Settled(nil, &actual))
}

// correct takes back a little of what some request reserved, as a late entry
// does, which counts as settled for nothing reserved.
func (f *fleet) correct(s *step) {
	if !f.counts || len(f.requests) == 0 {
		return
	}
	q := f.requests[s.Which%len(f.requests)]
	c := q.r.Charges(nil)
	if len(c) == 0 {
		return
	}
	c = c[:1]
	c[0].Amount = s.Off
	q.p.ledger.Owe(c)
	q.p.journal.Correct(c)
	f.reference.Settle(nil, c)
}

// end lets everything arrive and checks the sums.
func (f *fleet) end(exact bool) error {
	for i := range f.all {
		f.all[i].line.Partition(false)
		f.all[i].line.Deliver()
	}
	for len(f.requests) > 0 {
		f.settle(&step{})
	}
	// Faults that are still to come delay the end.
	<-time.After(5 * time.Minute)
	for i := range f.all {
		if err := f.all[i].stop(); err != nil {
			return err
		}
	}
	for ap, want := range f.reference.Counts() {
		got, err := f.store.Standing(f.t.Context(), []quota.AccountPeriod{ap})
		if err != nil {
			return err
		}
		amount := f.amount(ap)
		switch {
		case got[0].Used != want.Used:
			return fmt.Errorf("%x: %d are used, the reference says %d", ap, got[0].Used, want.Used)
		case got[0].Leased != 0:
			return fmt.Errorf("%x: %d are leased after the end", ap, got[0].Leased)
		case exact && got[0].Used > amount:
			return fmt.Errorf("%x: %d are used of %d with estimates that are never too low", ap, got[0].Used, amount)
		case got[0].Used > amount+want.Under:
			return fmt.Errorf("%x: %d are used of %d and %d of underestimates", ap, got[0].Used, amount, want.Under)
		}
	}
	return nil
}

// amount is the limit of a count.
func (f *fleet) amount(ap quota.AccountPeriod) quota.Amount {
	for _, tenant := range []string{"tenant0", "tenant1"} {
		for i, c := range identify(f.t, f.store, f.limits, quota.Subject{Tenant: tenant}) {
			if c == ap.Account {
				return f.limits[i].Amount
			}
		}
	}
	return 0
}

// play runs a schedule in a bubble of virtual time.
func play(t *testing.T, all []step, exact bool) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.counts = !exact
		for _, p := range f.all {
			p.run()
		}
		for i := range all {
			f.do(&all[i])
		}
		err = f.end(exact)
	})
	return err
}

func TestAnyScheduleSettlesWhatTheReferenceDoesAndKeepsTheLimits(t *testing.T) {
	for name, exact := range map[string]bool{"exact estimates": true, "estimates that may be too low": false} {
		t.Run(name, func(t *testing.T) {
			generator := steps(exact)
			rapid.Check(t, func(rt *rapid.T) {
				all := generator.Draw(rt, "schedule")
				if err := play(t, all, exact); err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}
