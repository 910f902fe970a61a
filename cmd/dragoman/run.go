package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/envoy/binary"
	"github.com/dragoman-gateway/dragoman/envoy/process"
	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

// logFlush is how often access logs leave Envoy under run; a drain waits two.
const logFlush = 200 * time.Millisecond

// offer is how run builds Envoy's resources.
var offer = resource.Options{Flush: logFlush}

type runCommand struct {
	Catalog     string            `help:"The catalog file. Default: dragoman.yaml if it is here, else providers whose key is in the environment, else the simulator." type:"path" env:"DRAGOMAN_CATALOG"`
	State       string            `help:"Directory for what must outlive the process." type:"path" env:"DRAGOMAN_STATE"`
	Listen      string            `help:"Where clients connect, host:port. Default: the catalog's, 127.0.0.1:10000." env:"DRAGOMAN_LISTEN"`
	Admin       string            `help:"Where health and metrics are served, host:port." default:"127.0.0.1:9910" env:"DRAGOMAN_ADMIN"`
	AdminToken  credential.Secret `help:"Token for /metrics where the admin listener is not on loopback." env:"DRAGOMAN_ADMIN_TOKEN" placeholder:"TOKEN"`
	Concurrency int               `help:"Envoy's worker threads; 0 = one a core."`
	EnvoyLog    string            `help:"Envoy's log level." default:"warning"`
}

// Run serves until a signal asks for a drain.
func (c *runCommand) Run(ctx context.Context, log *slog.Logger, s streams) error {
	state, err := stateDir(c.State, s)
	if err != nil {
		return err
	}
	path, source, err := binary.Find(ctx, binary.Options{Progress: s.err})
	if err != nil {
		return err
	}
	log.Info("envoy", "path", path, "from", source)
	from, err := findCatalog(c.Catalog, state, s)
	if err != nil {
		return err
	}
	if from.fleet != nil {
		defer from.fleet.Close() //nolint:errcheck // nothing follows
	}
	g := &gateway{command: c, log: log, streams: s, envoyPath: path, from: from, reload: func() {}}
	return g.run(ctx)
}

// gateway is one `dragoman run`. Its parts live in one errgroup, whose context
// ends only after Envoy has.
type gateway struct {
	command   *runCommand
	log       *slog.Logger
	streams   streams
	envoyPath string
	from      *origin
	reload    func()

	first   *catalog.Catalog
	sockets string
	proc    *extproc.Server
	control *xds.Server
	envoy   *process.Process
	admin   net.Listener
}

func (g *gateway) run(ctx context.Context) (err error) {
	if g.sockets, err = os.MkdirTemp("", "dragoman-"); err != nil {
		return err
	}
	defer os.RemoveAll(g.sockets) //nolint:errcheck // a temporary directory
	serving, cancel := context.WithCancel(context.Background())
	defer cancel()
	parts, serving := errgroup.WithContext(serving)
	if err := g.start(serving, parts); err != nil {
		cancel()
		return errors.Join(err, parts.Wait())
	}
	if err = g.startEnvoy(ctx); err == nil {
		g.greet()
		err = g.serve(ctx, serving)
	}
	cancel()
	return errors.Join(err, parts.Wait())
}

// start brings up everything but Envoy.
func (g *gateway) start(ctx context.Context, parts *errgroup.Group) error {
	feed, err := g.from.open(ctx, g.streams, catalog.WatchConfig{OnChange: g.change, OnError: g.keep})
	if err != nil {
		return err
	}
	parts.Go(func() error { <-ctx.Done(); feed.stop(); return nil })
	if g.first, err = listenAt(feed.first, g.command.Listen); err != nil {
		return err
	}
	g.reload = feed.reload
	metrics := registry()
	if g.control, err = newXDS(g.log, metrics); err != nil {
		return err
	}
	extprocSocket, xdsSocket := g.socket("extproc"), g.socket("xds")
	g.proc, err = extproc.NewServer(extproc.ServerConfig{Logger: g.log, Metrics: metrics, Env: g.streams.env, XDS: xdsSocket}, g.first)
	if err != nil {
		return err
	}
	el, err := listen(extprocSocket)
	if err != nil {
		return err
	}
	xl, err := listen(xdsSocket)
	if err != nil {
		return errors.Join(err, el.Close())
	}
	if g.admin, err = listen(g.command.Admin); err != nil {
		return errors.Join(fmt.Errorf("the admin listener: %w (--admin)", err), el.Close(), xl.Close())
	}
	parts.Go(func() error { return g.proc.Serve(ctx, el) })
	parts.Go(func() error { return g.control.Serve(ctx, xl) })
	parts.Go(func() error { return serveHTTP(ctx, admin.Server(g.adminHandler(metrics)), g.admin) })
	return g.control.Offer(g.first, offer)
}

func (g *gateway) socket(name string) string { return "unix:" + filepath.Join(g.sockets, name+".sock") }

// change brings a new catalog to both halves; either refusing keeps both at
// the last good one.
func (g *gateway) change(c *catalog.Catalog) {
	c, err := listenAt(c, g.command.Listen)
	if err == nil {
		err = g.proc.Use(c)
	}
	if err == nil {
		err = g.control.Offer(c, offer)
	}
	if err != nil {
		g.keep(err)
		return
	}
	g.log.Warn("catalog changed", "version", c.Version[:12], "models", len(c.Models), "providers", len(c.Providers))
}

func (g *gateway) keep(err error) {
	g.log.Error("the changed catalog is not used; the last good one stays", "error", err)
}

func (g *gateway) startEnvoy(ctx context.Context) error {
	boot, err := bootstrap(bootstrapConfig{
		extproc: g.socket("extproc"), xds: g.socket("xds"), admin: netip.MustParseAddrPort("127.0.0.1:0"), node: "dragoman-run",
	}, nil)
	if err != nil {
		return err
	}
	listen := net.JoinHostPort(g.first.Listen.Address, fmt.Sprint(g.first.Listen.Port))
	g.envoy, err = process.Start(ctx, process.Config{
		Path: g.envoyPath, Bootstrap: boot, Listen: []string{listen}, Concurrency: g.command.Concurrency,
		LogLevel: g.command.EnvoyLog, Logger: g.log, Drain: g.first.Limits.Drain,
	})
	if err != nil {
		return err
	}
	return g.awaitReady(ctx)
}

// serve waits for whatever ends a gateway, and ends it in order.
func (g *gateway) serve(ctx, serving context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			g.reload()
		case <-g.envoy.Done():
			return fmt.Errorf("envoy ended by itself: %w", g.envoy.ExitErr())
		case <-serving.Done():
			return errors.Join(context.Cause(serving), g.envoy.Stop(context.Background()))
		case <-ctx.Done():
			return g.drain()
		}
	}
}

// drain lets open requests end, then Envoy, then the reading of its logs. A
// second signal ends it at once.
func (g *gateway) drain() error {
	fmt.Fprintf(g.streams.err, "draining: open requests have %s to end; press Ctrl-C again to stop at once\n", g.first.Limits.Drain)
	ctx, cancel := context.WithTimeout(context.Background(), g.first.Limits.Drain)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := g.envoy.Drain(ctx, envoy.EdgeListener); err != nil {
		g.log.Warn("some requests did not end in time", "error", err)
	}
	g.proc.WaitSettled(ctx, 2*logFlush)
	return g.envoy.Stop(context.Background())
}

// awaitReady waits until the edge answers and both halves agree.
func (g *gateway) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		why := g.unready()
		if len(why) == 0 && g.edgeAnswers(ctx) {
			return nil
		}
		select {
		case <-tick.C:
		case <-g.envoy.Done():
			return fmt.Errorf("envoy ended before it was ready: %w", g.envoy.ExitErr())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not ready in time: %v", why), g.envoy.Stop(context.Background()))
		}
	}
}

func (g *gateway) edgeAnswers(ctx context.Context) bool {
	l := g.first.Listen
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(l.Address, fmt.Sprint(l.Port)))
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func (g *gateway) unready() []string {
	why := unready(g.control)
	if w := g.proc.Unready(); w != "" {
		why = append(why, "extproc: "+w)
	}
	return why
}

func (g *gateway) adminHandler(metrics gatherer) http.Handler {
	c := admin.Config{Unready: g.unready, Metrics: metrics, Token: g.command.AdminToken, Loopback: isLoopback(g.command.Admin)}
	if g.from.fleet != nil {
		c.Extra = map[string]http.Handler{"/sim/": http.StripPrefix("/sim", g.from.fleet.Control())}
	}
	return admin.Handler(c)
}
