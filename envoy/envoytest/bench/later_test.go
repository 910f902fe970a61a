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

// steady opens streams, and counts CPU and events in a window after their
// starts have been paid for. Then it hangs up.
func (k *course) steady(w *way, want []byte) cost {
	k.tb.Helper()
	var (
		g       errgroup.Group
		started sync.WaitGroup
		over    atomic.Bool
		came    atomic.Int64 // bytes
	)
	calls := make([]*caller, atATime)
	request := order{events: longStream, pace: pace}.request(publicName, requestSize)
	for i := range calls {
		call, err := dial(w.address)
		if err != nil {
			k.tb.Fatal(err)
		}
		calls[i] = call
		started.Add(1)
		g.Go(func() error {
			start := sync.OnceFunc(started.Done)
			defer start()
			// The pauses of all streams shall not coincide.
			<-time.After(time.Duration(i) * 7 * pace * time.Millisecond / atATime)
			if err := call.begin(request); err != nil {
				return fmt.Errorf("%s, events after the first: %w", w.name, err)
			}
			if err := call.until(token); err != nil {
				return err
			}
			start()
			for {
				before := len(call.body)
				err := call.more()
				came.Add(int64(len(call.body) - before))
				switch {
				case err == nil && !call.done:
				case over.Load() && bytes.HasPrefix(want, call.body):
					return nil
				default:
					return fmt.Errorf("%s: a stream broke after %d bytes: %w", w.name, len(call.body), err)
				}
			}
		})
	}
	started.Wait()
	<-time.After(k.s.settle)
	envoy, dragoman := k.cpu(w)
	bytesBefore := came.Load()
	<-time.After(k.s.round)
	envoyAfter, dragomanAfter := k.cpu(w)
	// The first event is the role; those with content have one length.
	size := len(bytes.SplitAfterN(want, []byte("\n\n"), 3)[1])
	events := float64(came.Load()-bytesBefore) / float64(size)
	over.Store(true)
	for _, call := range calls {
		_ = call.conn.Close() //nolint:errcheck // ends its reading
	}
	if err := g.Wait(); err != nil {
		k.tb.Fatal(err)
	}
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / events }
	return cost{envoy: per(envoyAfter - envoy), dragoman: per(dragomanAfter - dragoman)}
}
