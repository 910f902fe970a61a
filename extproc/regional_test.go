package extproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/quota/regions"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// regionCatalog is a gateway's of one of two regions.
func regionCatalog(here, there string, servers map[string]*redistest.Server) string {
	return "open: true" + shopModels + fmt.Sprintf(`
store: {redis: {addresses: [%q], region: %s, regions: {%s: {addresses: [%q]}}}}
budgets:
  - {name: world, requests: 2000, per: total, shares: {eu: 50, us: 50}}
  - {name: apart, requests: 1000000, per: total, each: [key], shares: {eu: 50, us: 50}}
`, servers[here].Addr(), here, there, servers[there].Addr())
}

// region is a Server that serves nobody, with its accounts at work.
type region struct {
	*Server
	stop func()
}

func startRegion(t *testing.T, text string, log *slog.Logger) *region {
	t.Helper()
	c := config(t)
	c.Logger = log
	c.Metrics = prometheus.NewRegistry()
	s, err := NewServer(*c, parsed(t, text))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var working sync.WaitGroup
	working.Go(func() { s.accounts.run(ctx, ctx) })
	r := &region{Server: s, stop: sync.OnceFunc(func() {
		cancel()
		working.Wait()
		if err := s.accounts.close(); err != nil {
			t.Error(err)
		}
	})}
	t.Cleanup(r.stop)
	return r
}

// spend uses one request, as the router stage and the settlement would.
func (r *region) spend(t *testing.T) bool {
	t.Helper()
	b := r.accounts.books
	accounts, err := b.Ledger.Accounts(&quota.Subject{Key: "k"}, "sim/leave")
	if err != nil {
		t.Fatal(err)
	}
	one := quota.Amounts{quota.Requests: 1}
	var held quota.Reservation
	if b.Ledger.Reserve(t.Context(), accounts, &one, &held) != nil {
		return false
	}
	slot, err := b.Journal.Begin(&journal.Entry{ID: newExchangeID(time.Now()), Started: time.Now(), Charges: held.Charges(nil)})
	if err != nil {
		t.Fatal(err)
	}
	held.Settle(&one)
	if err := slot.Settle(held.Settled(nil, &one), nil); err != nil {
		t.Fatal(err)
	}
	slot.Recorded()
	return true
}

// world is what a region's store has counted of the shared budget.
func (r *region) world(t *testing.T) quota.Standing {
	t.Helper()
	limit := quota.Limit{Name: "world/requests", Unit: quota.Requests, Window: quota.Total}
	account, _ := limit.Sole()
	at, err := r.accounts.stores.Quota.Standing(t.Context(), []quota.AccountPeriod{{Account: account}})
	if err != nil {
		t.Fatal(err)
	}
	return at[0]
}

func TestABudgetGoesWhereItIsUsedAndIsNeverPassed(t *testing.T) {
	const whole = 2000
	servers := map[string]*redistest.Server{"eu": redistest.Start(t), "us": redistest.Start(t)}
	var said lockedText
	log := slog.New(slog.NewTextHandler(&said, nil))
	eu := startRegion(t, regionCatalog("eu", "us", servers), log)
	us := startRegion(t, regionCatalog("us", "eu", servers), log)
	spent := map[*region]quota.Amount{}
	// us uses a little, and eu all that it can get.
	for range 50 {
		if us.spend(t) {
			spent[us]++
		}
	}
	deadline, idle := time.Now().Add(30*time.Second), 0
	for idle < 100 && time.Now().Before(deadline) {
		if eu.spend(t) {
			spent[eu]++
			idle = 0
			continue
		}
		idle++
		<-time.After(20 * time.Millisecond)
		if sum := eu.world(t).Used + us.world(t).Used; sum > whole {
			t.Fatalf("%d of %d are used", sum, whole)
		}
	}
	if spent[eu] < 1800 {
		t.Errorf("eu could use %d of a budget of %d of which us used %d", spent[eu], whole, spent[us])
	}
	// What us has left it can still use, and no more.
	for range whole {
		if us.spend(t) {
			spent[us]++
		}
	}
	t.Logf("eu used %d and us %d of %d, of which each had half", spent[eu], spent[us], whole)
	eu.stop()
	us.stop()
	checkWorld(t, servers, spent[eu]+spent[us], whole)
	if n := strings.Count(said.String(), "counts some apart"); n != 2 {
		t.Errorf("the budget that cannot be moved is warned of %d times by two regions:\n%s", n, said.String())
	}
}

// checkWorld compares what both stores have counted with what was spent.
func checkWorld(t *testing.T, servers map[string]*redistest.Server, spent, whole quota.Amount) {
	t.Helper()
	sum := quota.Amount(0)
	for here, there := range map[string]string{"eu": "us", "us": "eu"} {
		s, err := opened(t, strings.TrimPrefix(regionCatalog(here, there, servers), "open: true"+shopModels), nil)
		if err != nil {
			t.Fatal(err)
		}
		r := &region{Server: &Server{accounts: &accounting{stores: s}}}
		at := r.world(t)
		sum += at.Used
		if at.Leased != 0 {
			t.Errorf("%s still holds leases of %d", here, at.Leased)
		}
	}
	if sum != spent || sum > whole {
		t.Errorf("%d are counted, %d were spent, of %d", sum, spent, whole)
	}
}

// lockedText is a log that several write.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// ledgerless are books of a region that are always the same.
type ledgerless struct {
	mu   sync.Mutex
	page regions.Page // guarded by mu, as is err
	err  error
}

func (b *ledgerless) answer() (regions.Page, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.page, b.err
}

func (b *ledgerless) Page(context.Context, regions.Count) (regions.Page, error) { return b.answer() }

func (b *ledgerless) Give(context.Context, regions.Entry) (regions.Page, error) { return b.answer() }

func (b *ledgerless) Take(context.Context, regions.Entry) (regions.Page, error) { return b.answer() }

// moved is a regional of two regions whose books say that eu has received n.
func moved(t *testing.T, n quota.Amount, log *slog.Logger) (g *regional, eu, us *ledgerless) {
	t.Helper()
	eu = &ledgerless{page: regions.Page{Used: 500, Received: map[string]quota.Amount{"us": n}}}
	us = &ledgerless{page: regions.Page{Used: 500, Given: map[string]quota.Amount{"eu": n}}}
	c := config(t)
	c.Logger = log
	g = newRegional(c, &catalog.Catalog{Store: catalog.Store{Redis: &catalog.Redis{Region: "eu"}}}, map[string]regions.Books{"eu": eu, "us": us})
	return g, eu, us
}

func world(amount int64, shares map[string]int) []catalog.Budget {
	return []catalog.Budget{
		{Name: "local", Per: "day", Limits: []catalog.BudgetLimit{{Unit: catalog.UnitMoney, Amount: 7}}},
		{Name: "world", Per: "day", Shares: shares, Limits: []catalog.BudgetLimit{{Unit: catalog.UnitRequests, Amount: amount, Away: 100}, {Unit: catalog.UnitTokens, Amount: amount}}},
	}
}

var halves = map[string]int{"eu": 50, "us": 50}

func TestWhatARegionHasReceivedRaisesItsLimitsAndNoOthers(t *testing.T) {
	t.Parallel()
	g, _, _ := moved(t, 300, slog.New(slog.DiscardHandler))
	told := 0
	amounts := func(budgets []catalog.Budget) string {
		limits := LimitsOf(budgets, "eu")
		g.adjust(budgets, limits)
		text := ""
		for _, l := range limits {
			text += fmt.Sprintf("%s %d/%d ", l.Name, l.Amount, l.Away)
		}
		return strings.TrimSpace(text)
	}
	g.onChange(func() { told++ })
	budgets := world(2000, halves)
	const before = "local/money 7/0 world/requests 1000/100 world/tokens 1000/0"
	if got := amounts(budgets); got != before {
		t.Errorf("before the first round: %s", got)
	}
	g.round(t.Context())
	const after = "local/money 7/0 world/requests 1300/100 world/tokens 1300/0"
	if got := amounts(budgets); told != 1 || got != after {
		t.Errorf("told %d times: %s", told, got)
	}
	g.round(t.Context())
	if told != 1 {
		t.Errorf("told %d times, and nothing has changed", told)
	}
	// Another limit's change forgets nothing of these; their own does.
	if got := amounts(append([]catalog.Budget{{Name: "a", Per: "day", Limits: []catalog.BudgetLimit{{Unit: catalog.UnitMoney, Amount: 9}}}}, budgets...)); got != "a/money 9/0 "+after {
		t.Errorf("beside another: %s", got)
	}
	if got := amounts(world(4000, halves)); got != "local/money 7/0 world/requests 2000/100 world/tokens 2000/0" {
		t.Errorf("of another amount: %s", got)
	}
	g.round(t.Context())
	if got := amounts(world(4000, halves)); told != 2 || got != "local/money 7/0 world/requests 2300/100 world/tokens 2300/0" {
		t.Errorf("told %d times: %s", told, got)
	}
	if got := amounts(nil); got != "" || len(g.shared) != 0 {
		t.Errorf("without budgets %d are shared: %s", len(g.shared), got)
	}
}

func TestRegionsThatAreAwayAreToldOfOnceAndChangeNothing(t *testing.T) {
	t.Parallel()
	var said lockedText
	g, _, us := moved(t, 300, slog.New(slog.NewTextHandler(&said, nil)))
	budgets := world(2000, halves)[1:]
	budgets[0].Limits = budgets[0].Limits[:1]
	limits := LimitsOf(budgets, "eu")
	g.adjust(budgets, limits)
	for _, step := range []struct {
		err         error
		down, again int
	}{{errors.New("away"), 1, 0}, {errors.New("away"), 1, 0}, {nil, 1, 1}, {nil, 1, 1}, {errors.New("away"), 2, 1}} {
		us.mu.Lock()
		us.err = step.err
		us.mu.Unlock()
		g.round(t.Context())
		if down, again := strings.Count(said.String(), "not all regions"), strings.Count(said.String(), "reached again"); down != step.down || again != step.again {
			t.Errorf("told %d times that they are away, %d times that they are back:\n%s", down, again, said.String())
		}
	}
	limits = LimitsOf(budgets, "eu")
	if g.adjust(budgets, limits); limits[0].Amount != 1300 {
		t.Errorf("the limit is %d", limits[0].Amount)
	}
}

func TestAShareOfARegionWithoutAStoreIsLeftAlone(t *testing.T) {
	t.Parallel()
	var said lockedText
	g, _, _ := moved(t, 300, slog.New(slog.NewTextHandler(&said, nil)))
	budgets := world(2000, map[string]int{"eu": 50, "mars": 50})
	for range 2 {
		limits := LimitsOf(budgets, "eu")
		g.adjust(budgets, limits)
		g.round(t.Context())
		if limits[1].Amount != 1000 || len(g.shared) != 0 {
			t.Errorf("%+v", limits[1])
		}
	}
	if n := strings.Count(said.String(), "mars"); n != 1 {
		t.Errorf("warned %d times:\n%s", n, said.String())
	}
}

func TestOneRegionAloneMovesNothing(t *testing.T) {
	t.Parallel()
	g := newRegional(config(t), parsed(t, "open: true"+shopModels), nil)
	if g != nil {
		t.Fatal("there is something to move")
	}
	g.onChange(nil)
	g.adjust(nil, nil)
	g.run(t.Context()) // returns
}
