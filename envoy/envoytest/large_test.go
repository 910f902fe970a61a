package envoytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

const largeBody = 12 << 20

// largeRequest is about n bytes.
func largeRequest(model string, n int, stream bool) string {
	return fmt.Sprintf(`{"model":%q,"stream":%t,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"`, model, stream) +
		strings.Repeat("A long letter. ", n/15) + `"}]}`
}

func lastKept(names ...string) (all []simulator.Config) {
	for _, name := range names {
		all = append(all, simulator.Config{Name: name, Record: 1})
	}
	return all
}

func TestALargeRequestSurvivesTwoFailoversByteByByte(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Child: true, Providers: lastKept("alpha", "beta", "gamma")})
	inflict(t, g, "alpha", simulator.Script{Status: 503})
	inflict(t, g, "beta", simulator.Script{Reset: simulator.Before})
	before := stateOf(t, g)
	began, n := time.Now(), 0
	for range Scale(2, 10) {
		for _, model := range []string{"chat", "leave"} {
			for _, stream := range []bool{false, true} {
				n++
				name := fmt.Sprintf("%s, stream %t", model, stream)
				a := g.MustPost(t, largeRequest("sim/"+model, largeBody, stream))
				if a.Status != http.StatusOK || a.Header.Get("X-Dragoman-Provider") != "gamma" || a.Header.Get("X-Dragoman-Attempts") != "3" {
					t.Errorf("%s: %s", name, a)
				}
				if text, whole := said(a.Body, stream); !whole {
					t.Errorf("%s: not a whole answer: %q", name, text)
				}
				got := g.Fleet.Provider("gamma").Records()[0].Body
				if want := largeRequest(model, largeBody, stream); string(got) != want {
					t.Errorf("%s: gamma got %d bytes, want %d; they differ at byte %d", name, len(got), len(want), firstDifference(string(got), want))
				}
			}
		}
	}
	took := time.Since(began)
	after := backToBase(t, g, before)
	t.Logf("%d requests of %d MB with two failovers each: byte-identical at gamma, %.2f s each; ext_proc heap in use %.1f MB before, %.1f MB after, peak memory %d MB",
		n, largeBody>>20, took.Seconds()/float64(n), mb(before.HeapInUse), mb(after.HeapInUse), peakOf(t, g.Child.PID())>>20)
}

func inflict(t *testing.T, g *Gateway, provider string, s simulator.Script) {
	t.Helper()
	if err := g.Fleet.Provider(provider).SetFault(s); err != nil {
		t.Fatal(err)
	}
}

func stateOf(t *testing.T, g *Gateway) State {
	t.Helper()
	s, err := g.Child.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mb(n uint64) float64 { return float64(n) / (1 << 20) }

func firstDifference(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// settled is how long the last exchange may stay open: where Envoy lost its
// access log, which it does when ext_proc is away, silence ends it after 90 s.
const settled = 110 * time.Second

// backToBase waits until ext_proc holds nothing, and no more memory and
// goroutines than before.
func backToBase(t *testing.T, g *Gateway, before State) State {
	t.Helper()
	g.Client.CloseIdleConnections()
	var s State
	Eventually(t, settled, "ext_proc is back to its base", func() (err error) {
		if s, err = g.Child.State(); err != nil {
			return err
		}
		const heap, goroutines = 16 << 20, 12 // garbage until the next collection; connections of Envoy's
		if s.Exchanges != 0 || s.Held != 0 || s.HeapInUse > before.HeapInUse+heap || s.Goroutines > before.Goroutines+goroutines {
			return fmt.Errorf("%+v, before %+v", s, before)
		}
		return nil
	})
	return s
}

func TestARequestOverTheLimitIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{
		Catalog: DefaultCatalog + "\nlimits: {body: 1MiB}\n", Child: true, Providers: lastKept("alpha", "beta", "gamma"),
	})
	before := stateOf(t, g)
	body := largeRequest("sim/chat", largeBody, false)
	for _, tt := range []struct {
		name string
		body io.Reader
		// endless bodies stay open after what is sent.
		endless bool
	}{
		{name: "with its length", body: strings.NewReader(body)},
		{name: "chunked", body: io.MultiReader(strings.NewReader(body))},
		{name: "chunked, without end", body: strings.NewReader(body[:2<<20]), endless: true},
	} {
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/v1/chat/completions", tt.body)
		if err != nil {
			t.Fatal(err)
		}
		if tt.endless {
			more, end := io.Pipe()
			t.Cleanup(func() { _ = end.Close() }) // ends the request
			rq.Body, rq.ContentLength = io.NopCloser(io.MultiReader(tt.body, more)), -1
		}
		rq.Header.Set("Content-Type", "application/json")
		began := time.Now()
		resp, err := g.Client.Do(rq)
		took := time.Since(began)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		a := &Answer{Status: resp.StatusCode, Header: resp.Header}
		a.Body, a.Err = io.ReadAll(resp.Body)
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if a.Status != http.StatusRequestEntityTooLarge || problem(a) != nil || !bytes.Contains(a.Body, []byte("1048576")) {
			t.Errorf("%s: %s", tt.name, a)
		}
		const most = 3 * time.Second
		if took > most {
			t.Errorf("%s: refused after %s only", tt.name, took)
		}
		t.Logf("%s: %d after %s", tt.name, a.Status, took)
	}
	if n := g.Fleet.Provider("alpha").Stats().Requests; n > 0 {
		t.Errorf("a provider got %d requests", n)
	}
	backToBase(t, g, before)
}

func TestWhatIsHeldHasLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, limits string
		size, fit    int // of requests, and how many are admitted
	}{
		{"bytes", "{body: 4MiB, held: 8MiB}", 3 << 20, 2},
		{"exchanges", "{exchanges: 3}", 1 << 10, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := Start(t, Options{Catalog: DefaultCatalog + "\nlimits: " + tt.limits + "\n", Child: true, Providers: lastKept("alpha", "beta", "gamma")})
			before := stateOf(t, g)
			inflict(t, g, "alpha", simulator.Script{Hang: simulator.AtHead})
			ctx, leave := context.WithCancel(t.Context())
			waiting := make(chan struct{})
			body := largeRequest("sim/leave", tt.size, false)
			for range tt.fit {
				go func() { _, _ = g.Post(ctx, body); waiting <- struct{}{} }() // it leaves
			}
			Eventually(t, 20*time.Second, "the first requests are held", func() error {
				if n := g.Fleet.Provider("alpha").Stats().InFlight; n != int64(tt.fit) {
					return fmt.Errorf("%d", n)
				}
				return nil
			})
			a := g.MustPost(t, body)
			if a.Status != http.StatusServiceUnavailable || problem(a) != nil || a.Header.Get("Retry-After") == "" {
				t.Errorf("one too many: %s, Retry-After %q", a, a.Header.Get("Retry-After"))
			}
			leave()
			for range tt.fit {
				<-waiting
			}
			backToBase(t, g, before)
			g.Fleet.Provider("alpha").ClearFault()
			if a := g.MustPost(t, body); a.Status != http.StatusOK {
				t.Errorf("after the others have left: %s", a)
			}
		})
	}
}

func TestAnswersThatAreHeldToBeTranslatedCountToo(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: DefaultCatalog + "\nlimits: {body: 1MiB, held: 8MiB}\n", Child: true})
	survived(t, g)
	before := stateOf(t, g)
	// Requests longer than those of the express lane, whose answers Envoy holds.
	long := strings.Repeat("long ", 60_000)
	half := &wish{name: "half an answer", model: "sim/translated", script: `{"*":{"size":10000000,"hang":"mid"}}`, words: long}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _ = g.Post(ctx, half.body(half.model, false)) // it leaves
	}()
	Eventually(t, 20*time.Second, "5 MB are held", func() error {
		s, err := g.Child.State()
		if err == nil && s.Held < 5_000_000 {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	whole := &wish{name: "one too many", model: "sim/translated", translated: true, script: `{"*":{"size":5000000}}`, from: "alpha", words: long}
	if a, right, err := g.ask(t.Context(), whole); right || err != nil {
		t.Errorf("10 MB were held: %s, %v", a, err)
	}
	leave()
	<-left
	backToBase(t, g, before)
	if a, right, err := g.ask(t.Context(), whole); !right || err != nil {
		t.Errorf("after the other has left: %s, %v", a, err)
	}
	backToBase(t, g, before)
}
