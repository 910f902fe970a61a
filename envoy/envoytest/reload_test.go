package envoytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/process"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// orderedCatalog has the providers of the list, every model served by all of
// them in its order. A name with a suffix "!" has a CA file that is nowhere.
func orderedCatalog(order ...string) string {
	var b strings.Builder
	b.WriteString("open: true\nlisten: {port: {{port}}}\nproviders:\n")
	var targets []string
	for _, name := range order {
		name, lost := strings.CutSuffix(name, "!")
		targets = append(targets, name)
		if lost {
			fmt.Fprintf(&b, "  %s: {dialect: openai, base_url: \"https://127.0.0.1:9\", ca: nowhere/ca.pem}\n", name)
			continue
		}
		fmt.Fprintf(&b, "  %s: {dialect: openai, base_url: '{{url %q}}'}\n", name, name)
	}
	all := strings.Join(targets, ", ")
	fmt.Fprintf(&b, "models:\n  sim/chat: {targets: [%s]}\n  sim/leave: {targets: [%s], lane: leave}\n  sim/translated: {targets: [%s], lane: translate}\n", all, all, all)
	return b.String()
}

// traffic is clients that ask for JSON and streams in every lane. Providers
// say the same, so that it does not matter who answers.
type traffic struct {
	crowd
	g    *Gateway
	stop context.CancelFunc
}

var trafficProviders = [4]string{"alpha", "beta", "gamma", "delta"}

func startTraffic(t *testing.T, g *Gateway) *traffic {
	t.Helper()
	const clients = 8
	ctx, stop := context.WithCancel(t.Context())
	tr := &traffic{g: g, stop: stop}
	t.Cleanup(func() { stop(); tr.everybody.Wait() })
	const words = `{"*":{"text":"The order of targets may change at any time."}}`
	wishes := []wish{
		{name: "JSON", model: "sim/chat", translated: true, script: words, from: "beta"},
		{name: "stream", model: "sim/chat", translated: true, stream: true, script: words, from: "beta"},
		{name: "JSON, left", model: "sim/leave", translated: true, script: words, from: "beta"},
		{name: "stream, translated", model: "sim/translated", translated: true, stream: true, script: words, from: "beta"},
	}
	tr.start(ctx, g, clients, func(client, round int) *wish { return &wishes[(client+round)%len(wishes)] })
	return tr
}

// awaitFirst waits until the provider answers requests of each kind, as the
// first it is asked.
func awaitFirst(t *testing.T, g *Gateway, provider string) {
	t.Helper()
	for _, rq := range []string{
		`{"model":"sim/chat","messages":[{"role":"user","content":"Who?"}]}`,
		`{"model":"sim/chat","messages":[{"role":"user","content":"Who?"}],"stream":true}`,
	} {
		Eventually(t, 20*time.Second, provider+" is first", func() error {
			a, err := g.Post(t.Context(), rq)
			if err != nil {
				return err
			}
			if a.Status != 200 || a.Header.Get("X-Dragoman-Provider") != provider || a.Header.Get("X-Dragoman-Attempts") != "1" {
				return fmt.Errorf("%s", a)
			}
			return nil
		})
	}
}

// awaitServing waits until the rollout has come through or stands still.
func awaitServing(t *testing.T, g *Gateway) {
	t.Helper()
	Eventually(t, 30*time.Second, "the rollout is through", func() error {
		if s := g.XDS.Status(); s.Step != "serving" || !s.Ready {
			return fmt.Errorf("step %s: %s", s.Step, s.Reason)
		}
		return nil
	})
}

// awaitRemoved waits until Envoy has no cluster of a provider.
func awaitRemoved(t *testing.T, g *Gateway, provider string) {
	t.Helper()
	Eventually(t, 20*time.Second, provider+" is removed", func() error {
		resp, err := g.Client.Get("http://" + g.Envoy.AdminAddr() + "/clusters")
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // only read
		clusters, err := io.ReadAll(resp.Body)
		if err == nil && bytes.Contains(clusters, []byte("/"+provider+"::")) {
			err = errors.New("it is there")
		}
		return err
	})
}

func TestNoRequestFailsWhileTheOrderChanges(t *testing.T) {
	t.Parallel()
	names := trafficProviders[:3]
	order := func(i int) []string {
		o := append(append([]string(nil), names[i%3:]...), names[:i%3]...)
		if i/3%2 == 1 {
			o[1], o[2] = o[2], o[1]
		}
		return o
	}
	g := Start(t, Options{Catalog: orderedCatalog(names...), Providers: stillProviders(names...)})
	tr := startTraffic(t, g)
	const orders = 30
	catalogs := make([]*catalog.Catalog, orders)
	for i := range catalogs {
		// A catalog names its providers in one order, its targets in another.
		catalogs[i] = g.Compile(orderedCatalog(order(i + 1)...))
	}
	began := time.Now()
	for i, c := range catalogs {
		g.Offer(c)
		awaitFirst(t, g, order(i + 1)[0])
	}
	took := time.Since(began)
	tr.stop()
	tr.unbroken(t)
	g.Settled(t, 20*time.Second)
	t.Logf("%d orders in %.1f s, each observed: %d requests of 8 clients, %d failed", orders, took.Seconds(), tr.asked.Load(), tr.asked.Load()-tr.whole.Load())
}

func TestNoRequestFailsWhileProvidersComeAndGo(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{
		Catalog: orderedCatalog("alpha", "beta", "gamma"), Providers: stillProviders(trafficProviders[:]...), RemoveAfter: time.Second,
	})
	tr := startTraffic(t, g)
	rounds := Scale(3, 12)
	for range rounds {
		for _, providers := range [][]string{
			{"delta", "beta", "gamma"},          // alpha goes, delta comes
			{"beta", "delta"},                   // gamma goes
			{"alpha", "beta", "gamma", "delta"}, // both are back
			{"alpha", "beta", "gamma"},
		} {
			g.Offer(g.Compile(orderedCatalog(providers...)))
			awaitFirst(t, g, providers[0])
			awaitServing(t, g)
		}
		// The last catalog of a round has no delta: in the end Envoy has none.
		awaitRemoved(t, g, "delta")
	}
	tr.stop()
	tr.unbroken(t)
	g.Settled(t, 20*time.Second)
	t.Logf("%d catalogs with providers added and removed: %d requests of 8 clients, %d failed", 4*rounds, tr.asked.Load(), tr.asked.Load()-tr.whole.Load())
}

func TestWhatEnvoyRefusesIsReportedAndTheLastGoodKeepsServing(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: orderedCatalog("alpha", "beta"), Providers: stillProviders("alpha", "beta", "gamma")})
	awaitServing(t, g)
	tr := startTraffic(t, g)

	g.Offer(g.Compile(orderedCatalog("delta!", "beta", "alpha")))
	Eventually(t, 20*time.Second, "the refusal is reported", func() error {
		s := g.XDS.Status()
		if s.Ready || len(s.Refusals) == 0 {
			return fmt.Errorf("%+v", s)
		}
		if r := s.Refusals[0]; !strings.Contains(r.Detail, "ca.pem") || r.Node != "test" || !strings.Contains(s.Reason, "ca.pem") {
			return fmt.Errorf("it does not say what is wrong: %q, %+v", s.Reason, r)
		}
		return nil
	})
	awaitFirst(t, g, "alpha")

	g.Offer(g.Compile(orderedCatalog("gamma", "beta")))
	awaitFirst(t, g, "gamma")
	awaitServing(t, g)
	if s := g.XDS.Status(); len(s.Refusals) > 0 {
		t.Errorf("a refusal that was overcome is still reported: %+v", s.Refusals)
	}
	tr.stop()
	tr.unbroken(t)
	t.Logf("a refused catalog and its mended successor: %d requests of 8 clients, %d failed", tr.asked.Load(), tr.asked.Load()-tr.whole.Load())
}

func TestAPortThatIsTakenIsReportedAndNothingSpins(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // only held
	g := prepare(t, Options{Catalog: orderedCatalog("alpha"), Providers: stillProviders("alpha")})
	free := g.port
	g.port = netip.MustParseAddrPort(taken.Addr().String()).Port()
	g.startParts(g.Compile(g.o.Catalog))
	Eventually(t, 30*time.Second, "Envoy lives before it hears of the port", func() error {
		err := g.tryEnvoy() // ends an Envoy that says so first
		if inUse := (*process.AddressInUseError)(nil); err != nil && !errors.As(err, &inUse) {
			t.Fatal(err)
		}
		return err
	})
	Eventually(t, 20*time.Second, "the refusal is reported", func() error {
		s := g.XDS.Status()
		if s.Ready || !strings.Contains(s.Reason, "Address already in use") {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	const window, most = 2 * time.Second, 50
	spent := spends(t, window, g.Envoy.PID())
	t.Logf("an edge that has no port: Envoy's CPU in %s: %d ms", window, 10*spent[0])
	if spent[0] > most {
		t.Errorf("Envoy spent %d ms of CPU on nothing", 10*spent[0])
	}
	g.port = free
	g.Offer(g.Compile(g.o.Catalog))
	g.URL = fmt.Sprintf("http://127.0.0.1:%d", free)
	g.awaitReady()
	awaitServing(t, g)
}
