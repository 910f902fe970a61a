package regions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Budget is one limit that regions share.
type Budget struct {
	// Name is the limit's, Account the one count that it keeps.
	Name    string
	Account quota.Account
	Window  quota.Window
	Shares  map[string]quota.Amount // by region
}

// Config is a Rebalancer's.
type Config struct {
	Here    string           // the region whose adjustments are told
	Regions map[string]Books // by name
	Budgets []Budget
	// Interval is what the caller lets pass between rounds, Horizon what a reserve
	// has to last; 0 is ten seconds and a minute. A region has Wait to answer; 0
	// is two seconds.
	Interval, Horizon, Wait time.Duration
	Now                     func() time.Time // nil: time.Now
}

// Rebalancer makes rounds over all budgets when it is told to.
type Rebalancer struct {
	config Config // immutable

	mu    sync.Mutex // guards state
	state map[string]*state
}

// state is what rounds remember of a budget.
type state struct {
	period     quota.Period
	adjustment quota.Amount
	seen       map[string][]sample // by region, of this period
}

// sample is what a region had used at a time.
type sample struct {
	at   time.Time
	used quota.Amount
}

// New checks the configuration: every share needs a region with books.
func New(c Config) (*Rebalancer, error) {
	if c.Interval == 0 {
		c.Interval = 10 * time.Second
	}
	if c.Horizon == 0 {
		c.Horizon = time.Minute
	}
	if c.Wait == 0 {
		c.Wait = 2 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Rebalancer{config: c, state: make(map[string]*state, len(c.Budgets))}
	var wrong []error
	if c.Regions[c.Here] == nil {
		wrong = append(wrong, fmt.Errorf("region %q has no books", c.Here))
	}
	for _, b := range c.Budgets {
		if r.state[b.Name] != nil {
			wrong = append(wrong, fmt.Errorf("budget %q is there twice", b.Name))
		}
		r.state[b.Name] = &state{seen: make(map[string][]sample)}
		for region, share := range b.Shares {
			if c.Regions[region] == nil {
				wrong = append(wrong, fmt.Errorf("budget %q: region %q has no books", b.Name, region))
			}
			if share < 0 || share > quota.MaxAmount {
				wrong = append(wrong, fmt.Errorf("budget %q: region %q cannot have a share of %d", b.Name, region, share))
			}
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("regions: %w", errors.Join(wrong...))
	}
	return r, nil
}

// Adjustment is what the region here has received minus what it has given in
// the present period of a budget: to be added to its share for quota.Limit's
// Amount. It is 0 for a limit that is no budget, and until the first round.
func (r *Rebalancer) Adjustment(limit string) quota.Amount {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state[limit]
	if s == nil {
		return 0
	}
	for _, b := range r.config.Budgets {
		if b.Name != limit {
			continue
		}
		if p, _ := b.Window.Of(r.config.Now()); p == s.period {
			return s.adjustment
		}
	}
	return 0
}

// Round ends the transfers that were begun, and makes those that are planned,
// among the regions that answer. Its error tells of those that don't.
func (r *Rebalancer) Round(ctx context.Context) error {
	var failed []error
	for i := range r.config.Budgets {
		b := &r.config.Budgets[i]
		now := r.config.Now()
		_, ends := b.Window.Of(now)
		present := newRound(r, b, now)
		failed = append(failed, present.run(ctx))
		// A gateway may learn late that a period and its transfers are over:
		// books are open before it begins, and cap what is granted.
		if !ends.IsZero() && ends.Sub(now) <= 2*r.config.Interval {
			failed = append(failed, newRound(r, b, ends).read(ctx))
		}
	}
	return errors.Join(failed...)
}

// keep is how long books outlive their period.
const keep = 48 * time.Hour

// regions are a budget's, in order.
func (b *Budget) regions() []string { return slices.Sorted(maps.Keys(b.Shares)) }
