package envoytest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// outageWishes are under way for a while, so that an outage finds them in
// every phase: before the attempt, while the answer is held, within it.
func outageWishes() []wish {
	const (
		slow   = `{"*":{"events":40,"pause":"10ms"}}`
		silent = `{"*":{"first":"200ms"}}`
		late   = `{"alpha":{"first":"50ms","status":500},"beta":{"first":"50ms"}}`
	)
	wishes := []wish{
		{name: "JSON, express", model: "sim/chat", script: silent, from: "alpha"},
		{name: "stream, left", model: "sim/leave", stream: true, script: slow, from: "alpha"},
		{name: "stream, translated", model: "sim/translated", stream: true, translated: true, script: slow, from: "alpha"},
		{name: "JSON, left", model: "sim/leave", script: silent, from: "alpha"},
		{name: "JSON, translated", model: "sim/translated", translated: true, script: silent, from: "alpha"},
		{name: "stream after a failover", model: "sim/chat", stream: true, script: late, from: "beta"},
		{name: "JSON after a failover", model: "sim/chat", script: late, from: "beta"},
		{name: "JSON, large", model: "sim/translated", translated: true, script: `{"*":{"size":300000}}`, from: "alpha"},
	}
	for i := range wishes {
		wishes[i].anyone = true // the attempt that the outage ends is made up for
	}
	return wishes
}

// outage is a crowd that asks while ext_proc comes and goes.
type outage struct {
	crowd
	g      *Gateway
	before State
	stop   context.CancelFunc
}

func startOutage(t *testing.T) *outage {
	t.Helper()
	g := Start(t, Options{Child: true, Providers: stillProviders("alpha", "beta", "gamma")})
	survived(t, g) // every connection there is stands
	ctx, stop := context.WithCancel(t.Context())
	o := &outage{g: g, before: stateOf(t, g), stop: stop}
	t.Cleanup(func() { stop(); o.everybody.Wait() })
	wishes := outageWishes()
	o.start(ctx, g, 8, func(client, round int) *wish { return &wishes[(client+round)%len(wishes)] })
	return o
}

// more waits until a figure has grown by some.
func more(t *testing.T, within time.Duration, what string, now func() int64) {
	t.Helper()
	const some = 16
	from := now()
	Eventually(t, within, what, func() error {
		if n := now() - from; n < some {
			return fmt.Errorf("%d of %d", n, some)
		}
		return nil
	})
}

// over ends the crowd and looks at what is left behind.
func (o *outage) over(t *testing.T, what string) {
	t.Helper()
	o.stop()
	o.end(t)
	if n := o.brokenWith(http.StatusServiceUnavailable) + o.brokenWith(0) + o.brokenWith(http.StatusOK); int64(n) != o.broken.Load() {
		t.Errorf("of %d answers that are visibly broken only %d are 503 or break off: %v", o.broken.Load(), n, o.statuses)
	}
	survived(t, o.g)
	after := backToBase(t, o.g, o.before)
	t.Logf("ext_proc %s: %d requests of 8 clients, %d right, %d visibly broken (%d of them 503 JSON), none a lie; goroutines %d before, %d after, exchanges %d",
		what, o.asked.Load(), o.whole.Load(), o.broken.Load(), o.brokenWith(http.StatusServiceUnavailable),
		o.before.Goroutines, after.Goroutines, after.Exchanges)
}

func TestClientsGetJSON503WhileExtProcIsKilledAndEnvoyRecoversByItself(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	kills := Scale(2, 10)
	for range kills {
		more(t, 30*time.Second, "answers", o.whole.Load)
		o.g.Child.Kill()
		more(t, 30*time.Second, "requests that fail", o.broken.Load)
		o.g.Child.Start()
		more(t, 30*time.Second, "answers again", o.whole.Load)
	}
	if o.brokenWith(http.StatusServiceUnavailable) == 0 {
		t.Error("nobody got a 503")
	}
	o.over(t, fmt.Sprintf("killed %d times", kills))
}

func TestAFrozenExtProcLosesNothingAndIsFoundIfItStaysFrozen(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	// Envoy's keepalive gives up after 5 s and 10 s more.
	frozen := time.Duration(Scale(2, 25)) * time.Second
	more(t, 30*time.Second, "answers", o.whole.Load)
	o.g.Child.Freeze()
	<-time.After(frozen)
	if Long() && o.brokenWith(http.StatusServiceUnavailable) == 0 {
		t.Errorf("nobody got a 503 in %s", frozen)
	}
	o.g.Child.Thaw()
	more(t, 30*time.Second, "answers again", o.whole.Load)
	if n := o.broken.Load(); n > 0 && !Long() {
		t.Errorf("%d requests failed for a pause of %s", n, frozen)
	}
	o.over(t, fmt.Sprintf("frozen for %s", frozen))
}

func TestAClientThatLeavesStopsItsProviderWithinASecond(t *testing.T) {
	t.Parallel()
	var providers []simulator.Config
	for _, name := range []string{"alpha", "beta", "gamma"} {
		providers = append(providers, simulator.Config{Name: name, Record: 64})
	}
	g := Start(t, Options{Child: true, Providers: providers})
	survived(t, g)
	before := stateOf(t, g)
	const endless = `{"*":{"events":100000,"pause":"20ms"}}`
	for _, w := range []wish{
		{name: "JSON, express, before the headers", model: "sim/chat", script: `{"*":{"hang":"headers"}}`},
		{name: "JSON, express, within the answer", model: "sim/chat", script: `{"*":{"hang":"mid","size":2000000}}`},
		{name: "JSON, left, before the headers", model: "sim/leave", script: `{"*":{"hang":"headers"}}`},
		{name: "JSON, translated, within the answer", model: "sim/translated", script: `{"*":{"hang":"mid"}}`},
		{name: "stream, before the headers", model: "sim/chat", stream: true, script: `{"*":{"hang":"headers"}}`},
		{name: "stream, after the prelude", model: "sim/chat", stream: true, script: `{"*":{"hang":"prelude"}}`},
		{name: "stream, left, within the answer", model: "sim/leave", stream: true, script: endless},
		{name: "stream, translated, within the answer", model: "sim/translated", stream: true, script: endless},
	} {
		t.Run(w.name, func(t *testing.T) {
			w.words = w.name
			if took := leave(t, g, &w); took > time.Second {
				t.Errorf("the provider worked on for %s", took)
			} else {
				t.Logf("the provider stopped after %s", took)
			}
		})
	}
	for _, name := range []string{"beta", "gamma"} {
		if n := g.Fleet.Provider(name).Stats().Requests; n > 0 {
			t.Errorf("%s got %d requests of clients that had left", name, n)
		}
	}
	backToBase(t, g, before)
}

// leave asks, leaves when the provider is at work and tells how long it went on.
func leave(t *testing.T, g *Gateway, w *wish) time.Duration {
	t.Helper()
	const patience = 20 * time.Second
	within, done := context.WithTimeout(t.Context(), patience)
	defer done()
	ctx, abort := context.WithCancel(within)
	ended := make(chan error, 1)
	begun := make(chan struct{})
	go func() { ended <- g.readUntil(ctx, w, begun) }()
	mine := func(r simulator.Record) bool { return strings.Contains(string(r.Body), w.words) }
	if _, err := g.Fleet.Provider("alpha").Await(within, mine); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.script, "pause") {
		<-begun // the answer is committed
	}
	left := time.Now()
	abort()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended otherwise: %v", err)
	}
	r, err := g.Fleet.Provider("alpha").Await(within, func(r simulator.Record) bool { return mine(r) && !r.Ended.IsZero() })
	if err != nil {
		t.Fatal(err)
	}
	if r.Gone.IsZero() {
		t.Error("the provider did not see its client leave")
	}
	return r.Ended.Sub(left)
}

// readUntil reads an answer to its end or ctx's; begun is closed with its
// first line, or a good deal of it.
func (g *Gateway) readUntil(ctx context.Context, w *wish, begun chan<- struct{}) error {
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/v1/chat/completions", strings.NewReader(w.body(w.model, w.wantsUsage)))
	if err != nil {
		return err
	}
	rq.Header.Set("Content-Type", "application/json")
	resp, err := g.Client.Do(rq)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	answer := bufio.NewReader(resp.Body)
	if _, err := answer.ReadSlice('\n'); err != nil && !errors.Is(err, bufio.ErrBufferFull) { // JSON is one long line
		return err
	}
	close(begun)
	_, err = io.Copy(io.Discard, answer)
	return err
}

func TestARequestThatWaitsForTokensCostsNoCPU(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Child: true, Providers: stillProviders("alpha", "beta", "gamma")})
	survived(t, g)
	before := stateOf(t, g)
	const each = 50
	wishes := []wish{ // those that answer before they wait come first
		{model: "sim/leave", stream: true, script: `{"*":{"hang":"mid","events":4}}`},
		{model: "sim/translated", stream: true, script: `{"*":{"hang":"mid","events":4}}`},
		{model: "sim/leave", stream: true, script: `{"*":{"hang":"headers"}}`},
		{model: "sim/translated", stream: true, script: `{"*":{"hang":"prelude"}}`},
	}
	ctx, leave := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer leave()
	for i, w := range wishes {
		for range each {
			begun := make(chan struct{})
			waiting.Go(func() { _ = g.readUntil(ctx, &w, begun) }) // it leaves
			if i < 2 {
				<-begun
			}
		}
	}
	streams := int64(each * len(wishes))
	Eventually(t, 30*time.Second, "all streams wait", func() error {
		if n := g.Fleet.Provider("alpha").Stats().InFlight; n != streams {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	const window, most = 2 * time.Second, 10
	spent := spends(t, window, g.Child.PID(), g.Envoy.PID())
	t.Logf("%d streams that wait for tokens: CPU in %s: ext_proc %d ms, Envoy %d ms", streams, window, 10*spent[0], 10*spent[1])
	if spent[0] > most {
		t.Errorf("ext_proc spent %d ms of CPU", 10*spent[0])
	}
	leave()
	waiting.Wait()
	backToBase(t, g, before)
}

// spends measures the CPU time of processes, in ticks of 10 ms.
func spends(t *testing.T, window time.Duration, pids ...int) []int64 {
	t.Helper()
	spent := make([]int64, len(pids))
	count := func(sign int64) {
		for i, pid := range pids {
			n, err := CPU(pid)
			if err != nil {
				t.Fatal(err)
			}
			spent[i] += sign * n
		}
	}
	count(-1)
	<-time.After(window)
	count(+1)
	return spent
}
