package bench

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
)

// idle measures resident memory per stream that has had its first event and
// waits for the next. Its processes are fresh ones: those that have worked keep
// memory that new streams would not add.
func idle(t *testing.T, s settings) []row {
	t.Helper()
	k := start(t, s)
	l := load{name: "warm-up", request: order{events: shortStream}.request(publicName, requestSize), ok: translatedStream(shortStream), connections: 4}
	for _, w := range []*way{k.plain, k.ours} {
		if _, err := (&contestant{w, l}).run(0); err != nil {
			t.Fatal(err)
		}
	}
	plain, _ := k.resident(k.plain)
	ours, dragoman := k.resident(k.ours)
	note := fmt.Sprintf("%d streams", s.idle)
	return []row{
		{Work: "an idle stream, Envoy", Unit: "KB", Plain: &plain, Envoy: &ours, Judged: ours, In: kilobytes, Bar: 80, Stretch: 65, Note: note},
		{
			Work: "an idle stream, ext_proc", Unit: "KB", Dragoman: &dragoman, Judged: dragoman, In: kilobytes, Bar: 6, Stretch: 3, Note: note,
			shown: !s.full, // few streams weigh less than the garbage a process may keep
		},
	}
}

// resident is the growth of a way's processes per idle stream, in KB of 1,000
// bytes.
func (k *course) resident(w *way) (envoy, dragoman float64) {
	k.tb.Helper()
	before := k.memory(w)
	open := k.open(w)
	after := k.memory(w)
	for _, c := range open {
		_ = c.conn.Close() // nothing follows
	}
	per := func(i int) float64 { return float64(after[i]-before[i]) / 1000 / float64(len(open)) }
	return per(0), per(1)
}

// open opens the idle streams, some at once.
func (k *course) open(w *way) []*caller {
	k.tb.Helper()
	var (
		g   errgroup.Group
		mu  sync.Mutex
		out []*caller
	)
	request := order{events: 1, hang: true}.request(publicName, requestSize)
	g.SetLimit(32)
	for range k.s.idle {
		g.Go(func() error {
			c, err := dial(w.address)
			if err == nil {
				mu.Lock()
				out = append(out, c)
				mu.Unlock()
				err = c.begin(request)
			}
			if err == nil {
				err = c.until(token)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		k.tb.Fatalf("%s: idle stream %d of %d: %v", w.name, len(out), k.s.idle, err)
	}
	return out
}

// memory is what the processes hold in bytes once they have come to rest and
// ext_proc has collected its garbage.
func (k *course) memory(w *way) (out [2]int64) {
	k.tb.Helper()
	if w.dragoman != 0 {
		if _, err := k.gateway.Child.State(); err != nil {
			k.tb.Fatal(err)
		}
	}
	<-time.After(k.s.rest)
	for i, pid := range []int{w.envoy, w.dragoman} {
		if pid == 0 {
			continue
		}
		n, err := envoytest.Memory(pid)
		if err != nil {
			k.tb.Fatal(err)
		}
		out[i] = n
	}
	return out
}
