package envoytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/resource"
)

// TestEnvoySurvives runs before all other tests of this package: what crashes
// Envoy makes all else void.
func TestEnvoySurvives(t *testing.T) {
	for _, limit := range []uint32{64 << 10, 1 << 20} {
		t.Run(fmt.Sprintf("buffer limit %d KiB", limit>>10), survival{bufferLimit: limit}.test)
	}
}

// survivalCatalog is the default one with a time limit that a frozen ext_proc
// does not exceed, but a hanging provider does.
const survivalCatalog = DefaultCatalog + `
timeouts: {first_token: 30s, answer: 120s}
`

const survivors = 16

// survival is the test at one limit of Envoy's buffers, in bytes.
type survival struct{ bufferLimit uint32 }

func (s survival) test(t *testing.T) {
	g := Start(t, Options{
		Child: true, Catalog: survivalCatalog, Providers: stillProviders("alpha", "beta", "gamma"),
		Resources: resource.Options{BufferLimit: s.bufferLimit},
	})
	events, size := Scale(400, 2000), Scale(2<<20, 64_000_000)
	wishes := survivalWishes(events, size)
	rounds := len(wishes)
	began := time.Now()

	slow := &slowReaders{g: g}
	slow.start(Scale(48, 100))
	c := &crowd{}
	var streamed atomic.Int64
	c.start(t.Context(), g, survivors, func(client, round int) *wish {
		if round == rounds {
			return nil
		}
		w := wishes[(client+round)%len(wishes)]
		w.words = fmt.Sprintf("client %d", client)
		if w.stream && w.from != "" {
			streamed.Add(int64(events))
		}
		return &w
	})
	Eventually(t, 3*time.Minute, "a third of the requests", func() error {
		if n := c.asked.Load(); n < int64(survivors*rounds/3) {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
	g.Child.Freeze()
	<-time.After(time.Duration(Scale(1, 5)) * time.Second)
	g.Child.Thaw()
	c.end(t)
	slow.end(t)

	survived(t, g)
	if n := c.broken.Load(); n > c.asked.Load()/10 {
		t.Errorf("%d of %d answers were broken: survival is not enough", n, c.asked.Load())
	}
	if n := streamed.Load(); n < int64(Scale(10_000, 100_000)) {
		t.Errorf("only %d events", n)
	}
	envoyPeak, extprocPeak := peakOf(t, g.Envoy.PID()), peakOf(t, g.Child.PID())
	t.Logf("buffer limit %d KiB, %d clients, %d slow readers: %d requests, %d whole, %d visibly broken, %d events, answers of %d MB, in %.1f s; peak memory Envoy %d MB, ext_proc %d MB",
		s.bufferLimit>>10, survivors, slow.n, c.asked.Load(), c.whole.Load(), c.broken.Load(), streamed.Load(), size/1_000_000,
		time.Since(began).Seconds(), envoyPeak>>20, extprocPeak>>20)
	// Envoy holds a little for each slow reader in each hop, and the answers
	// that ext_proc hands over whole; ext_proc a few copies of these.
	const base, hops, copies = 512 << 20, 8, 6
	whole := int64(survivors * size)
	if most := base + whole + hops*int64(slow.n)*int64(s.bufferLimit); envoyPeak > most {
		t.Errorf("Envoy took %d MB, more than %d MB", envoyPeak>>20, most>>20)
	}
	if most := detectorMemory * (base + copies*whole); extprocPeak > most {
		t.Errorf("ext_proc took %d MB, more than %d MB", extprocPeak>>20, most>>20)
	}
}

// survivalWishes are every lane and shape. Large answers come with a length
// and in chunks; failovers happen before and after them on the same
// connections.
func survivalWishes(events, size int) []wish {
	stream := func(extra string) string { return fmt.Sprintf(`{"events":%d%s}`, events, extra) }
	large := func(extra string) string { return fmt.Sprintf(`{"size":%d%s}`, size, extra) }
	cut := func(extra string) string { return fmt.Sprintf(`{"size":%d%s}`, size/4, extra) }
	all := func(script string) string { return `{"*":` + script + `}` }
	failing := func(alpha, beta, gamma string) string {
		return fmt.Sprintf(`{"alpha":%s,"beta":%s,"gamma":%s}`, alpha, beta, gamma)
	}
	return []wish{
		{name: "stream left to Envoy", model: "sim/leave", stream: true, from: "alpha", script: all(stream(""))},
		{name: "JSON, express, large", model: "sim/chat", from: "alpha", script: all(large(""))},
		{name: "stream, CRLF in odd pieces", model: "sim/chat", stream: true, wantsUsage: true, from: "alpha", script: all(stream(`,"eol":"crlf","write":"odd"`))},
		{name: "JSON, left to Envoy, large, chunked", model: "sim/leave", from: "alpha", script: all(large(`,"chunked":true`))},
		{name: "stream, translated", model: "sim/translated", stream: true, translated: true, from: "alpha", script: all(stream(""))},
		{name: "JSON, translated, large", model: "sim/translated", translated: true, from: "alpha", script: all(large(""))},
		{
			name: "stream after two failovers", model: "sim/chat", stream: true, from: "gamma",
			script: failing(`{"error_after_role":true}`, `{"reset":"headers"}`, stream("")),
		},
		{
			name: "JSON after two failovers, large", model: "sim/chat", from: "gamma",
			script: failing(`{"status":503}`, `{"reset":"before"}`, large("")),
		},
		{
			name: "stream, translated, after two failovers", model: "sim/translated", stream: true, translated: true, from: "gamma",
			script: failing(`{"status":429}`, `{"error_first":true}`, stream("")),
		},
		{
			name: "JSON, translated, large, after two failovers", model: "sim/translated", translated: true, from: "gamma",
			script: failing(`{"html":true}`, `{"truncate":true}`, large(`,"chunked":true`)),
		},
		{name: "stream that breaks off", model: "sim/leave", stream: true, script: all(stream(`,"reset":"mid"`))},
		{name: "stream that breaks off, translated", model: "sim/translated", stream: true, script: all(stream(`,"truncate":true`))},
		{name: "JSON that breaks off, large", model: "sim/chat", script: all(cut(`,"close":"mid"`))},
		{name: "JSON that breaks off, large, translated", model: "sim/translated", script: all(cut(`,"reset":"mid"`))},
		{name: "JSON, left to Envoy, small", model: "sim/leave", from: "alpha", script: all(`{}`)},
	}
}

// survived fails the test unless Envoy's process lives, serves, and all
// exchanges came to their end.
func survived(t *testing.T, g *Gateway) {
	t.Helper()
	select {
	case <-g.Envoy.Done():
		t.Fatalf("Envoy has ended: %v", g.Envoy.ExitErr())
	default:
	}
	for _, model := range []string{"sim/chat", "sim/leave", "sim/translated"} {
		if a := g.MustPost(t, `{"model":"`+model+`","messages":[{"role":"user","content":"Still there?"}]}`); a.Status != http.StatusOK {
			t.Error(a)
		}
	}
	g.Settled(t, settled)
}

func peakOf(t *testing.T, pid int) int64 {
	t.Helper()
	n, err := Peak(pid)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// slowReaders ask for answers much larger than any buffer, read a little and
// stop.
type slowReaders struct {
	g       *Gateway
	n       int
	cancel  context.CancelFunc
	readers sync.WaitGroup
	mu      sync.Mutex
	errs    []error // guarded by mu
}

func (s *slowReaders) start(n int) {
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.n = n
	wishes := []wish{
		{model: "sim/leave", stream: true, script: `{"*":{"events":20000,"tokens_bytes":1000}}`},
		{model: "sim/translated", stream: true, script: `{"*":{"events":20000,"tokens_bytes":1000}}`},
		{model: "sim/chat", script: `{"*":{"size":20000000}}`},
		{model: "sim/leave", script: `{"*":{"size":20000000,"chunked":true}}`},
	}
	for i := range n {
		w := wishes[i%len(wishes)]
		s.readers.Go(func() {
			if err := s.read(ctx, &w); err != nil {
				s.mu.Lock()
				s.errs = append(s.errs, err)
				s.mu.Unlock()
			}
		})
	}
}

// read takes the first 4 KiB and then nothing until it leaves.
func (s *slowReaders) read(ctx context.Context, w *wish) error {
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, s.g.URL+"/v1/chat/completions", strings.NewReader(w.body(w.model, false)))
	if err != nil {
		return err
	}
	rq.Header.Set("Content-Type", "application/json")
	resp, err := s.g.Client.Do(rq)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it is abandoned
	if _, err := io.CopyN(io.Discard, resp.Body, 4<<10); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %s: %w", w.model, resp.Status, err)
	}
	<-ctx.Done()
	return nil
}

func (s *slowReaders) end(t *testing.T) {
	t.Helper()
	s.cancel()
	s.readers.Wait()
	for _, err := range s.errs {
		t.Errorf("a slow reader: %v", err)
	}
}
