package envoytest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	quotajournal "github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/quota/redis"
	"github.com/dragoman-gateway/dragoman/extproc/quota/redistest"
)

// fleetCatalog shares one budget among all replicas; the requests' limit, which
// nobody reaches, counts settlements.
const fleetCatalog = `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
models:
  sim/chat: {targets: [alpha, beta], prices: {input: 1, output: 4}}
  sim/leave: {targets: [alpha, beta], lane: leave, prices: {input: 1, output: 4}}
  sim/translated: {targets: [alpha, beta], lane: translate, prices: {input: 1, output: 4}}
store: {redis: {addresses: ["%s"]}}
quota: {wait: 500ms} # two cores serve all of it
budgets:
  - {name: everybody, per: total, money: %s, requests: 10M, tokens: 1000M}
`

// fleet is several gateways, each an Envoy with its ext_proc, that share a
// Redis and a budget.
type fleet struct {
	redis    *redistest.Server
	replicas []*Gateway

	asked, answered, refused, failed atomic.Int64
	// inARow are refusals since the last answer: the budget is used up.
	inARow atomic.Int64
}

func startFleet(t *testing.T, replicas int, dollars string) *fleet {
	t.Helper()
	f := &fleet{redis: redistest.Start(t)}
	for range replicas {
		f.replicas = append(f.replicas, Start(t, Options{
			Child: true, Concurrency: 1, Silence: 4 * time.Second,
			Catalog:   fmt.Sprintf(fleetCatalog, f.redis.Addr(), dollars),
			Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}},
		}))
	}
	return f
}

// hammer is n clients that ask until ctx is done or the budget is used up. Requests limit their output if limited.
func (f *fleet) hammer(ctx context.Context, n int, limited bool) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil && f.inARow.Load() < 200 {
				f.ask(ctx, limited)
			}
		})
	}
	all.Wait()
}

func (f *fleet) ask(ctx context.Context, limited bool) {
	g := f.replicas[rand.IntN(len(f.replicas))]
	model := []string{"sim/chat", "sim/leave", "sim/translated"}[rand.IntN(3)]
	events := 1 + rand.IntN(60)
	most := ""
	if limited {
		most = fmt.Sprintf(`"max_tokens":%d,`, events)
	}
	body := fmt.Sprintf(`{"model":%q,"stream":%t,%s"messages":[{"role":"user","content":"Count to %d, please, and don't stop before."}],"sim":{"*":{"events":%d}}}`,
		model, rand.IntN(2) == 0, most, events, events)
	f.asked.Add(1)
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	a, err := g.Post(ctx, body)
	switch {
	case err != nil || a.Err != nil || a.Status != http.StatusOK && a.Status != http.StatusPaymentRequired:
		f.failed.Add(1)
	case a.Status == http.StatusPaymentRequired:
		f.refused.Add(1)
		f.inARow.Add(1)
	default:
		f.answered.Add(1)
		f.inARow.Store(0)
	}
}

// books are what is kept of all that was asked, once everything is settled.
type books struct {
	settled                map[quota.Unit]quota.Amount // by the store
	records                int
	cost                   llm.NanoUSD // of the records
	estimated, unobserved  int
	recovered, corrections int
	billed                 llm.NanoUSD // by the providers
}

// closeBooks waits until nothing is open and adds up.
func (f *fleet) closeBooks(t *testing.T) (b books) {
	t.Helper()
	Eventually(t, time.Minute, "all exchanges are settled, and the store knows", func() error {
		for i, g := range f.replicas {
			s, err := g.Child.State()
			if err != nil || s.Exchanges > 0 {
				return fmt.Errorf("replica %d has %d exchanges open, %w", i, s.Exchanges, err)
			}
		}
		b = f.add(t)
		if int64(b.records) < f.answered.Load() {
			return fmt.Errorf("%d are recorded of %d answers", b.records, f.answered.Load())
		}
		if int(b.settled[quota.Requests]) != b.records {
			return fmt.Errorf("%d records, %d settlements", b.records, b.settled[quota.Requests])
		}
		if llm.NanoUSD(b.settled[quota.Money]) != b.cost {
			return fmt.Errorf("records cost %s, %s are settled", b.cost, llm.NanoUSD(b.settled[quota.Money]))
		}
		return nil
	})
	t.Logf("%d asked: %d answered, %d refused, %d failed", f.asked.Load(), f.answered.Load(), f.refused.Load(), f.failed.Load())
	t.Logf("%d settled: $%s in all, providers billed $%s; %d estimated, %d unobserved, %d recovered, %d corrected",
		b.records, b.cost, b.billed, b.estimated, b.unobserved, b.recovered, b.corrections)
	return b
}

func (f *fleet) add(t *testing.T) (b books) {
	t.Helper()
	b.settled = f.standing(t)
	for _, g := range f.replicas {
		for _, p := range []string{"alpha", "beta"} {
			s := g.Fleet.Provider(p).Stats()
			b.billed += llm.NanoUSD(s.PromptTokens*1000 + s.CompletionTokens*4000)
		}
		records := g.Generations(t)
		for page := (generation.Page{Limit: generation.MaxPage}); ; {
			list, err := records.List(t.Context(), generation.Filter{View: generation.View{All: true}}, page)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				b.records++
				b.cost += r.Cost
				b.estimated += one(r.Estimated)
				b.unobserved += one(r.Unobserved)
				b.recovered += one(r.Recovered)
				b.corrections += one(r.Corrected)
			}
			if len(list) < generation.MaxPage {
				break
			}
			page.After = list[len(list)-1].Position()
		}
	}
	return b
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// standing is what the store says is used, by unit.
func (f *fleet) standing(t *testing.T) map[quota.Unit]quota.Amount {
	t.Helper()
	store, err := redis.Open(redis.Options{Addrs: []string{f.redis.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // only read
	c := f.replicas[0].Compile(f.replicas[0].o.Catalog)
	limits := extproc.LimitsOf(c.Budgets, "")
	ledger := quota.NewLedger(quota.Config{Store: store, Journal: quotajournal.Memory()})
	if err := ledger.Use(limits); err != nil {
		t.Fatal(err)
	}
	accounts, err := ledger.Accounts(&quota.Subject{}, "sim/chat")
	if err != nil {
		t.Fatal(err)
	}
	standing, err := store.Standing(t.Context(), ledger.Periods(accounts, nil))
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[quota.Unit]quota.Amount)
	for i, l := range limits {
		used[l.Unit] = standing[i].Used
	}
	return used
}

func TestABudgetHoldsForAllReplicasTogether(t *testing.T) {
	t.Parallel()
	const limit = 300_000_000 // nano-dollars
	for _, limited := range []bool{true, false} {
		t.Run(fmt.Sprintf("limited output %t", limited), func(t *testing.T) {
			f := startFleet(t, Scale(2, 4), `"$0.3"`)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			f.hammer(ctx, 64, limited)
			b := f.closeBooks(t)
			if f.failed.Load() > 0 || f.refused.Load() == 0 || f.answered.Load() == 0 {
				t.Errorf("%d failed, %d refused", f.failed.Load(), f.refused.Load())
			}
			if b.cost != b.billed || b.estimated > 0 {
				t.Errorf("providers billed $%s, and $%s are settled", b.billed, b.cost)
			}
			over := b.cost - limit
			t.Logf("of a limit of $%s, $%s are used: over by %s", llm.NanoUSD(limit), b.cost, max(over, 0))
			if limited && over > 0 {
				t.Errorf("with limited output the budget is passed by $%s", over)
			}
			if b.cost < limit*9/10 {
				t.Errorf("only $%s of the budget were given out", b.cost)
			}
		})
	}
}

func TestKilledReplicasLoseNoSpend(t *testing.T) {
	t.Parallel()
	f := startFleet(t, Scale(2, 4), `"$1000"`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(Scale(6, 40))*time.Second)
	defer cancel()
	var clients sync.WaitGroup
	clients.Go(func() { f.hammer(ctx, 24, true) })
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			g := f.replicas[i%len(f.replicas)]
			g.Child.Kill()
			g.Child.Start()
			continue
		case <-ctx.Done():
		}
		break
	}
	clients.Wait()
	b := f.closeBooks(t)
	if f.answered.Load() == 0 || b.recovered == 0 {
		t.Errorf("%d answered, %d of exchanges that a process left behind", f.answered.Load(), b.recovered)
	}
	if b.cost < b.billed {
		t.Errorf("the providers billed $%s, only $%s are settled", b.billed, b.cost)
	}
}
