package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/envoy/binary"
	"github.com/dragoman-gateway/dragoman/envoy/process"
	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/xds"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

// logFlush is how often access logs leave Envoy under run; a drain waits two.
const logFlush = 200 * time.Millisecond

type runCommand struct {
	Catalog     string `help:"The catalog file. Without it: dragoman.yaml if it is here, else the providers whose keys are in the environment, else the simulator." placeholder:"FILE" env:"DRAGOMAN_CATALOG"`
	State       string `help:"Directory for what must outlive the process. Without it: dragoman in $$XDG_STATE_HOME, ~/.local/state by default." placeholder:"DIR" env:"DRAGOMAN_STATE"`
	Listen      string `help:"Where clients connect, IP:port, in place of the catalog's address (127.0.0.1:10000 by default). Port 0 lets the kernel choose." placeholder:"IP:PORT" env:"DRAGOMAN_LISTEN"`
	Admin       string `help:"Where health and metrics are served, host:port. Not on loopback, /metrics wants the token in $$DRAGOMAN_ADMIN_TOKEN." default:"127.0.0.1:9910" env:"DRAGOMAN_ADMIN"`
	Concurrency int    `help:"Envoy's worker threads; 0 is one a core." default:"0"`
	EnvoyLog    string `help:"Least level of Envoy's own log: ${enum}." enum:"trace,debug,info,warning,error,critical,off" default:"warning"`
}

// Help says what cannot be seen from the flags.
func (c *runCommand) Help() string {
	return "Envoy is taken from $ENVOY_PATH, or downloaded once. The first Ctrl-C or SIGTERM lets requests under way end, the second does not. " +
		"A changed catalog applies by itself; SIGHUP reads it and credentials in files at once."
}

// Run serves until a signal asks for a drain.
func (c *runCommand) Run(ctx context.Context, log *slog.Logger, s streams) error {
	path, source, err := binary.Find(ctx, binary.Options{Progress: s.err})
	if err != nil {
		return err
	}
	log.Debug("envoy", "path", path, "from", source)
	from, err := findCatalog(c.Catalog, c.State, s)
	if err != nil {
		return err
	}
	if from.fleet != nil {
		defer from.fleet.Close() //nolint:errcheck // nothing follows
	}
	state, err := stateDir(c.State, s)
	if err != nil {
		return err
	}
	g := &gateway{command: c, streams: s, envoyPath: path, from: from, edge: edge{flag: c.Listen}, state: state}
	g.log = slog.New(&calm{Handler: log.Handler(), ending: &g.ending})
	g.changes = newFollower(g.log)
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
	changes   *follower
	ending    atomic.Bool

	edge    edge // owned by start, then guarded by changes.mu
	first   *catalog.Catalog
	listen  atomic.Pointer[catalog.Listen] // of the catalog in use
	reload  func()
	sockets string
	state   string
	proc    *extproc.Server
	control *xds.Server
	envoy   *process.Process
	admin   *adminListener
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
	feed, err := g.from.open(ctx, g.streams, g.changes.watch(ctx))
	if err != nil {
		return err
	}
	parts.Go(func() error { <-ctx.Done(); feed.stop(); return nil })
	g.reload = feed.reload
	if g.first, err = g.edge.place(feed.first); err != nil {
		return err
	}
	g.listen.Store(&g.first.Listen)
	entry := &gate{log: g.log, files: catalog.Files{Envoy: true, Own: true}, use: g.use, lasting: ofExtProc}
	if err := entry.begin(g.first); err != nil {
		return err
	}
	metrics := registry()
	// What it publishes at the start is what was asked for.
	if g.control, err = newXDS(slog.New(&calm{Handler: g.log.Handler(), less: true, ending: &g.ending}), metrics); err != nil {
		return err
	}
	extproc.Tune()
	g.proc, err = extproc.NewServer(extproc.ServerConfig{
		Logger: g.log, Metrics: metrics, Env: g.streams.env, XDS: g.socket("xds"), State: g.state, Version: version(),
	}, g.first)
	if err != nil {
		return aboutState(err)
	}
	var open []net.Listener
	for _, at := range []place{{g.socket("extproc"), ""}, {g.socket("xds"), ""}} {
		l, err := listen(at)
		if err != nil {
			return errors.Join(err, closeAll(open))
		}
		open = append(open, l)
	}
	in := surroundings{log: g.log, streams: g.streams}
	if g.admin, err = listenAdmin(adminPlace{g.command.Admin, g.state}, in, admin.Config{
		Unready: g.unready, Metrics: metrics, Extra: g.simulated(), API: managed(g.proc, g.changes.now, g.log),
	}); err != nil {
		return errors.Join(err, closeAll(open))
	}
	parts.Go(func() error { return g.proc.Serve(ctx, open[0]) })
	parts.Go(func() error { return g.control.Serve(ctx, open[1]) })
	parts.Go(func() error { return g.admin.serve(ctx) })
	if err := g.control.Offer(g.first, resource.Options{Flush: logFlush}); err != nil {
		return err
	}
	g.changes.begin(g.first, entry.pass)
	return nil
}

// aboutState says what to do about a state directory that cannot be used.
func aboutState(err error) error {
	var damaged *journal.DamagedError
	if used := (*journal.InUseError)(nil); errors.As(err, &used) {
		return fmt.Errorf("%w; a second gateway needs a state directory of its own: --state", err)
	}
	if errors.As(err, &damaged) && damaged.Aside != "" {
		return fmt.Errorf("%w; start again, and a new one is made: what was under way or not yet told to the store is in no budget then", err)
	}
	return err
}

func closeAll(ls []net.Listener) error {
	var errs []error
	for _, l := range ls {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (g *gateway) socket(name string) string { return "unix:" + filepath.Join(g.sockets, name+".sock") }

// simulated are the demo's providers, which the admin listener breaks and
// mends. A page of another site that is open in a browser may not.
func (g *gateway) simulated() map[string]http.Handler {
	if g.from.fleet == nil {
		return nil
	}
	control := http.NewCrossOriginProtection().Handler(g.from.fleet.Control())
	return map[string]http.Handler{"/sim/": http.StripPrefix("/sim", control)}
}

// use brings a catalog to both halves; either refusing keeps both at the one
// before.
func (g *gateway) use(c *catalog.Catalog) error {
	c, err := g.edge.place(c)
	if err != nil {
		return err
	}
	if err := g.proc.Use(c); err != nil {
		return err
	}
	if err := g.control.Offer(c, resource.Options{Flush: logFlush}); err != nil {
		return errors.Join(err, g.proc.Use(g.changes.current))
	}
	g.listen.Store(&c.Listen)
	return nil
}

func (g *gateway) startEnvoy(ctx context.Context) error {
	word := rand.Text()
	boot, err := bootstrap(bootstrapConfig{
		extproc: g.socket("extproc"), xds: g.socket("xds"), admin: netip.MustParseAddrPort("127.0.0.1:0"), node: "dragoman-run", drainWord: word,
	}, nil)
	if err != nil {
		return err
	}
	g.envoy, err = process.Start(ctx, process.Config{
		Path: g.envoyPath, Bootstrap: boot, Listen: []string{hostPort(g.first.Listen)},
		Concurrency: g.command.Concurrency, LogLevel: g.command.EnvoyLog, Logger: g.log, Drain: g.first.Limits.Drain, DrainWord: word,
	})
	if err != nil {
		return err
	}
	return g.awaitReady(ctx)
}

// awaitReady waits until the edge answers and both halves agree.
func (g *gateway) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		why := g.unready()
		if len(why) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-g.envoy.Done():
			return fmt.Errorf("envoy ended before it was ready: %w", g.envoy.ExitErr())
		case <-ctx.Done():
			g.ending.Store(true)
			return errors.Join(fmt.Errorf("not ready in time: %v", why), g.envoy.Stop(context.Background()))
		}
	}
}

// unready says what keeps requests from being served.
func (g *gateway) unready() []string {
	if g.ending.Load() {
		return []string{"draining"}
	}
	why := unready(g.control)
	if w := g.proc.Unready(); w != "" {
		why = append(why, "extproc: "+w)
	}
	if len(why) > 0 {
		return why
	}
	if err := answers(context.Background(), *g.listen.Load()); err != nil {
		why = append(why, "envoy: "+err.Error())
	}
	return why
}
