package quotatest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// ErrLost is what a Line's faults return.
var ErrLost = errors.New("quotatest: lost on the line")

// Fault is what happens to one call.
type Fault uint8

// Faults. Slow calls arrive, and their replies take Line.Delay; late calls fail
// at once and arrive when Line.Deliver is called.
const (
	None Fault = iota
	LoseCall
	LoseReply
	Slow
	Late
	NumFaults
)

// Line is one process's connection to a store.
type Line struct {
	// Delay is how long Slow takes; immutable once the line is in use.
	Delay time.Duration
	store quota.Store

	mu    sync.Mutex // guards all below
	next  []Fault
	down  bool
	late  []quota.Call
	calls int
}

var _ quota.Store = (*Line)(nil)

// NewLine makes a line without faults.
func NewLine(to quota.Store) *Line { return &Line{store: to, Delay: time.Second} }

// Fail lets the next calls fail, one each.
func (l *Line) Fail(next ...Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = append(l.next, next...)
}

// Partition loses all calls until it is lifted.
func (l *Line) Partition(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

// Calls tells how many calls there were.
func (l *Line) Calls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

// Deliver lets the late calls arrive, in order; nobody hears the replies.
func (l *Line) Deliver() {
	l.mu.Lock()
	late := l.late
	l.late = nil
	l.mu.Unlock()
	for _, c := range late {
		// Nobody hears the reply, so nobody hears the error.
		_, _ = l.store.Exchange(context.Background(), c)
	}
}

// Exchange is quota.Store's.
func (l *Line) Exchange(ctx context.Context, c quota.Call) (quota.Reply, error) {
	switch l.fault(&c) {
	case LoseCall, Late:
		return quota.Reply{}, ErrLost
	case LoseReply:
		// Applied, and nobody hears of it.
		_, _ = l.store.Exchange(ctx, c)
		return quota.Reply{}, ErrLost
	case Slow:
		reply, err := l.store.Exchange(ctx, c)
		wait := time.NewTimer(l.Delay)
		defer wait.Stop()
		select {
		case <-ctx.Done():
			return quota.Reply{}, ctx.Err()
		case <-wait.C:
			return reply, err
		}
	default:
		return l.store.Exchange(ctx, c)
	}
}

// Standing is quota.Store's; only a partition hinders it.
func (l *Line) Standing(ctx context.Context, of []quota.AccountPeriod) ([]quota.Standing, error) {
	l.mu.Lock()
	down := l.down
	l.mu.Unlock()
	if down {
		return nil, ErrLost
	}
	return l.store.Standing(ctx, of)
}

// fault tells what happens to the call, and keeps it if it is to be late.
func (l *Line) fault(c *quota.Call) Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	f := None
	if len(l.next) > 0 {
		f, l.next = l.next[0], l.next[1:]
	}
	if l.down && f != Late {
		f = LoseCall
	}
	if f == Late {
		kept := *c
		kept.Settled, kept.Asks = slices.Clone(c.Settled), slices.Clone(c.Asks)
		l.late = append(l.late, kept)
	}
	return f
}
