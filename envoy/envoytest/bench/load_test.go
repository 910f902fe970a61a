package bench

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// load is what clients do, each on a connection of its own, one request after
// the other.
type load struct {
	name        string
	request     []byte
	ok          check
	connections int
	events      int // of a stream; 0 = none
	// spread is the time over which the connections start.
	spread time.Duration
}

// unit is what a cost is for: a request, or an event of a stream.
func (l *load) unit() float64 { return float64(max(l.events, 1)) }

// contestant is a load on a way.
type contestant struct {
	way  *way
	load load
}

// tally is what one run did.
type tally struct {
	requests, reads int64
}

// run puts the load on the way for a time; exchanges under way then finish.
func (c *contestant) run(d time.Duration) (tally, error) {
	var (
		g               errgroup.Group
		requests, reads atomic.Int64
	)
	deadline := time.Now().Add(d)
	for i := range c.load.connections {
		g.Go(func() error {
			if c.load.spread > 0 {
				<-time.After(time.Duration(i) * c.load.spread / time.Duration(c.load.connections))
			}
			call, err := c.way.take()
			if err != nil {
				return err
			}
			call.reads = 0
			for n := 0; n == 0 || time.Now().Before(deadline); n++ {
				if err := call.ask(c.load.request, c.load.ok); err != nil {
					return fmt.Errorf("%s, %s: %w", c.way.name, c.load.name, err)
				}
				requests.Add(1)
			}
			reads.Add(int64(call.reads))
			c.way.give(call)
			return nil
		})
	}
	err := g.Wait()
	return tally{requests.Load(), reads.Load()}, err
}

// cost is CPU time in microseconds per unit of a load.
type cost struct {
	envoy, dragoman float64
	tally           tally
}

func (c cost) total() float64 { return c.envoy + c.dragoman }

// measure is one round.
func (k *course) measure(c *contestant) cost {
	k.tb.Helper()
	envoy, dragoman := k.cpu(c.way)
	t, err := c.run(k.s.round)
	if err != nil {
		k.tb.Fatal(err)
	}
	<-time.After(k.s.settle)
	envoyAfter, dragomanAfter := k.cpu(c.way)
	units := float64(t.requests) * c.load.unit()
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / units }
	return cost{per(envoyAfter - envoy), per(dragomanAfter - dragoman), t}
}

// cpu is what a way's processes have computed so far.
func (k *course) cpu(w *way) (envoy, dragoman time.Duration) {
	k.tb.Helper()
	read := func(pid int) time.Duration {
		if pid == 0 {
			return 0
		}
		d, err := cpuOf(pid)
		if err != nil {
			k.tb.Fatal(err)
		}
		return d
	}
	return read(w.envoy), read(w.dragoman)
}

// race lets contestants take turns and returns their costs, round by round,
// after one that is not counted; a small pass saves that of paced streams.
func (k *course) race(cs ...contestant) [][]cost {
	k.tb.Helper()
	for i := range cs {
		if cs[i].load.spread > 0 && !k.s.full {
			continue
		}
		if _, err := cs[i].run(k.s.round / 3); err != nil {
			k.tb.Fatal(err)
		}
	}
	out := make([][]cost, len(cs))
	for range k.s.rounds {
		for i := range cs {
			out[i] = append(out[i], k.measure(&cs[i]))
		}
	}
	return out
}

// each applies f to every round.
func each(rounds int, f func(round int) float64) []float64 {
	out := make([]float64, rounds)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// quantile is the nearest one of the values; they need not be sorted.
func quantile[T float64 | time.Duration](of []T, q float64) T {
	s := slices.Sorted(slices.Values(of))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

func median(of []float64) float64 { return quantile(of, 0.5) }
