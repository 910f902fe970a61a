package envoytest

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// faultLimit is the budget of fleets under faults, in nano-dollars.
func faultLimit() llm.NanoUSD { return llm.NanoUSD(Scale(300, 4000)) * 1e6 }

func faultPlan() fleetPlan {
	return fleetPlan{replicas: Scale(2, 4), budget: `per: total, money: "$` + faultLimit().String() + `"`, redis: durable()}
}

// rounds of a fault are as many as the everyday or the long run has, or fewer
// if the budget is used up before.
func (f *fleet) rounds(ctx context.Context, pause time.Duration, fault func(round int)) {
	for round := range Scale(2, 20) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if f.usedUp() {
			return
		}
		f.faults.Add(1)
		fault(round)
	}
}

// under hammers with limited output until the budget is used up, while faults
// come and go.
func (f *fleet) under(t *testing.T, clients int, faults func(ctx context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(Scale(30, 300))*time.Second)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { faults(ctx) })
	f.hammer(ctx, clients, true)
	cancel()
	all.Wait()
	if f.faults.Load() == 0 {
		t.Error("the budget was used up before anything happened")
	}
}

// within fails the test if the budget was passed, or was not used.
func (b *books) within(t *testing.T, limit llm.NanoUSD) {
	t.Helper()
	t.Logf("of a limit of $%s, $%s are used", limit, b.cost)
	if b.cost > limit {
		t.Errorf("the budget is passed by $%s", b.cost-limit)
	}
	if b.cost < limit*9/10 {
		t.Errorf("only $%s of $%s were given out", b.cost, limit)
	}
}

// redisFaults are what can happen to a Redis that keeps what it has answered.
var redisFaults = []struct {
	name  string
	fault func(f *fleet, round int)
}{
	{"restarted", func(f *fleet, round int) {
		if round%2 == 0 {
			f.redis.Restart()
			return
		}
		f.redis.Kill()
		<-time.After(300 * time.Millisecond)
		f.redis.Restart()
	}},
	{"paused", func(f *fleet, round int) {
		// Longer and shorter than a call's patience.
		pauses := []time.Duration{1500 * time.Millisecond, 700 * time.Millisecond, 3 * time.Second}
		f.redis.Pause()
		<-time.After(pauses[round%len(pauses)])
		f.redis.Resume()
	}},
}

func TestABudgetHoldsWhateverHappensToRedis(t *testing.T) {
	t.Parallel()
	for _, tt := range redisFaults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, faultPlan())
			f.under(t, 64, func(ctx context.Context) {
				f.rounds(ctx, 500*time.Millisecond, func(round int) { tt.fault(f, round) })
			})
			b := f.closeBooks(t)
			f.unfailed(t)
			b.exact(t)
			b.within(t, faultLimit())
		})
	}
}

func TestAReplicaThatIsCutOffFromRedisHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	p := faultPlan()
	p.wires = true
	f := startFleet(t, p)
	f.under(t, 64, func(ctx context.Context) {
		f.rounds(ctx, 500*time.Millisecond, func(round int) {
			alone := f.replicas[round%len(f.replicas)]
			var others int64
			for _, r := range f.replicas {
				if r != alone {
					others -= r.answered.Load()
				}
			}
			// Where only answers are lost, Redis counts what nobody hears of.
			held := alone.wire.held.Load()
			alone.wire.Cut([]direction{toClient, toServer | toClient, toServer}[round%3])
			<-time.After(1500 * time.Millisecond)
			for _, r := range f.replicas {
				if r != alone {
					others += r.answered.Load()
				}
			}
			if alone.wire.held.Load() == held && !f.refuses() {
				t.Errorf("round %d: nothing was held up", round)
			}
			alone.wire.Cut(0)
			if others == 0 && !f.refuses() {
				t.Errorf("round %d: one replica is cut off, and no other answers", round)
			}
		})
	})
	b := f.closeBooks(t)
	f.unfailed(t)
	b.exact(t)
	b.within(t, faultLimit())
}

// TestWindowsGoByRedisClockWhateverThoseOfReplicasShow has clocks 30 s apart, of
// which one at least is in another minute than Redis.
func TestWindowsGoByRedisClockWhateverThoseOfReplicasShow(t *testing.T) {
	t.Parallel()
	const limit = 250_000_000
	ahead := 15 * time.Second
	if !Long() { // for the whole of a short run
		ahead = time.Duration(time.Now().Second()/30*30) * time.Second
	}
	skew := func(replica int) time.Duration { return ahead - time.Duration(replica%2)*30*time.Second }
	f := startFleet(t, fleetPlan{replicas: Scale(2, 4), budget: `per: minute, money: "$0.25"`, redis: durable(), skew: skew, silence: 2 * time.Second})
	began, _ := quota.Minute.Of(time.Now())
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(Scale(20, 130))*time.Second)
	defer cancel()
	var clients sync.WaitGroup
	for range 64 {
		clients.Go(func() {
			for ctx.Err() == nil && (Long() || !f.usedUp()) {
				f.ask(ctx, true)
				if f.usedUp() {
					<-time.After(100 * time.Millisecond) // until the next minute
				}
			}
		})
	}
	// A process whose clock was set back counts its calls on from where its
	// journal's owner was.
	<-time.After(time.Second)
	for i, r := range f.replicas {
		r.Child.Kill()
		r.Child.Skew(skew(i + 1))
		r.Child.Start()
	}
	clients.Wait()
	ended, _ := quota.Minute.Of(time.Now())
	b := f.closeBooks(t)
	b.covered(t)
	for p, used := range b.periods {
		if used == 0 {
			continue
		}
		t.Logf("minute %d of the run: $%s", int64(p)-int64(began), used)
		if p < began || p > ended {
			t.Errorf("$%s are counted in a minute that Redis' clock did not show", used)
		}
		if used > limit {
			t.Errorf("the budget of a minute is passed by $%s", used-limit)
		}
	}
	// What processes left open was reserved until it was settled for less.
	if b.cost < limit/2 || f.refused.Load() == 0 {
		t.Errorf("only $%s of a minute's budget were given out, %d refused", b.cost, f.refused.Load())
	}
	// While a process starts it may take longer than a request waits, not more.
	if f.away.Load() > f.failed.Load()+64 {
		t.Errorf("%d requests were refused as if Redis were away", f.away.Load())
	}
}

func TestKilledReplicasLoseNoSpend(t *testing.T) {
	t.Parallel()
	p := faultPlan()
	p.silence = 2 * time.Second
	f := startFleet(t, p)
	f.under(t, 24, func(ctx context.Context) {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for !f.usedUp() {
			select {
			case <-tick.C:
				r := f.replicas[rand.IntN(len(f.replicas))]
				r.Child.Kill()
				r.Child.Start()
				f.faults.Add(1)
			case <-ctx.Done():
				return
			}
		}
	})
	b := f.closeBooks(t)
	if f.answered.Load() == 0 || b.recovered == 0 {
		t.Errorf("%d answered, %d of exchanges that a process left behind", f.answered.Load(), b.recovered)
	}
	b.covered(t)
	t.Logf("%d kills; of a limit of $%s, $%s are used", f.faults.Load(), faultLimit(), b.cost)
	if b.cost > faultLimit() {
		t.Errorf("the budget is passed by $%s", b.cost-faultLimit())
	}
}
