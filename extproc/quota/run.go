package quota

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Run exchanges with the store until ctx ends, and then once more: what is
// settled goes there, what is not reserved goes back. It returns an error if
// that last exchange failed; then leases stay until they expire, and the
// journal keeps what is settled.
//
// Its events: the interval has passed (everything is looked at); somebody waits
// for a lease (that one is asked for); the store has seen later calls
// (everything again, at once); it did not answer (everything again, soon, then
// ever later up to the interval); the end.
func (l *Ledger) Run(ctx context.Context) error {
	if l.cfg.Crossed != nil {
		defer l.tell()()
	}
	pause := l.cfg.Interval
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return l.drain(ctx)
		case <-l.wake:
			if err = l.exchange(ctx, waitedFor); err == nil {
				continue
			}
		case <-timer.C:
			err = l.exchange(ctx, everything)
		}
		switch {
		case err == nil:
			pause = l.cfg.Interval
		case errors.Is(err, ErrStale) && l.talk.behind():
			timer.Reset(0)
			continue
		case pause == l.cfg.Interval:
			pause /= 16
		default:
			pause = min(2*pause, l.cfg.Interval)
		}
		timer.Reset(pause)
	}
}

// drain is the end of Run: twice at most, a call's patience each, unless the
// store has seen later calls.
func (l *Ledger) drain(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	err := l.exchange(ctx, last)
	for again := true; err != nil && again; {
		again = errors.Is(err, ErrStale) && l.talk.behind()
		err = l.exchange(ctx, last)
	}
	// Nobody answers any more.
	l.away.Store(true)
	l.mu.Lock()
	close(l.round)
	l.round = make(chan struct{})
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("the last exchange with the quota store failed; leases stay until they expire: %w", err)
	}
	return nil
}

// occasion is why there is an exchange.
type occasion uint8

const (
	everything occasion = iota
	waitedFor
	last
)
