package envoytest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// phase of an outage.
type phase int

const (
	before phase = iota
	during
	after
	phases
)

func (p phase) String() string { return [...]string{"before", "during", "after"}[p] }

// steady is a load of equal requests at an even pace, whose latencies are kept
// by the phase in which they began, in slices of its time.
type steady struct {
	f *fleet

	mu sync.Mutex
	// Guarded by mu.
	now   phase
	since time.Time // the phase's beginning
	took  [phases][][]time.Duration
}

// slice is how much of a phase's time makes one quantile. What else the machine
// does comes in bursts, which spoil few slices.
const slice = 500 * time.Millisecond

// enter begins a phase, with nothing known of it.
func (s *steady) enter(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.since, s.took[p] = p, time.Now(), nil
}

// run asks with n clients until ctx is done, each once in a pace.
func (s *steady) run(ctx context.Context, n int, pace time.Duration) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for round := i; ; round++ {
				select {
				case <-tick.C:
					s.ask(s.f.replicas[round%len(s.f.replicas)])
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Wait()
}

func (s *steady) ask(r *replica) {
	const body = `{"model":"sim/chat","max_tokens":8,"messages":[{"role":"user","content":"Briefly, please."}],"sim":{"*":{"events":8}}}`
	s.mu.Lock()
	p, n := s.now, int(time.Since(s.since)/slice)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	began := time.Now()
	s.f.asked.Add(1)
	a, err := r.Post(ctx, body)
	took := time.Since(began)
	if err != nil || a.Err != nil || a.Status != http.StatusOK {
		s.f.fail(fmt.Errorf("%s the outage: %v, %w", p, a, err))
		return
	}
	s.f.answered.Add(1)
	s.f.note(a.Header.Get("X-Dragoman-Generation"))
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.took[p]) <= n {
		s.took[p] = append(s.took[p], nil)
	}
	s.took[p][n] = append(s.took[p][n], took)
}

// quantile is the median of a quantile's values in the slices of a phase.
func (s *steady) quantile(p phase, q float64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var values []time.Duration
	for _, took := range s.took[p] {
		if len(took) > 0 {
			values = append(values, quantile(took, q))
		}
	}
	return quantile(values, 0.5)
}

// quantile of durations, from 0 to 1; 0 of none.
func quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// absences are ways in which a Redis can be away: silent, or refusing.
var absences = []struct {
	name     string
	away     func(f *fleet)
	back     func(f *fleet)
	everyday bool
}{
	{"silent", func(f *fleet) { f.redis.Pause() }, func(f *fleet) { f.redis.Resume() }, true},
	{"gone", func(f *fleet) { f.redis.Kill() }, func(f *fleet) { f.redis.Restart() }, false},
}

// TestRequestsDoNotFeelThatRedisIsAway is not parallel: it measures latencies.
func TestRequestsDoNotFeelThatRedisIsAway(t *testing.T) {
	for _, tt := range absences {
		if !tt.everyday && !Long() {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			f := startFleet(t, fleetPlan{
				replicas: Scale(2, 4), wait: 20 * time.Millisecond, redis: durable(),
				budget: `per: total, money: "$1000", away: {money: "$100", requests: 1M, tokens: 100M}`,
			})
			s := &steady{f: f, since: time.Now()}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var load sync.WaitGroup
			load.Go(func() { s.run(ctx, 8, 30*time.Millisecond) })
			<-time.After(200 * time.Millisecond) // every connection stands
			s.enter(before)
			around := time.Duration(Scale(600, 20_000)) * time.Millisecond
			<-time.After(around)
			s.enter(during)
			tt.away(f)
			<-time.After(time.Duration(Scale(5000, 60_000)) * time.Millisecond)
			tt.back(f)
			s.enter(after)
			<-time.After(around)
			cancel()
			load.Wait()
			f.unfailed(t)
			s.unfelt(t)
			f.closeBooks(t).exact(t)
		})
	}
}

// unfelt fails the test if requests took longer while Redis was away.
func (s *steady) unfelt(t *testing.T) {
	t.Helper()
	for p := range phases {
		all := slices.Concat(s.took[p]...)
		t.Logf("%s: %d requests, in all p50 %s, p99 %s, longest %s; of slices of %s p50 %s, p99 %s", p, len(all),
			rounded(quantile(all, 0.5)), rounded(quantile(all, 0.99)), rounded(quantile(all, 1)), slice, rounded(s.quantile(p, 0.5)), rounded(s.quantile(p, 0.99)))
	}
	const noise = 10 * time.Millisecond // of two cores that do everything
	for _, q := range []float64{0.5, 0.99} {
		if with, without := s.quantile(during, q), max(s.quantile(before, q), s.quantile(after, q)); with > 2*without+noise {
			t.Errorf("quantile %g is %s while Redis is away, %s else", q, with, without)
		}
	}
	if len(s.took[during]) == 0 {
		t.Error("nobody asked while Redis was away")
	}
}

func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// TestWhatIsGrantedWhileRedisIsAwayIsBounded uses up leases and what each
// replica may grant beyond them.
func TestWhatIsGrantedWhileRedisIsAwayIsBounded(t *testing.T) {
	t.Parallel()
	const limit, away = llm.NanoUSD(150_000_000), llm.NanoUSD(30_000_000)
	p := fleetPlan{replicas: 2, redis: durable(), budget: fmt.Sprintf(`per: total, money: "$%s", away: {money: "$%s", requests: 1M, tokens: 100M}`, limit, away)}
	f := startFleet(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var clients sync.WaitGroup
	clients.Go(func() { f.hammer(ctx, 32, true) })
	more(t, 10*time.Second, "answers", f.answered.Load)
	f.redis.Pause()
	for i, r := range f.replicas {
		more(t, 10*time.Second, fmt.Sprintf("refusals of replica %d", i), r.away.Load)
	}
	granted := f.answered.Load()
	f.redis.Resume()
	clients.Wait()
	b := f.closeBooks(t)
	f.unfailed(t)
	b.exact(t)
	t.Logf("of a limit of $%s and $%s that each of %d replicas may grant, $%s are used; %d requests were answered before both refused", limit, away, len(f.replicas), b.cost, granted)
	if most := limit + llm.NanoUSD(len(f.replicas))*away; b.cost > most {
		t.Errorf("$%s are used, $%s at most were to be", b.cost, most)
	}
}
