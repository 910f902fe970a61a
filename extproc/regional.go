package extproc

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/regions"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// regional moves the budgets that regions share to where they are used. A nil
// regional moves none: there is one region.
type regional struct {
	// Immutable once run.
	log      *slog.Logger
	here     string
	books    map[string]regions.Books
	interval time.Duration // between rounds
	now      func() time.Time
	changed  func() // makes the ledger use the limits anew

	fresh chan struct{} // there are limits that no round has seen

	mu     sync.Mutex
	shared map[string]*shared // by the limit's name; guarded by mu, as is all below
	warned map[string]bool    // budgets that cannot be moved
}

// shared is one limit that regions share. Each has a Rebalancer of its own, so
// that a change of one limit forgets nothing of the others.
type shared struct {
	budget     regions.Budget // immutable, as is rebalancer
	rebalancer *regions.Rebalancer
	failing    bool         // owned by run
	given      quota.Amount // the adjustment that the ledger has; guarded by regional.mu
}

// A round takes place each so many exchanges with the store, and a reserve has
// to last for so many: ten seconds and a minute, as a rule.
const (
	roundEvery   = 10
	reserveLasts = 60
	// roundsAtOnce bounds how many budgets ask the regions at a time.
	roundsAtOnce = 16
)

// newRegional makes one for a store that knows other regions; else nil.
func newRegional(c *ServerConfig, first *catalog.Catalog, books map[string]regions.Books) *regional {
	if len(books) < 2 {
		return nil
	}
	interval := c.LeaseInterval
	if interval == 0 {
		interval = time.Second
	}
	return &regional{
		log: c.Logger, here: first.Store.Region(), books: books, interval: interval * roundEvery, now: c.Now, changed: func() {},
		fresh: make(chan struct{}, 1), shared: make(map[string]*shared), warned: make(map[string]bool),
	}
}

// onChange says who is told that adjustments have changed; before run.
func (g *regional) onChange(tell func()) {
	if g != nil {
		g.changed = tell
	}
}

// adjust adds to this region's shares what it has received from others and
// takes off what it has given. limits are LimitsOf's of the budgets; those that
// are no longer there are forgotten.
func (g *regional) adjust(budgets []catalog.Budget, limits []quota.Limit) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	kept := make(map[string]*shared)
	next := 0
	for i := range budgets {
		for _, l := range budgets[i].Limits {
			limit := &limits[next]
			next++
			s := g.share(&budgets[i], l, limit)
			if s == nil {
				continue
			}
			kept[limit.Name] = s
			s.given = s.rebalancer.Adjustment(limit.Name)
			limit.Amount = min(max(limit.Amount+s.given, 0), quota.MaxAmount)
			limit.Away = min(limit.Away, limit.Amount)
		}
	}
	g.shared = kept
}

// share is what moves a limit; nil if it is not shared or cannot be moved.
// Caller must hold mu.
func (g *regional) share(b *catalog.Budget, of catalog.BudgetLimit, limit *quota.Limit) *shared {
	if len(b.Shares) < 2 {
		return nil
	}
	account, sole := limit.Sole()
	if !sole {
		g.warn(b.Name, "a budget that counts some apart is not moved between regions; each keeps its share")
		return nil
	}
	budget := regions.Budget{Name: limit.Name, Account: account, Window: limit.Window, Shares: make(map[string]quota.Amount, len(b.Shares))}
	for region, percent := range b.Shares {
		budget.Shares[region] = shareOf(of.Amount, percent)
	}
	if s := g.shared[limit.Name]; s != nil && s.budget.Account == account && maps.Equal(s.budget.Shares, budget.Shares) {
		return s
	}
	r, err := regions.New(regions.Config{
		Here: g.here, Regions: g.books, Budgets: []regions.Budget{budget},
		Interval: g.interval, Horizon: g.interval / roundEvery * reserveLasts, Now: g.now,
	})
	if err != nil {
		g.warn(b.Name, "a budget is not moved between regions; each keeps its share", "error", err)
		return nil
	}
	select {
	case g.fresh <- struct{}{}:
	default:
	}
	return &shared{budget: budget, rebalancer: r}
}

// warn logs once a budget. Caller must hold mu.
func (g *regional) warn(budget, message string, with ...any) {
	if !g.warned[budget] {
		g.warned[budget] = true
		g.log.Warn(message, append([]any{"budget", budget}, with...)...) //nolint:sloglint // its callers' messages are static
	}
}

// run makes rounds until ctx is done.
func (g *regional) run(ctx context.Context) {
	if g == nil {
		return
	}
	tick := time.NewTicker(g.interval)
	defer tick.Stop()
	for {
		g.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-g.fresh:
		}
	}
}

// round moves all budgets once, and tells if that changed an adjustment, or a
// new period has.
func (g *regional) round(ctx context.Context) {
	g.mu.Lock()
	all := maps.Clone(g.shared)
	g.mu.Unlock()
	var under sync.WaitGroup
	room := make(chan struct{}, roundsAtOnce)
	for _, s := range all {
		room <- struct{}{}
		under.Go(func() {
			defer func() { <-room }()
			g.report(ctx, s, s.rebalancer.Round(ctx))
		})
	}
	under.Wait()
	changed := false
	g.mu.Lock()
	for name, s := range all {
		changed = changed || s.rebalancer.Adjustment(name) != s.given
	}
	g.mu.Unlock()
	if changed {
		g.changed()
	}
}

// report logs when the regions of a budget can no longer be reached, and when
// they can again. Only run's rounds call it, one at a time for each budget.
func (g *regional) report(ctx context.Context, s *shared, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !s.failing:
		s.failing = true
		g.log.Warn("not all regions of a budget are reached; those keep what they have", "limit", s.budget.Name, "error", err)
	case err == nil && s.failing:
		s.failing = false
		g.log.Info("all regions of a budget are reached again", "limit", s.budget.Name)
	}
}
