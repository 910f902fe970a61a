package regions

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errLost = errors.New("lost on the line")

// memory is a region's books and counts, behaving as a store does, with a line
// to it that fails.
type memory struct {
	mu    sync.Mutex // guards all below
	pages map[quota.AccountPeriod]*kept
	fault func() fault
	late  []func() // calls that have not arrived yet
}

type kept struct {
	used, leased, cap quota.Amount
	given, received   map[string]quota.Amount
}

type fault uint8

const (
	none fault = iota
	loseCall
	loseReply
	delayed
)

func newMemory() *memory {
	return &memory{pages: map[quota.AccountPeriod]*kept{}, fault: func() fault { return none }}
}

func (m *memory) page(of Count) *kept {
	k := m.pages[of.AccountPeriod]
	if k == nil {
		k = &kept{given: map[string]quota.Amount{}, received: map[string]quota.Amount{}}
		m.pages[of.AccountPeriod] = k
	}
	return k
}

func (k *kept) shown() Page {
	return Page{Used: k.used, Leased: k.leased, Given: maps.Clone(k.given), Received: maps.Clone(k.received)}
}

// call applies a change as the fault of the line lets it.
func (m *memory) call(of Count, change func(*kept)) (Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	apply := func() {
		k := m.page(of)
		change(k)
		k.cap = k.shown().Limit(of.Share)
	}
	switch m.fault() {
	case loseCall:
		return Page{}, errLost
	case loseReply:
		apply()
		return Page{}, errLost
	case delayed:
		m.late = append(m.late, apply)
		return Page{}, errLost
	default:
		apply()
		return m.page(of).shown(), nil
	}
}

// deliver lets late calls arrive, the last one first.
func (m *memory) deliver() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.late) - 1; i >= 0; i-- {
		m.late[i]()
	}
	m.late = nil
}

func (m *memory) Page(_ context.Context, of Count) (Page, error) { return m.call(of, func(*kept) {}) }

func (m *memory) Give(_ context.Context, e Entry) (Page, error) {
	return m.call(e.Count, func(k *kept) {
		k.given[e.Peer] = max(k.given[e.Peer], e.Owed)
		if k.given[e.Peer] == e.Before {
			room := k.shown().Limit(e.Share) - k.used - k.leased
			k.given[e.Peer] = max(e.Before, min(e.Upto, e.Before+room))
		}
	})
}

func (m *memory) Take(_ context.Context, e Entry) (Page, error) {
	return m.call(e.Count, func(k *kept) { k.received[e.Peer] = max(k.received[e.Peer], e.Upto) })
}

// fails lets the next calls fail, one each.
func (m *memory) fails(next []fault) {
	m.fault = func() fault {
		if len(next) == 0 {
			return none
		}
		f := next[0]
		next = next[1:]
		return f
	}
}

// spend uses or leases what a gateway with that limit in mind may.
func (m *memory) spend(of Count, limit, amount quota.Amount) quota.Amount {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.page(of)
	amount = max(0, min(amount, min(limit, k.cap)-k.used-k.leased))
	k.used += amount
	return amount
}

var start = time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)

// world is three regions with a rebalancer in each.
type world struct {
	books  map[string]*memory
	rounds map[string]*Rebalancer
	now    time.Time
	budget Budget
}

func newWorld(t interface{ Fatal(args ...any) }) *world {
	w := &world{
		books: map[string]*memory{}, rounds: map[string]*Rebalancer{}, now: start,
		budget: Budget{Name: "all", Account: quota.Account{1}, Window: quota.Day, Shares: map[string]quota.Amount{"ap": 100, "eu": 300, "us": 600}},
	}
	regions := map[string]Books{}
	for region := range w.budget.Shares {
		w.books[region] = newMemory()
		regions[region] = w.books[region]
	}
	for region := range w.budget.Shares {
		r, err := New(Config{Here: region, Regions: regions, Budgets: []Budget{w.budget}, Now: func() time.Time { return w.now }})
		if err != nil {
			t.Fatal(err)
		}
		w.rounds[region] = r
	}
	return w
}

func (w *world) count(region string) Count {
	p, _ := w.budget.Window.Of(w.now)
	return Count{AccountPeriod: quota.AccountPeriod{Account: w.budget.Account, Period: p}, Share: w.budget.Shares[region]}
}

// limits is what all regions' limits add up to, and what they have used.
func (w *world) limits() (limits, used quota.Amount) {
	for region, m := range w.books {
		k := m.page(w.count(region))
		limits += k.shown().Limit(w.budget.Shares[region])
		used += k.used
	}
	return limits, used
}

func TestNothingIsCreatedOrLostWhateverFails(t *testing.T) {
	moved := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		fate := rapid.SliceOfN(rapid.SampledFrom([]fault{none, none, none, none, loseCall, loseReply, delayed}), 8, 8)
		name := rapid.SampledFrom(w.budget.regions())
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			region := name.Draw(rt, "region")
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				w.now = w.now.Add(10 * time.Second)
			case 1, 2: // a gateway whose adjustment may be old
				limit := w.budget.Shares[region] + w.rounds[region].Adjustment("all")
				w.books[region].spend(w.count(region), limit, quota.Amount(rapid.IntRange(0, 200).Draw(rt, "spent")))
			case 3:
				w.books[region].deliver()
			default:
				for _, other := range w.budget.regions() { // a round asks all at the same time: each has its own
					w.books[other].fails(fate.Draw(rt, "faults of "+other))
				}
				w.round(region)
			}
			if limits, used := w.limits(); limits > 1000 || used > 1000 {
				rt.Fatalf("limits of %d, %d used, of 1000", limits, used)
			}
			for region, m := range w.books {
				if k := m.page(w.count(region)); k.used+k.leased > max(0, k.shown().Limit(w.budget.Shares[region])) {
					rt.Fatalf("%s has used %+v", region, k)
				}
			}
		}
		for _, m := range w.books {
			m.fails(nil)
			m.deliver()
		}
		if err := w.rounds["eu"].Round(context.Background()); err != nil {
			rt.Fatal(err)
		}
		if limits, _ := w.limits(); limits != 1000 {
			rt.Fatalf("limits of %d of 1000 after all is healed", limits)
		}
		for region, r := range w.rounds {
			if err := r.Round(context.Background()); err != nil {
				rt.Fatal(err)
			}
			if want := w.books[region].page(w.count(region)).shown().Limit(0); r.Adjustment("all") != want {
				rt.Fatalf("%s is told %d, not %d", region, r.Adjustment("all"), want)
			}
			if r.Adjustment("all") != 0 {
				moved++
			}
		}
	})
	if moved == 0 {
		t.Error("nothing has ever moved")
	}
}

// round makes a round of a region's; its failures are the test's own.
func (w *world) round(region string) { _ = w.rounds[region].Round(context.Background()) }

func TestADonorThatHasLostItsBooksOwesWhatItGave(t *testing.T) {
	w := newWorld(t)
	w.round("us")
	w.books["eu"].spend(w.count("eu"), 300, 300)
	w.round("us")
	if got := w.rounds["us"].Adjustment("all"); got >= 0 {
		t.Fatalf("us has given %d", -got)
	}
	before, _ := w.limits()
	clear(w.books["us"].pages)
	if now, _ := w.limits(); now <= before {
		t.Fatal("the loss changes nothing")
	}
	w.round("ap")
	if after, _ := w.limits(); after != before {
		t.Errorf("limits of %d after the loss, %d before", after, before)
	}
}

func TestARegionThatIsAwayKeepsWhatItHasAndTheOthersGoOn(t *testing.T) {
	w := newWorld(t)
	w.round("eu")
	w.books["us"].fault = func() fault { return loseCall }
	w.books["ap"].spend(w.count("ap"), 100, 100)
	err := w.rounds["ap"].Round(t.Context())
	if !errors.Is(err, errLost) || !strings.Contains(err.Error(), `budget "all": region us: `) {
		t.Errorf("error %v", err)
	}
	if got := w.rounds["ap"].Adjustment("all"); got != 5 {
		t.Errorf("ap is told %d", got)
	}
	if k := w.books["us"].page(w.count("us")); len(k.given) != 0 {
		t.Errorf("us has given %v", k.given)
	}
}

func TestANewPeriodBeginsWithTheShares(t *testing.T) {
	w := newWorld(t)
	w.round("ap")
	w.books["ap"].spend(w.count("ap"), 100, 100)
	w.round("ap")
	if got := w.rounds["ap"].Adjustment("all"); got <= 0 {
		t.Fatalf("ap is told %d", got)
	}
	w.now = start.Truncate(24 * time.Hour).Add(24*time.Hour - 15*time.Second)
	w.round("ap")
	w.now = w.now.Add(15 * time.Second)
	if got := w.rounds["ap"].Adjustment("all"); got != 0 {
		t.Errorf("in the new day ap is told %d", got)
	}
	// Its books are open already: a gateway that is late cannot pass the share.
	if got := w.books["ap"].spend(w.count("ap"), 1000, 1000); got != 100 {
		t.Errorf("%d of a share of 100", got)
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	books := map[string]Books{"eu": newMemory()}
	_, err := New(Config{Here: "us", Regions: books, Budgets: []Budget{
		{Name: "a", Shares: map[string]quota.Amount{"eu": -1}},
		{Name: "a", Shares: map[string]quota.Amount{"ap": 1}},
	}})
	for _, part := range []string{`region "us" has no books`, `region "eu" cannot have a share of -1`, `budget "a" is there twice`, `budget "a": region "ap" has no books`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
}
