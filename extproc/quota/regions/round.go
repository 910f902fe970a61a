package regions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// round is one pass over one budget's period.
type round struct {
	*Rebalancer
	budget *Budget
	period quota.Period
	ends   time.Time // of the books
	now    time.Time
	pages  map[string]Page // of the regions that have answered
}

func newRound(r *Rebalancer, b *Budget, at time.Time) *round {
	out := &round{Rebalancer: r, budget: b, now: at, pages: make(map[string]Page)}
	var ends time.Time
	if out.period, ends = b.Window.Of(at); !ends.IsZero() {
		out.ends = ends.Add(keep)
	}
	return out
}

// run reads, ends what was begun, and moves what is planned.
func (r *round) run(ctx context.Context) error {
	failed := []error{r.read(ctx), r.settle(ctx)}
	for _, t := range Plan(r.positions()) {
		failed = append(failed, r.move(ctx, t))
	}
	r.note()
	return errors.Join(failed...)
}

// count addresses a region's books.
func (r *round) count(region string) Count {
	return Count{
		AccountPeriod: quota.AccountPeriod{Account: r.budget.Account, Period: r.period},
		Ends:          r.ends, Share: r.budget.Shares[region],
	}
}

// read asks all regions at once for their pages.
func (r *round) read(ctx context.Context) error {
	names := r.budget.regions()
	pages, failed := make([]Page, len(names)), make([]error, len(names))
	var asked sync.WaitGroup
	for i, region := range names {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, r.config.Wait)
			defer cancel()
			pages[i], failed[i] = r.config.Regions[region].Page(ctx, r.count(region))
		})
	}
	asked.Wait()
	for i, region := range names {
		if failed[i] == nil {
			r.pages[region] = pages[i]
		} else {
			failed[i] = fmt.Errorf("budget %q: region %s: %w", r.budget.Name, region, failed[i])
		}
	}
	return errors.Join(failed...)
}

// settle brings the two books of each pair together: a receiver takes what was
// given, and a donor that has lost its books owes what was taken.
func (r *round) settle(ctx context.Context) error {
	var failed []error
	names := r.budget.regions()
	for _, from := range names {
		for _, to := range names {
			donor, ok := r.pages[from]
			receiver, ok2 := r.pages[to]
			if !ok || !ok2 || from == to {
				continue
			}
			given, taken := donor.Given[to], receiver.Received[from]
			switch {
			case given > taken:
				failed = append(failed, r.take(ctx, from, to))
			case given < taken:
				failed = append(failed, r.write(ctx, from, func(ctx context.Context, b Books) (Page, error) {
					return b.Give(ctx, Entry{Count: r.count(from), Peer: to, Before: taken, Upto: taken, Owed: taken})
				}))
			}
		}
	}
	return errors.Join(failed...)
}

// positions are those of the regions that have answered.
func (r *round) positions() []Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state[r.budget.Name]
	if s.period != r.period {
		s.period, s.adjustment = r.period, 0
		clear(s.seen)
	}
	var out []Position
	for _, region := range r.budget.regions() {
		page, ok := r.pages[region]
		if !ok {
			continue
		}
		share := r.budget.Shares[region]
		samples := slices.DeleteFunc(s.seen[region], func(old sample) bool { return r.now.Sub(old.at) > r.config.Horizon })
		samples = append(samples, sample{r.now, page.Used})
		s.seen[region] = samples
		out = append(out, Position{
			Region: region, Share: share, Limit: page.Limit(share), Used: page.Used, Leased: page.Leased,
			Demand: max(0, page.Used-samples[0].used),
		})
	}
	return out
}

// move makes one transfer. If only its first step succeeds, a later round makes
// the second.
func (r *round) move(ctx context.Context, t Transfer) error {
	before := r.pages[t.From].Given[t.To]
	if before > quota.MaxAmount-t.Amount {
		return nil // the sum would not be exact any more; no budget comes to that
	}
	err := r.write(ctx, t.From, func(ctx context.Context, b Books) (Page, error) {
		return b.Give(ctx, Entry{Count: r.count(t.From), Peer: t.To, Before: before, Upto: before + t.Amount})
	})
	if err != nil || r.pages[t.From].Given[t.To] <= before {
		return err
	}
	return r.take(ctx, t.From, t.To)
}

// take lets a receiver have all that a donor's page says it was given.
func (r *round) take(ctx context.Context, from, to string) error {
	upto := r.pages[from].Given[to]
	return r.write(ctx, to, func(ctx context.Context, b Books) (Page, error) {
		return b.Take(ctx, Entry{Count: r.count(to), Peer: from, Upto: upto})
	})
}

// write changes a region's books and keeps its new page.
func (r *round) write(ctx context.Context, region string, change func(context.Context, Books) (Page, error)) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.Wait)
	defer cancel()
	page, err := change(ctx, r.config.Regions[region])
	if err != nil {
		return fmt.Errorf("budget %q: region %s: %w", r.budget.Name, region, err)
	}
	r.pages[region] = page
	return nil
}

// note keeps the adjustment of the region here, if it has answered.
func (r *round) note() {
	page, ok := r.pages[r.config.Here]
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state[r.budget.Name].adjustment = page.Limit(0)
}
