package envoytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

// fleetCatalog shares one budget among all replicas; the limits of requests and
// tokens, which nobody reaches, count settlements.
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
quota: {wait: %s}
budgets:
  - {name: everybody, requests: 10M, tokens: 1000M, %s}
`

// Nano-dollars a token of fleetCatalog, and the most events of an answer.
const (
	inputPrice, outputPrice = 1000, 4000
	mostEvents              = 60
)

// fleetPlan says what a fleet is made of.
type fleetPlan struct {
	replicas int
	budget   string        // its window and its money, as the catalog writes them
	wait     time.Duration // for the store; 0 = 500ms, since two cores serve all of it
	redis    []string      // options of redis-server
	wires    bool          // each replica reaches Redis over a wire of its own
	silence  time.Duration // 0 = 4s
	skew     func(replica int) time.Duration
}

// durable lets Redis keep all that it has answered, however it ends.
func durable() []string { return []string{"--appendonly", "yes", "--appendfsync", "always"} }

// fleet is several gateways, each an Envoy with its ext_proc, that share a
// Redis and a budget.
type fleet struct {
	plan     fleetPlan
	redis    *redistest.Server
	replicas []*replica
	began    time.Time

	asked, answered, refused, away, failed atomic.Int64
	faults                                 atomic.Int64 // that happened so far
	// inARow are refusals since the last answer, which came at last.
	inARow atomic.Int64
	last   atomic.Pointer[time.Time]

	mu sync.Mutex
	// ids are the exchanges that were answered, and why some failed; guarded by mu.
	ids []string
	why map[string]int
}

// replica is one of them.
type replica struct {
	*Gateway
	wire           *wire // nil: it reaches Redis directly
	answered, away atomic.Int64
}

func startFleet(t *testing.T, p fleetPlan) *fleet {
	t.Helper()
	if p.wait == 0 {
		p.wait = 500 * time.Millisecond
	}
	if p.silence == 0 {
		p.silence = 4 * time.Second
	}
	f := &fleet{plan: p, redis: redistest.Start(t, p.redis...), why: make(map[string]int), began: time.Now()}
	for i := range p.replicas {
		r := &replica{}
		address := f.redis.Addr()
		if p.wires {
			r.wire = startWire(t, address)
			address = r.wire.Addr()
		}
		o := Options{
			Child: true, Concurrency: 1, Silence: p.silence,
			Catalog:   fmt.Sprintf(fleetCatalog, address, p.wait, p.budget),
			Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}},
		}
		if p.skew != nil {
			o.Skew = p.skew(i)
		}
		r.Gateway = Start(t, o)
		f.replicas = append(f.replicas, r)
	}
	return f
}

// hammer is n clients that ask until ctx is done or the budget is used up. Requests limit their output if limited.
func (f *fleet) hammer(ctx context.Context, n int, limited bool) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil && !f.usedUp() {
				f.ask(ctx, limited)
			}
		})
	}
	all.Wait()
}

// refuses tells that for some time all were.
func (f *fleet) refuses() bool { return f.inARow.Load() >= 200 }

// usedUp tells that the budget is. At first it is all reserved, by estimates that
// are too high; what is not used comes back with Envoy's access logs.
func (f *fleet) usedUp() bool {
	const logged = 2 * time.Second
	last := f.last.Load()
	return f.refuses() && (last == nil || time.Since(*last) > logged)
}

func (f *fleet) ask(ctx context.Context, limited bool) {
	r := f.replicas[rand.IntN(len(f.replicas))]
	model := []string{"sim/chat", "sim/leave", "sim/translated"}[rand.IntN(3)]
	events := 1 + rand.IntN(mostEvents)
	most := ""
	if limited {
		most = fmt.Sprintf(`"max_tokens":%d,`, events)
	}
	body := fmt.Sprintf(`{"model":%q,"stream":%t,%s"messages":[{"role":"user","content":"Count to %d, please, and don't stop before."}],"sim":{"*":{"events":%d}}}`,
		model, rand.IntN(2) == 0, most, events, events)
	f.asked.Add(1)
	// A client that gives up would be another fault.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	a, err := r.Post(ctx, body)
	switch {
	case err == nil && a.Err == nil && a.Status == http.StatusOK:
		f.answered.Add(1)
		r.answered.Add(1)
		now := time.Now()
		f.last.Store(&now)
		f.inARow.Store(0)
		f.note(a.Header.Get("X-Dragoman-Generation"))
	case err == nil && storeAway(a):
		f.away.Add(1)
		r.away.Add(1)
		<-time.After(10 * time.Millisecond) // as a client that is told to wait
	case err == nil && a.Status == http.StatusPaymentRequired:
		f.refused.Add(1)
		f.inARow.Add(1)
		if f.refuses() {
			<-time.After(20 * time.Millisecond) // it will not change sooner
		}
	case err == nil:
		f.fail(fmt.Errorf("%d, %w", a.Status, errors.Join(a.Err, problem(a))))
	default:
		f.fail(err)
	}
}

// storeAway tells a refusal because the store could not be asked.
func storeAway(a *Answer) bool {
	return a.Status == http.StatusServiceUnavailable && bytes.Contains(a.Body, []byte("can't be checked at the moment"))
}

func (f *fleet) note(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids = append(f.ids, id)
}

func (f *fleet) fail(err error) {
	f.failed.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.why[fmt.Sprint(err)]++
}

// unfailed fails the test if a request failed, which only the death of its
// replica may be the reason of.
func (f *fleet) unfailed(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.why) > 0 {
		t.Errorf("%d requests failed: %v", f.failed.Load(), f.why)
	}
}

func TestABudgetHoldsForAllReplicasTogether(t *testing.T) {
	t.Parallel()
	const limit = 300_000_000 // nano-dollars
	for _, limited := range []bool{true, false} {
		t.Run(fmt.Sprintf("limited output %t", limited), func(t *testing.T) {
			f := startFleet(t, fleetPlan{replicas: Scale(2, 4), budget: `per: total, money: "$0.3"`})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			f.hammer(ctx, 64, limited)
			b := f.closeBooks(t)
			f.unfailed(t)
			if f.refused.Load() == 0 || f.answered.Load() == 0 {
				t.Errorf("%d answered, %d refused", f.answered.Load(), f.refused.Load())
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
