package bench

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// latency is measured on one connection at a time, over what the provider
// itself takes.
func (k *course) latency() []row {
	k.tb.Helper()
	l := jsonLoad("latency", publicName, requestSize, verbatim(answer))
	return k.added("added latency, one connection", [2]bars{{0.8, 0.45}, {2.5, 1.5}}, k.s.latency,
		func(w *way, d time.Duration) ([]time.Duration, error) {
			call, err := w.take()
			if err != nil {
				return nil, err
			}
			var out []time.Duration
			for end := time.Now().Add(d); time.Now().Before(end); {
				before := time.Now()
				if err := call.ask(l.request, l.ok); err != nil {
					return nil, fmt.Errorf("%s, latency: %w", w.name, err)
				}
				out = append(out, time.Since(before))
			}
			w.give(call)
			return out, nil
		})
}

// Streams whose first token is waited for have 20 events, one in 20 ms: what
// is open and what is started stand as with a model.
const (
	shortStream = 20
	shortPace   = 20
)

// firstTokens is measured with 50 streams open whose starts are spread out,
// from the request to the first text.
func (k *course) firstTokens() []row {
	k.tb.Helper()
	request := order{events: shortStream, pace: shortPace}.request(publicName, requestSize)
	return k.added("added time to first token, 50 at a time", [2]bars{{3, 1.5}, {6, 3}}, k.s.first,
		func(w *way, d time.Duration) ([]time.Duration, error) {
			var (
				g   errgroup.Group
				mu  sync.Mutex
				out []time.Duration
			)
			end := time.Now().Add(d)
			for i := range atATime {
				g.Go(func() error {
					<-time.After(time.Duration(i) * shortStream * shortPace * time.Millisecond / atATime)
					call, err := w.take()
					if err != nil {
						return err
					}
					for time.Now().Before(end) {
						took, err := call.first(request)
						if err != nil {
							return fmt.Errorf("%s, first token: %w", w.name, err)
						}
						mu.Lock()
						out = append(out, took)
						mu.Unlock()
					}
					w.give(call)
					return nil
				})
			}
			return out, g.Wait()
		})
}

// first asks for a stream and returns how long its first text took.
func (c *caller) first(request []byte) (time.Duration, error) {
	before := time.Now()
	if err := c.begin(request); err != nil {
		return 0, err
	}
	if err := c.until(token); err != nil {
		return 0, err
	}
	took := time.Since(before)
	if err := c.finish(); err != nil {
		return 0, err
	}
	return took, translatedStream(shortStream)(c.body)
}

// added lets the three ways take turns and gives the rows of p50 and p99 over
// a direct connection.
func (k *course) added(work string, b [2]bars, round time.Duration, run func(*way, time.Duration) ([]time.Duration, error)) []row {
	k.tb.Helper()
	ways := []*way{k.direct, k.plain, k.ours}
	took := make([][]time.Duration, len(ways))
	for n := range k.s.rounds + 1 {
		if n == 0 && !k.s.full {
			continue
		}
		for i, w := range ways {
			ds, err := run(w, round)
			if err != nil {
				k.tb.Fatal(err)
			}
			if n > 0 { // the first is to warm up
				took[i] = append(took[i], ds...)
			}
		}
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	rows := make([]row, 0, len(b))
	for i, p := range []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		direct := quantile(took[0], p.q)
		plain := ms(quantile(took[1], p.q) - direct)
		rows = append(rows, row{
			Work: work + ", " + p.name, Unit: "ms", Plain: &plain,
			Judged: ms(quantile(took[2], p.q) - direct), In: milliseconds, Bar: b[i].bar, Stretch: b[i].stretch,
			shown: true, // a busy machine makes wall time mean nothing
			Note:  fmt.Sprintf("direct %.2f ms; %d, %d and %d samples", ms(direct), len(took[0]), len(took[1]), len(took[2])),
		})
	}
	return rows
}
