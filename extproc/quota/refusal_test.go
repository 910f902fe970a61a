package quota_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

func TestARefusalNamesLimitScopeAmountsAndReset(t *testing.T) {
	for _, c := range []struct {
		name    string
		limit   quota.Limit
		before  quota.Amounts
		est     quota.Amounts
		kind    llm.Kind
		code    string
		after   time.Duration
		message string
		nobody  bool // no store answers
	}{
		{
			name: "money is 402", limit: limit(quota.Money, quota.Day, 2_500_000_000),
			before: quota.Amounts{quota.Money: 2_000_000_000}, est: quota.Amounts{quota.Money: 500_000_001},
			kind: llm.QuotaExceeded, after: 24 * time.Hour,
			message: `The request may take $0.500000001, but of the limit "money a day" of $2.5 a day for tenant acme $2 are used or reserved; it begins anew at 2000-01-02T00:00:00Z.`,
		},
		{
			name: "tokens are 429", limit: limit(quota.Tokens, quota.Minute, 10),
			before: tokens(10), est: tokens(1), kind: llm.RateLimited, after: time.Minute,
			message: `The request may take 1 token, but of the limit "tokens a minute" of 10 tokens a minute for tenant acme 10 tokens are used or reserved; it begins anew at 2000-01-01T00:01:00Z.`,
		},
		{
			name: "more than the whole", limit: limit(quota.Output, quota.Hour, 10),
			est: quota.Amounts{quota.Output: 11}, kind: llm.InvalidRequest, code: "request_exceeds_limit",
			message: `The request may take 11 output tokens, more than the limit "output a hour" of 10 output tokens an hour for tenant acme allows at all.`,
		},
		{
			name: "more money than the whole", limit: limit(quota.Money, quota.Day, 1_000_000_000),
			est: quota.Amounts{quota.Money: 1_000_000_001}, kind: llm.QuotaExceeded,
			message: `The request may take $1.000000001, more than the limit "money a day" of $1 a day for tenant acme allows at all.`,
		},
		{
			name: "nothing", limit: limit(quota.Requests, quota.Total, 0),
			est: quota.Amounts{quota.Requests: 1}, kind: llm.Forbidden, code: "limit_is_zero",
			message: `Nothing is allowed by the limit "requests a total" of 0 requests in total for tenant acme.`,
		},
		{
			name: "nothing also to who needs nothing", limit: limit(quota.Money, quota.Total, 0),
			kind: llm.QuotaExceeded, message: `Nothing is allowed by the limit "money a total" of $0 in total for tenant acme.`,
		},
		{
			name: "a total", limit: limit(quota.Money, quota.Total, 1_000_000_000),
			before: quota.Amounts{quota.Money: 1_000_000_000}, est: quota.Amounts{quota.Money: 1}, kind: llm.QuotaExceeded,
			message: `The request may take $0.000000001, but of the limit "money a total" of $1 in total for tenant acme $1 are used or reserved; it doesn't begin anew.`,
		},
		{
			name: "requests under way", limit: limit(quota.Concurrent, quota.Total, 1),
			before: tokens(1), kind: llm.RateLimited, after: time.Second,
			message: `No more requests at a time: the limit "concurrent a total" of 1 request at a time for tenant acme is reached; try again when one has ended.`,
		},
		{
			name: "nobody knows", limit: limit(quota.Tokens, quota.Day, 10), nobody: true,
			est: tokens(5), kind: llm.Overloaded, code: "limit_unknown", after: time.Second,
			message: `The request may take 5 tokens, but the limit "tokens a day" of 10 tokens a day for tenant acme can't be checked at the moment; try again soon.`,
		},
		{
			name: "nobody knows of money", limit: limit(quota.Money, quota.Day, 10), nobody: true,
			est: quota.Amounts{quota.Money: 5}, kind: llm.Overloaded, code: "limit_unknown", after: time.Second,
			message: `The request may take $0.000000005, but the limit "money a day" of $0.00000001 a day for tenant acme can't be checked at the moment; try again soon.`,
		},
		{
			name: "more than the whole, whatever the store says", limit: limit(quota.Tokens, quota.Day, 10), nobody: true,
			est: tokens(11), kind: llm.InvalidRequest, code: "request_exceeds_limit",
			message: `The request may take 11 tokens, more than the limit "tokens a day" of 10 tokens a day for tenant acme allows at all.`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, quotatest.NewMemory(time.Now, life), quota.Config{}, c.limit)
				p.line.Partition(c.nobody)
				p.run()
				if c.before != (quota.Amounts{}) {
					p.reserve(c.before)
				}
				got := p.refused(c.est).Problem()
				want := &llm.Problem{Kind: c.kind, Code: c.code, Message: c.message, RetryAfter: c.after}
				got.RetryAfter = got.RetryAfter.Round(time.Second)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

func TestNobodyWaitsLongerThanTheBoundAndOnceTheStoreIsAwayNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, quotatest.NewMemory(time.Now, life), quota.Config{}, limit(quota.Tokens, quota.Day, 1000)).run()
		p.reserve(tokens(10)).settle(tokens(10))
		p.line.Delay = time.Hour
		for range 10 {
			p.line.Fail(quotatest.Slow)
		}
		began := time.Now()
		p.refused(tokens(500))
		if d := time.Since(began); d != 20*time.Millisecond {
			t.Errorf("the first waited %v", d)
		}
		for range 100 {
			p.refused(tokens(500))
		}
		if d := time.Since(began); d != 20*time.Millisecond {
			t.Errorf("a hundred more waited %v", d-20*time.Millisecond)
		}
		<-time.After(time.Minute)
		p.reserve(tokens(500))
	})
}

func TestAnExhaustedLimitDoesNotAskTheStoreForEachRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, quotatest.NewMemory(time.Now, life), quota.Config{}, limit(quota.Tokens, quota.Day, 100)).run()
		p.reserve(tokens(100))
		before := p.line.Calls()
		for range 1000 {
			p.refused(tokens(1))
			<-time.After(10 * time.Millisecond)
		}
		if n := p.line.Calls() - before; n > 25 {
			t.Errorf("%d calls in ten seconds", n)
		}
	})
}

func TestARequestThatIsGoneDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, quotatest.NewMemory(time.Now, life), quota.Config{}, limit(quota.Tokens, quota.Day, 100))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		var r quota.Reservation
		est := tokens(1)
		began := time.Now()
		if p.ledger.Reserve(gone, p.accounts(acme, "m"), &est, &r) == nil || time.Since(began) > 0 || len(r.Charges(nil)) > 0 {
			t.Error("it waited or was granted")
		}
	})
}

func TestThresholdsAreToldOnceOverAllReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		l := limit(quota.Tokens, quota.Day, 100)
		l.Soft = []uint8{50, 80, 100}
		told := make(chan quota.Crossing, 100)
		var all []*process
		for i := range 3 {
			all = append(all, start(t, store, quota.Config{
				Crossed: func(c quota.Crossing) { told <- c }, Journal: quotatest.NewJournal(quota.Owner{byte(i)}),
			}, l).run())
		}
		for i := range 10 {
			p := all[i%3]
			if i == 4 {
				p.line.Fail(quotatest.None, quotatest.LoseReply)
			}
			p.reserve(tokens(10)).settle(tokens(10))
			<-time.After(10 * time.Second)
		}
		for _, p := range all {
			_ = p.stop()
		}
		close(told)
		var got []quota.Crossing
		for c := range told {
			got = append(got, c)
		}
		var want []quota.Crossing
		period, _ := quota.Day.Of(time.Now())
		for _, percent := range l.Soft {
			want = append(want, quota.Crossing{
				Limit: l.Name, Scope: "tenant acme", Unit: quota.Tokens, Window: quota.Day, Percent: percent,
				Used: quota.Amount(percent), Amount: 100, Period: period,
			})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestTheStandingTellsWhatRemains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := quotatest.NewMemory(time.Now, life)
		day, total := limit(quota.Tokens, quota.Day, 100), limit(quota.Money, quota.Total, 50)
		p := start(t, store, quota.Config{}, day, total).run()
		other := start(t, store, quota.Config{Journal: quotatest.NewJournal(quota.Owner{2})}, day, total).run()
		other.reserve(tokens(30)).settle(tokens(30))
		<-time.After(10 * time.Second)
		check := func(remaining quota.Amount) {
			t.Helper()
			tomorrow := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)
			want := []quota.Remaining{
				{Limit: day.Name, Scope: "tenant acme", Unit: quota.Tokens, Window: quota.Day, Amount: 100, Remaining: remaining, Resets: tomorrow},
				{Limit: total.Name, Scope: "tenant acme", Unit: quota.Money, Amount: 50, Remaining: 50},
			}
			if diff := cmp.Diff(want, p.ledger.Standing(p.accounts(acme, "openai/gpt-5"), nil)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
		check(100)
		q := p.reserve(tokens(20))
		check(50)
		q.settle(tokens(5))
		check(65)
		<-time.After(20 * time.Second)
		check(65)
	})
}

func TestChangedLimitsKeepWhatIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, quotatest.NewMemory(time.Now, life), quota.Config{}, limit(quota.Tokens, quota.Day, 100)).run()
		use := func(l quota.Limit) {
			t.Helper()
			l.Name = limit(quota.Tokens, quota.Day, 0).Name
			if err := p.ledger.Use([]quota.Limit{l}); err != nil {
				t.Fatal(err)
			}
			<-time.After(5 * time.Second)
		}
		p.reserve(tokens(60)).settle(tokens(60))
		use(limit(quota.Tokens, quota.Day, 200))
		p.reserve(tokens(140)).settle(tokens(40))
		use(limit(quota.Tokens, quota.Day, 90))
		if r := p.refused(tokens(1)); r.Used != 100 || r.Amount != 90 {
			t.Errorf("%+v", r)
		}
		use(limit(quota.Tokens, quota.Day, 0))
		p.refused(tokens(0))
		if err := p.ledger.Use(nil); err != nil {
			t.Fatal(err)
		}
		p.reserve(tokens(1000))
	})
}
