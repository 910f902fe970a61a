package bench

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// longStream outlasts every window in which its events are counted.
const longStream = 4000

// later is the row of events after the first: streams that are well under way,
// and nothing else.
func (k *course) later() row {
	k.tb.Helper()
	var plain, ours []cost
	for range k.s.rounds {
		plain = append(plain, k.steady(k.plain, untouched(longStream)))
		ours = append(ours, k.steady(k.ours, left(longStream)))
	}
	return compare("an event after the first, same dialect, one in 5 ms", "event", bars{1.3, 1}, plain, ours)
}

// steadiness is what streams under way share.
type steadiness struct {
	way  *way
	want []byte // what a stream begins with
	came atomic.Int64
	over atomic.Bool
}

// steady opens streams, and counts CPU and events in a window after their
// starts have been paid for. Then it hangs up.
func (k *course) steady(w *way, want []byte) cost {
	k.tb.Helper()
	var (
		g       errgroup.Group
		started sync.WaitGroup
	)
	s := &steadiness{way: w, want: want}
	calls := make([]*caller, atATime)
	for i := range calls {
		call, err := dial(w.address)
		if err != nil {
			k.tb.Fatal(err)
		}
		calls[i] = call
		started.Add(1)
		// The pauses of all streams shall not coincide.
		after := time.Duration(i) * 7 * pace * time.Millisecond / atATime
		g.Go(func() error {
			start := sync.OnceFunc(started.Done)
			defer start()
			<-time.After(after)
			return s.read(call, start)
		})
	}
	started.Wait()
	<-time.After(k.s.settle)
	envoy, dragoman := k.cpu(w)
	before := s.came.Load()
	<-time.After(k.s.round)
	envoyAfter, dragomanAfter := k.cpu(w)
	// The first event is the role; those with content have one length.
	size := len(bytes.SplitAfterN(want, []byte("\n\n"), 3)[1])
	events := float64(s.came.Load()-before) / float64(size)
	s.over.Store(true)
	for _, call := range calls {
		_ = call.conn.Close() // ends its reading
	}
	if err := g.Wait(); err != nil {
		k.tb.Fatal(err)
	}
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / events }
	return cost{envoy: per(envoyAfter - envoy), dragoman: per(dragomanAfter - dragoman)}
}

// read follows one stream until the connection is closed; start tells that the
// first text is here.
func (s *steadiness) read(call *caller, start func()) error {
	err := call.begin(order{events: longStream, pace: pace}.request(publicName, requestSize))
	if err == nil {
		err = call.until(token)
	}
	if err != nil {
		return fmt.Errorf("%s, events after the first: %w", s.way.name, err)
	}
	start()
	for err == nil && !call.done {
		before := len(call.body)
		err = call.more()
		s.came.Add(int64(len(call.body) - before))
	}
	if s.over.Load() && bytes.HasPrefix(s.want, call.body) {
		return nil
	}
	return fmt.Errorf("%s: a stream broke after %d bytes: %w", s.way.name, len(call.body), err)
}
