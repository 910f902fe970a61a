package quota_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/quotatest"
)

// TestScripts plays testdata/scripts, one statement a line:
//
//	limit UNIT WINDOW AMOUNT [away N]
//	at TIME | pass DURATION
//	P start [SKEW] | P crash | P stop | P cut | P mend | P deliver | P fault KIND
//	P ask N as NAME            it is granted
//	P refused N [KEY=VALUE …]  limit, used, resets, away, after of the refusal
//	settle NAME N
//	store TIME used=N leased=N the period that holds at TIME
//	left P N                   what P knows to remain
//
// P is a replica. All reserve for one tenant, of each limit the same.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { enact(t, string(text)) })
		})
	}
}

// stage is what a script acts on.
type stage struct {
	*testing.T
	store    *quotatest.Memory
	limits   []quota.Limit
	all      map[string]*process
	requests map[string]*request
}

func enact(t *testing.T, script string) {
	t.Helper()
	s := &stage{
		T: t, store: quotatest.NewMemory(time.Now, life),
		all: make(map[string]*process), requests: make(map[string]*request),
	}
	for i, line := range strings.Split(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := s.statement(words); err != nil {
			t.Fatalf("line %d: %s: %v", i+1, line, err)
		}
		synctest.Wait()
	}
}

func (s *stage) statement(w []string) error {
	switch w[0] {
	case "limit":
		s.limit(w[1:])
	case "at":
		d := time.Until(s.time(w[1]))
		if d < 0 {
			return fmt.Errorf("it is %v", time.Now().UTC())
		}
		<-time.After(d)
	case "pass":
		<-time.After(s.duration(w[1]))
	case "settle":
		s.requests[w[1]].settle(s.amounts(w[2]))
	case "store":
		return s.standing(w)
	case "left":
		p := s.all[w[1]]
		if got := p.ledger.Standing(p.accounts(acme, "m"), nil)[0]; got.Remaining != s.amount(w[2]) {
			return fmt.Errorf("%+v", got)
		}
	default:
		return s.act(w[0], w[1:])
	}
	return nil
}

func (s *stage) limit(w []string) {
	for u := range quota.NumUnits {
		for win := range quota.NumWindows {
			if u.String() == w[0] && win.String() == w[1] {
				l := limit(u, win, s.amount(w[2]))
				if len(w) > 4 {
					l.Away = s.amount(w[4])
				}
				s.limits = append(s.limits, l)
				return
			}
		}
	}
	s.Fatalf("no limit %v", w)
}

func (s *stage) act(name string, w []string) error {
	p := s.all[name]
	switch w[0] {
	case "start":
		skew := time.Duration(0)
		if len(w) > 1 {
			skew = s.duration(w[1])
		}
		s.all[name] = start(s.T, s.store, quota.Config{
			Journal: quotatest.NewJournal(quota.Owner([]byte(fmt.Sprintf("%16s", name)))),
			Now:     func() time.Time { return time.Now().Add(skew) },
		}, s.limits...).run()
	case "crash":
		s.crash(name)
	case "stop":
		return p.stop()
	case "cut":
		p.line.Partition(true)
	case "mend":
		p.line.Partition(false)
	case "deliver":
		p.line.Deliver()
	case "fault":
		p.line.Fail(map[string]quotatest.Fault{
			"lose-call": quotatest.LoseCall, "lose-reply": quotatest.LoseReply, "slow": quotatest.Slow, "late": quotatest.Late, "none": quotatest.None,
		}[w[1]])
	case "ask":
		q, refusal := p.try(s.amounts(w[1]))
		if refusal != nil {
			return fmt.Errorf("refused: %s", refusal.Problem().Message)
		}
		s.requests[w[3]] = q
	case "refused":
		q, refusal := p.try(s.amounts(w[1]))
		if refusal == nil {
			return fmt.Errorf("granted %+v", q.r.Charges(nil))
		}
		return said(refusal, w[2:])
	default:
		return fmt.Errorf("unknown word %q", w[0])
	}
	return nil
}

func (s *stage) crash(name string) {
	p := s.all[name]
	journal, open, owed := p.journal.Reopen()
	p.line.Partition(true)
	_ = p.stop()
	next := start(s.T, s.store, quota.Config{Journal: journal}, s.limits...)
	next.ledger.Owe(owed)
	for _, o := range open {
		r := next.ledger.Restore(o.Charges)
		for _, q := range s.requests {
			if q.p == p && q.slot == o.Slot {
				q.p, q.r = next, &r
			}
		}
	}
	s.all[name] = next.run()
}

// said compares a refusal with what is expected of it.
func said(r *quota.Refusal, want []string) error {
	got := map[string]string{
		"limit": strings.ReplaceAll(r.Limit, " ", "-"), "used": fmt.Sprint(r.Used), "away": fmt.Sprint(r.Away),
		"resets": "never", "after": r.Problem().RetryAfter.Round(time.Millisecond).String(),
	}
	if !r.Resets.IsZero() {
		got["resets"] = r.Resets.Round(time.Millisecond).Format(time.RFC3339Nano)
	}
	for _, w := range want {
		key, value, _ := strings.Cut(w, "=")
		if got[key] != value {
			return fmt.Errorf("%s=%s", key, got[key])
		}
	}
	return nil
}

// standing checks the period of the first limit.
func (s *stage) standing(w []string) error {
	period, _ := s.limits[0].Window.Of(s.time(w[1]))
	id := quota.AccountPeriod{Account: identify(s.T, s.store, s.limits, acme)[0], Period: period}
	got, err := s.store.Standing(context.Background(), []quota.AccountPeriod{id})
	if err != nil {
		return err
	}
	for _, word := range w[2:] {
		key, value, _ := strings.Cut(word, "=")
		have := map[string]quota.Amount{"used": got[0].Used, "leased": got[0].Leased}[key]
		if have != s.amount(value) {
			return fmt.Errorf("%+v", got[0])
		}
	}
	return nil
}

// identify tells the accounts of a subject by reserving while nobody is asked.
func identify(t *testing.T, store quota.Store, limits []quota.Limit, of quota.Subject) (ids []quota.Account) {
	t.Helper()
	l := quota.NewLedger(quota.Config{Cached: 8, Journal: quotatest.NewJournal(quota.Owner{}), Store: store})
	limits = slices.Clone(limits)
	for i := range limits {
		limits[i].Away = quota.MaxAmount
	}
	if err := l.Use(limits); err != nil {
		t.Fatal(err)
	}
	a, err := l.Accounts(&of, "m")
	if err != nil {
		t.Fatal(err)
	}
	var r quota.Reservation
	if refusal := l.Reserve(t.Context(), a, &quota.Amounts{}, &r); refusal != nil {
		t.Fatal(refusal.Problem().Message)
	}
	for _, c := range r.Charges(nil) {
		ids = append(ids, c.Account)
	}
	return ids
}

func (s *stage) time(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		s.Fatal(err)
	}
	return at
}

func (s *stage) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.Fatal(err)
	}
	return d
}

func (s *stage) amount(text string) quota.Amount {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.Fatal(err)
	}
	return quota.Amount(n)
}

// amounts is the same of everything.
func (s *stage) amounts(text string) quota.Amounts {
	n := s.amount(text)
	return quota.Amounts{quota.Requests: n, quota.Input: n, quota.Output: n, quota.Tokens: n, quota.Money: n}
}

func TestPeriodsBeginAtFullMinutesHoursDaysMondaysAndMonths(t *testing.T) {
	for _, c := range []struct {
		window             quota.Window
		at, begins, resets string
	}{
		{quota.Minute, "2026-03-01T12:34:56Z", "2026-03-01T12:34:00Z", "2026-03-01T12:35:00Z"},
		{quota.Minute, "2026-03-01T12:34:00+05:30", "2026-03-01T07:04:00Z", "2026-03-01T07:05:00Z"},
		{quota.Hour, "2026-12-31T23:59:59Z", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"},
		{quota.Day, "2026-03-29T01:30:00+02:00", "2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z"},
		{quota.Week, "2026-03-01T12:00:00Z", "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"},
		{quota.Week, "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"},
		{quota.Week, "2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		{quota.Month, "2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		{quota.Month, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{quota.Month, "2026-01-31T23:00:00-02:00", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		p, ends := c.window.Of(at)
		begins := time.Unix(int64(p)*60, 0).UTC().Format(time.RFC3339)
		if begins != c.begins || ends.Format(time.RFC3339) != c.resets {
			t.Errorf("%v at %s: from %s to %s, want %s to %s", c.window, c.at, begins, ends.Format(time.RFC3339), c.begins, c.resets)
		}
	}
	if p, ends := quota.Total.Of(time.Now()); p != 0 || !ends.IsZero() {
		t.Errorf("total: %d to %v", p, ends)
	}
}
