package extproc

import (
	"context"
	"sync"
	"time"
)

// deadline runs a function once unless it is stopped before; stop waits for a
// function that has begun, so that nothing outlives its stream.
type deadline struct {
	timer   *time.Timer
	done    chan struct{}
	stopped sync.Once
}

func newDeadline(d time.Duration, f func()) *deadline {
	dl := &deadline{done: make(chan struct{})}
	dl.timer = time.AfterFunc(d, func() {
		defer close(dl.done)
		f()
	})
	return dl
}

// stop is safe on a nil deadline, and more than once.
func (d *deadline) stop() {
	if d == nil {
		return
	}
	d.stopped.Do(func() {
		if !d.timer.Stop() {
			<-d.done
		}
	})
}

// wait sleeps, costing nothing, until the time is over; false if ctx ended first.
func (s *Service) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
