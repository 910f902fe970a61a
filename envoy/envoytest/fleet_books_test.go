package envoytest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	quotajournal "github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/quota/redis"
)

// books are what is kept of all that was asked, once everything is settled.
type books struct {
	settled                map[quota.Unit]quota.Amount // by the store, of all periods
	periods                map[quota.Period]llm.NanoUSD
	records                map[generation.ID]*generation.Record
	cost                   llm.NanoUSD // of the records
	estimated, unobserved  int
	recovered, corrections int
	billed                 llm.NanoUSD // by the providers
}

// closeBooks waits until nothing is open, adds up, and looks whether everything
// is settled exactly once.
func (f *fleet) closeBooks(t *testing.T) (b *books) {
	t.Helper()
	Eventually(t, time.Minute, "all exchanges are settled, and the store knows", func() error {
		for i, g := range f.replicas {
			s, err := g.Child.State()
			if err != nil || s.Exchanges > 0 {
				return fmt.Errorf("replica %d has %d exchanges open, %w", i, s.Exchanges, err)
			}
		}
		b = f.add(t)
		return errors.Join(b.agree(), f.recorded(b))
	})
	t.Logf("%d asked: %d answered, %d refused, %d while the store could not be asked, %d failed",
		f.asked.Load(), f.answered.Load(), f.refused.Load(), f.away.Load(), f.failed.Load())
	t.Logf("%d settled: $%s in all, providers billed $%s (underestimated by $%s); %d estimated, %d unobserved, %d recovered, %d corrected",
		len(b.records), b.cost, b.billed, b.under(), b.estimated, b.unobserved, b.recovered, b.corrections)
	return b
}

// recorded tells whether each exchange that was answered has its record.
func (f *fleet) recorded(b *books) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range f.ids {
		if parsed, err := generation.ParseID(id); err != nil || b.records[parsed] == nil {
			return fmt.Errorf("of the exchange %q, which was answered, there is no record, %w", id, err)
		}
	}
	return nil
}

// agree tells whether the store has each record's settlement once.
func (b *books) agree() error {
	if int(b.settled[quota.Requests]) != len(b.records) {
		return fmt.Errorf("%d records, %d settlements", len(b.records), b.settled[quota.Requests])
	}
	if llm.NanoUSD(b.settled[quota.Money]) != b.cost {
		return fmt.Errorf("records cost $%s, $%s are settled", b.cost, llm.NanoUSD(b.settled[quota.Money]))
	}
	return nil
}

// under is how much more the providers billed.
func (b *books) under() llm.NanoUSD { return max(b.billed-b.cost, 0) }

// exact fails the test unless what is settled is what the providers billed.
func (b *books) exact(t *testing.T) {
	t.Helper()
	if b.cost != b.billed || b.estimated > 0 || b.unobserved > 0 {
		t.Errorf("the providers billed $%s, $%s are settled, %d by estimate", b.billed, b.cost, b.estimated)
	}
	for _, r := range b.records {
		if r.Estimated {
			t.Logf("estimated: %+v", r)
		}
	}
}

// covered fails the test if the providers billed more than is settled, but for
// exchanges whose end was seen while their usage was lost.
func (b *books) covered(t *testing.T) {
	t.Helper()
	guessed := 0
	for _, r := range b.records {
		guessed += one(r.Estimated && !r.Unobserved)
	}
	if most := llm.NanoUSD(guessed * mostEvents * outputPrice); b.under() > most {
		t.Errorf("the providers billed $%s, only $%s are settled, and %d exchanges were estimated", b.billed, b.cost, guessed)
	}
}

func (f *fleet) add(t *testing.T) *books {
	t.Helper()
	b := &books{records: make(map[generation.ID]*generation.Record), periods: make(map[quota.Period]llm.NanoUSD)}
	for _, g := range f.replicas {
		for _, p := range []string{"alpha", "beta"} {
			s := g.Fleet.Provider(p).Stats()
			b.billed += llm.NanoUSD(s.PromptTokens*inputPrice + s.CompletionTokens*outputPrice)
		}
		for _, r := range g.allGenerations(t) {
			if b.records[r.ID] != nil {
				t.Fatalf("two records of the exchange %s", r.ID)
			}
			b.records[r.ID] = r
			b.cost += r.Cost
			b.estimated += one(r.Estimated)
			b.unobserved += one(r.Unobserved)
			b.recovered += one(r.Recovered)
			b.corrections += one(r.Corrected)
		}
	}
	f.standing(t, b)
	return b
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// allGenerations reads all that is recorded.
func (g *Gateway) allGenerations(t *testing.T) (all []*generation.Record) {
	t.Helper()
	records, page := g.Generations(t), generation.Page{Limit: generation.MaxPage}
	for {
		list, err := records.List(t.Context(), generation.Filter{View: generation.View{All: true}}, page)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
		if len(list) < generation.MaxPage {
			return all
		}
		page.After = list[len(list)-1].Position()
	}
}

// standing notes what the store says is used: of the periods that began since
// the fleet did, and of some before and after, which a wrong clock would name.
func (f *fleet) standing(t *testing.T, b *books) {
	t.Helper()
	store, err := redis.Open(redis.Options{Addrs: []string{f.redis.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // only read
	at := f.began
	limits := extproc.LimitsOf(f.replicas[0].Compile(f.replicas[0].o.Catalog).Budgets, "")
	ledger := quota.NewLedger(quota.Config{Store: store, Journal: quotajournal.Memory(), Now: func() time.Time { return at }})
	if err := ledger.Use(limits); err != nil {
		t.Fatal(err)
	}
	accounts, err := ledger.Accounts(&quota.Subject{}, "sim/chat")
	if err != nil {
		t.Fatal(err)
	}
	b.settled = make(map[quota.Unit]quota.Amount)
	seen := make(map[quota.AccountPeriod]bool)
	for at = f.began.Add(-5 * time.Minute); at.Before(time.Now().Add(5 * time.Minute)); at = at.Add(time.Minute) {
		periods := ledger.Periods(accounts, nil)
		if seen[periods[0]] {
			continue
		}
		seen[periods[0]] = true
		standing, err := store.Standing(t.Context(), periods)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range limits {
			b.settled[l.Unit] += standing[i].Used
			if l.Unit == quota.Money {
				b.periods[periods[i].Period] = llm.NanoUSD(standing[i].Used)
			}
		}
	}
}
