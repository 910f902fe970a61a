package simulator

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestALargeAnswerIsNeverHeldWhole(t *testing.T) {
	s := serve(t, Config{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := s.post(t, s.http1, chat(fmt.Sprintf(`"size":%d`, maxSize)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	n, err := io.Copy(io.Discard, res.Body)
	runtime.ReadMemStats(&after)
	if err != nil || n != res.ContentLength || n < maxSize {
		t.Errorf("got %d bytes of %d, %v", n, res.ContentLength, err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("client and provider allocated %d bytes", allocated)
	}
}

func TestIdleStreamsCostOneGoroutineEach(t *testing.T) {
	const streams = 4000
	s := serve(t, Config{})
	// The first stream must live until the last is open, which on a busy
	// machine with the race detector takes longer than a request may.
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
	defer cancel()
	before := runtime.NumGoroutine()
	var open sync.WaitGroup
	bodies := make(chan io.Closer, streams)
	gate := make(chan struct{}, 50) // requests at a time
	for range streams {
		gate <- struct{}{}
		open.Go(func() {
			defer func() { <-gate }()
			res, err := s.postIn(ctx, t, s.http2, chat(`"events":2,"pause":"1h"`, streaming))
			if err != nil {
				t.Error(err)
				return
			}
			bodies <- res.Body
			if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || !strings.Contains(line, `"role"`) {
				t.Errorf("got %q, %v", line, err)
			}
		})
	}
	open.Wait()
	close(bodies)
	if inFlight := s.Stats().InFlight; inFlight != streams {
		t.Errorf("%d streams are open", inFlight)
	}
	// The client has one of its own for each stream.
	if n := runtime.NumGoroutine() - before; n > 2*streams+100 {
		t.Errorf("%d goroutines for %d streams", n, streams)
	}
	for b := range bodies {
		_ = b.Close()
	}
}

func TestAnEventCostsNoAllocation(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	cost := func(events int) float64 {
		r := Request{Body: []byte(chat(fmt.Sprintf(`"events":%d`, events), streaming))}
		now := noon()
		return testing.AllocsPerRun(5, func() {
			for f := range p.plan(&r, now).stream {
				_ = f
			}
		})
	}
	if few, many := cost(10), cost(10010); many-few > 100 {
		t.Errorf("10 events take %.0f allocations, 10,010 take %.0f", few, many)
	}
}

// blank is a ResponseWriter that drops what it gets.
type blank struct{ header http.Header }

func (b blank) Header() http.Header         { return b.header }
func (b blank) WriteHeader(int)             {}
func (b blank) Write(p []byte) (int, error) { return len(p), nil }
func (b blank) Flush()                      {}

func BenchmarkProvider(b *testing.B) {
	long := strings.Repeat("All work and no play makes Jack a dull boy. ", 100<<10/44)
	large := `{"model":"acme-1","messages":[{"role":"user","content":"` + long + `"}]}`
	p := New(Config{Name: "acme"})
	for _, c := range []struct{ name, body string }{
		{"1 KB JSON", chat(`"size":1000`)},
		{"100 KB question", large},
		{"stream of 100 events", chat(`"events":100`, withUsage)},
		{"stream of 20000 events", chat(`"events":20000`, streaming)},
		{"64 MB JSON", chat(fmt.Sprintf(`"size":%d`, maxSize))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://acme/v1/chat/completions", strings.NewReader(c.body))
				if err != nil {
					b.Fatal(err)
				}
				p.ServeHTTP(blank{http.Header{}}, r)
			}
		})
	}
}

func BenchmarkServedStream(b *testing.B) {
	s := serve(b, Config{})
	for version, client := range map[string]*http.Client{"HTTP/1.1": s.http1, "h2c": s.http2} {
		b.Run(version, func(b *testing.B) {
			for b.Loop() {
				if got := s.ask(b, client, chat(`"events":20000`, streaming)); got.err != nil {
					b.Fatal(got.err)
				}
			}
		})
	}
}
