package directory

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// readTime bounds one reading of the store.
	readTime = 30 * time.Second
	// retryAfter is how long Run waits after the store failed.
	retryAfter = 500 * time.Millisecond
	// atMostEvery spares the store while somebody writes in bulk.
	atMostEvery = 50 * time.Millisecond
	// usesEvery is how often a key's last use is written at most.
	usesEvery = time.Minute
)

// Run follows the store and writes last uses until ctx is done.
func (d *Directory) Run(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	wake := make(chan struct{}, 1)
	wake <- struct{}{} // what was written since Open
	parts.Go(func() error {
		return d.config.Store.Follow(ctx, func() {
			select {
			case wake <- struct{}{}:
			default: // a reading is due already
			}
		})
	})
	parts.Go(func() error { d.keepReading(ctx, wake); return nil })
	parts.Go(func() error { d.keepUses(ctx); return nil })
	return parts.Wait()
}

// keepReading reads at every wake-up, and again after failures.
func (d *Directory) keepReading(ctx context.Context, wake chan struct{}) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		pause := atMostEvery
		if err := d.readOnce(ctx); err != nil && ctx.Err() == nil {
			if !failing {
				d.config.Logger.Error("the directory stays as it is", "error", err)
			}
			failing, pause = true, retryAfter
			select {
			case wake <- struct{}{}:
			default:
			}
		} else if failing && err == nil {
			failing = false
			d.config.Logger.Info("the directory follows its store again", "version", d.Current().Version)
		}
		if !wait(ctx, pause) {
			return
		}
	}
}

func (d *Directory) readOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return d.refresh(ctx)
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
