package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type extprocCommand struct {
	Catalog string `help:"The catalog file." default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
	Listen  string `help:"Where Envoy connects: unix:PATH or host:port." default:"${extproc_socket}" env:"DRAGOMAN_EXTPROC_LISTEN"`
	Xds     string `help:"The xds process, unix:PATH or host:port." default:"${xds_socket}" env:"DRAGOMAN_XDS"`
	Static  bool   `help:"Without xds: the order of targets is the catalog's. For 'dragoman envoy static'."`
	State   string `help:"Directory for the journal of spend and for what no Redis keeps, one for each process. Without it both end with the process." placeholder:"DIR" env:"DRAGOMAN_STATE"`
	Admin   string `help:"Where health and metrics are served, host:port. Not on loopback, /metrics wants the token in $$DRAGOMAN_ADMIN_TOKEN." default:"127.0.0.1:9911" env:"DRAGOMAN_ADMIN"`
}

// Help says what cannot be seen from the flags.
func (c *extprocCommand) Help() string {
	return "Each Envoy has one of these beside it, best on a Unix socket, which this user and group may use. " +
		"It needs the providers' credentials that the catalog names. Requests under way break off when it ends: drain Envoy first. " +
		"The catalog is read again when it changes, credentials in files on SIGHUP."
}

// Run serves until a signal.
func (c *extprocCommand) Run(ctx context.Context, log *slog.Logger, s streams) error {
	return supervise(ctx, func(ctx context.Context, parts *errgroup.Group) error {
		return c.start(ctx, parts, surroundings{log: log, streams: s})
	})
}

func (c *extprocCommand) start(ctx context.Context, parts *errgroup.Group, in surroundings) error {
	changes := newFollower(in.log)
	feed, err := (&origin{path: c.Catalog}).open(ctx, in.streams, changes.watch(ctx))
	if err != nil {
		return err
	}
	parts.Go(func() error { feed.stop(); return nil })
	entry := &gate{log: in.log, files: catalog.Files{Own: true}, lasting: ofExtProc}
	if err := entry.begin(feed.first); err != nil {
		return err
	}
	metrics := registry()
	extproc.Tune()
	server, err := extproc.NewServer(extproc.ServerConfig{Logger: in.log, Metrics: metrics, Env: in.streams.env, XDS: c.order(), State: c.State, Version: version()}, feed.first)
	if err != nil {
		return aboutState(err)
	}
	if c.State == "" && len(feed.first.Budgets) > 0 {
		in.log.Warn("without --state, what is not settled when this process is killed is lost", "budgets", len(feed.first.Budgets))
	}
	entry.use = server.Use
	changes.begin(feed.first, entry.pass)
	el, err := listen(place{c.Listen, "--listen"})
	if err != nil {
		return err
	}
	al, err := listenAdmin(adminPlace{c.Admin, c.State}, in, admin.Config{Metrics: metrics, API: managed(server, changes.now, in.log), Unready: func() []string {
		if why := server.Unready(); why != "" {
			return []string{"extproc: " + why}
		}
		return nil
	}})
	if err != nil {
		return errors.Join(err, el.Close())
	}
	parts.Go(func() error { return server.Serve(ctx, el) })
	parts.Go(func() error { return al.serve(ctx) })
	parts.Go(func() error { return changes.hangup(ctx, feed.reload) })
	c.greet(in.streams, feed.first, al)
	return nil
}

// order is whom to ask for the order of targets; "" is the catalog.
func (c *extprocCommand) order() string {
	if c.Static {
		return ""
	}
	return c.Xds
}

func (c *extprocCommand) greet(s streams, first *catalog.Catalog, al *adminListener) {
	order := "the catalog's"
	if !c.Static {
		order = "from xds at " + c.Xds
	}
	fmt.Fprintf(s.out, "ext_proc serves %s\n  Envoy connects to  %s\n  order of targets   %s\n  admin              http://%s  (/healthz, /readyz, /metrics%s)\n",
		sizes(first), c.Listen, order, al.Addr(), al.apiHint(c.State))
}
