package envoytest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/envoy/process"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/fetch"
	"github.com/dragoman-gateway/dragoman/xds"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

// DefaultCatalog has three providers and a model for each way through.
const DefaultCatalog = `
open: true
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
  gamma: {dialect: openai, base_url: "{{url "gamma"}}"}
models:
  sim/chat: {targets: [alpha, beta, gamma]}
  sim/solo: {targets: [alpha]}
  sim/leave: {targets: [alpha, beta, gamma], lane: leave}
  sim/translated: {targets: [alpha, beta, gamma], lane: translate}
`

// Options say what to start. The zero value is the default catalog with
// ext_proc in this process.
type Options struct {
	// Catalog is a text/template of the catalog with the functions port and
	// url NAME; "" is DefaultCatalog.
	Catalog string
	// Providers are the scripted providers; nil is alpha, beta and gamma.
	Providers []simulator.Config
	// Resources are how Envoy's configuration is built.
	Resources resource.Options
	// Child runs ext_proc as a process of its own, which can be stopped and
	// killed. The test's TestMain must call Main.
	Child bool
	// Concurrency is Envoy's worker threads; 0 = one a core.
	Concurrency int
	// RemoveAfter is how long xds keeps what nobody wants; 0 = its default.
	RemoveAfter time.Duration
	// Env resolves env: references; nil = the process's environment.
	Env func(string) (string, bool)
	// Fetch bounds how images and files by URL are read; without Child only.
	Fetch fetch.Options
	// Silence is how long an exchange stays open without a sign of life from
	// Envoy; 0 = ext_proc's default.
	Silence time.Duration
	// Skew is by how much a Child's clock is ahead; it may be negative.
	Skew time.Duration
	// Cloud asks the clouds for tokens, nil is what their libraries use; without
	// Child only.
	Cloud *http.Client
	// Now is ext_proc's clock, nil = time.Now, and LogLevel the least it logs;
	// without Child only.
	Now      func() time.Time
	LogLevel slog.Level
}

// Gateway is a running gateway.
type Gateway struct {
	URL     string // of the edge, such as http://127.0.0.1:41234
	Fleet   *simulator.Fleet
	Server  *extproc.Server // nil with Options.Child
	Child   *Child          // nil without
	XDS     *xds.Server
	Envoy   *process.Process
	Metrics *prometheus.Registry
	Client  *http.Client

	tb   testing.TB
	o    Options
	port uint16
	dir  string
	logs *journal
}

// Start brings a gateway up and takes it down when the test ends.
func Start(tb testing.TB, o Options) *Gateway {
	tb.Helper()
	g := prepare(tb, o)
	g.startParts(g.Compile(o.Catalog))
	g.startEnvoy()
	g.awaitReady()
	return g
}

// prepare is what Start does before anything of ours or Envoy runs.
func prepare(tb testing.TB, o Options) *Gateway {
	tb.Helper()
	g := &Gateway{tb: tb, o: o, Fleet: &simulator.Fleet{}, Metrics: prometheus.NewRegistry(), logs: &journal{}}
	if g.o.Env == nil {
		g.o.Env = os.LookupEnv
	}
	tb.Cleanup(func() {
		// A guard that fails lets answers pass unguarded, and only says so here.
		if strings.Contains(g.logs.String(), "script log") {
			tb.Errorf("a guard failed in Envoy")
		}
		if tb.Failed() {
			tb.Logf("what was logged:\n%s", g.logs.String())
		}
	})
	g.startProviders()
	g.dir = socketDir(tb)
	g.port = freePort(tb)
	g.URL = fmt.Sprintf("http://127.0.0.1:%d", g.port)
	g.Client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}
	tb.Cleanup(g.Client.CloseIdleConnections)
	return g
}

func (g *Gateway) startProviders() {
	providers := g.o.Providers
	if providers == nil {
		providers = []simulator.Config{{Name: "alpha"}, {Name: "beta"}, {Name: "gamma"}}
	}
	for _, p := range providers {
		if err := g.Fleet.Add(simulator.New(p), nil); err != nil {
			g.tb.Fatal(err)
		}
	}
	g.tb.Cleanup(func() {
		if err := g.Fleet.Close(); err != nil {
			g.tb.Errorf("closing the providers: %v", err)
		}
	})
}

// State is ext_proc's state directory.
func (g *Gateway) State() string { return filepath.Join(g.dir, "state") }

// Compile parses a catalog template; "" is DefaultCatalog.
func (g *Gateway) Compile(text string) *catalog.Catalog {
	g.tb.Helper()
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: g.render(text)})
	if err != nil {
		g.tb.Fatalf("the test's catalog: %v", err)
	}
	return c
}

func (g *Gateway) render(text string) []byte {
	if text == "" {
		text = DefaultCatalog
	}
	t, err := template.New("catalog").Funcs(template.FuncMap{
		"port": func() uint16 { return g.port },
		"url":  func(name string) string { return g.Fleet.URL(name) },
	}).Parse(text)
	if err != nil {
		g.tb.Fatal(err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, nil); err != nil {
		g.tb.Fatal(err)
	}
	return b.Bytes()
}

// Offer brings a changed catalog to both halves, as a reload does.
func (g *Gateway) Offer(c *catalog.Catalog) {
	g.tb.Helper()
	if g.Server != nil {
		if err := g.Server.Use(c); err != nil {
			g.tb.Fatal(err)
		}
	}
	if err := g.XDS.Offer(c, g.o.Resources); err != nil {
		g.tb.Fatal(err)
	}
}

func (g *Gateway) socket(name string) string { return filepath.Join(g.dir, name+".sock") }

// startParts starts xds, and ext_proc here or as a child.
func (g *Gateway) startParts(c *catalog.Catalog) {
	log := slog.New(slog.NewTextHandler(g.logs, &slog.HandlerOptions{Level: g.o.LogLevel}))
	x, err := xds.New(xds.Config{
		Logger: log, Registerer: g.Metrics, RemoveAfter: g.o.RemoveAfter,
		Static: []string{envoy.ExtProcCluster, envoy.XDSCluster},
	})
	if err != nil {
		g.tb.Fatal(err)
	}
	g.XDS = x
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	g.tb.Cleanup(func() { cancel(); parts.Wait() })
	serve := func(what, socket string, f func(context.Context, net.Listener) error) {
		l, err := new(net.ListenConfig).Listen(ctx, "unix", socket)
		if err != nil {
			g.tb.Fatal(err)
		}
		parts.Go(func() {
			if err := f(ctx, l); err != nil {
				g.tb.Errorf("%s: %v", what, err)
			}
		})
	}
	serve("xds", g.socket("xds"), x.Serve)
	if err := x.Offer(c, g.o.Resources); err != nil {
		g.tb.Fatal(err)
	}
	if g.o.Child {
		g.Child = g.startChild()
		return
	}
	g.Server, err = extproc.NewServer(extproc.ServerConfig{
		Logger: log, Metrics: g.Metrics, Env: g.o.Env, XDS: "unix:" + g.socket("xds"), Fetch: g.o.Fetch, Cloud: g.o.Cloud,
		State: g.State(), Silence: g.o.Silence, Now: g.o.Now,
	}, c)
	if err != nil {
		g.tb.Fatal(err)
	}
	serve("extproc", g.socket("extproc"), g.Server.Serve)
}

func (g *Gateway) startEnvoy() {
	if err := g.tryEnvoy(); err != nil {
		g.tb.Fatal(err)
	}
}

// tryEnvoy is startEnvoy for configurations that Envoy may refuse while it
// starts.
func (g *Gateway) tryEnvoy() error {
	boot, err := resource.Bootstrap{
		NodeID: "test", Admin: netip.MustParseAddrPort("127.0.0.1:0"),
		ExtProc: resource.Endpoint{Socket: g.socket("extproc")}, XDS: resource.Endpoint{Socket: g.socket("xds")},
	}.Build(nil)
	if err != nil {
		return err
	}
	text, err := resource.YAML(boot)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	g.Envoy, err = process.Start(ctx, process.Config{
		Path: Binary(g.tb), Bootstrap: text, Concurrency: g.o.Concurrency,
		Logger: slog.New(slog.NewTextHandler(g.logs, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	g.tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := g.Envoy.Stop(ctx); err != nil {
			g.tb.Errorf("envoy: %v", err)
		}
	})
	return nil
}

// awaitReady waits until the edge answers and ext_proc has its routes.
func (g *Gateway) awaitReady() {
	g.tb.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	Eventually(g.tb, 30*time.Second, "the gateway is ready", func() error {
		rq, err := http.NewRequestWithContext(g.tb.Context(), http.MethodGet, g.URL+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := client.Do(rq)
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // only read
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz: %s", resp.Status)
		}
		return nil
	})
}

// freePort is below the range from which Linux takes the ports of outgoing
// connections (ip_local_port_range): tests that run side by side make many, and
// one of them could have the port before Envoy does.
func freePort(tb testing.TB) uint16 {
	tb.Helper()
	const first, ports, tries = 12_000, 20_000, 100
	for range tries {
		port := first + rand.IntN(ports) //nolint:gosec // a port is no secret
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // taken
		}
		if err := l.Close(); err != nil {
			tb.Fatal(err)
		}
		return uint16(port)
	}
	tb.Fatalf("no free port in %d tries", tries)
	return 0
}

// socketDir is short: a Unix socket's path has 108 bytes.
func socketDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "dgm") //nolint:usetesting // TempDir's path has the test's name
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}
