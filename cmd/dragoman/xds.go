package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

type xdsCommand struct {
	Catalog string `help:"The catalog file." default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
	Listen  string `help:"Where Envoy and ext_proc connect: unix:PATH or host:port." default:"${xds_socket}" env:"DRAGOMAN_XDS_LISTEN"`
	Admin   string `help:"Where health and metrics are served, host:port. Not on loopback, /metrics wants the token in $$DRAGOMAN_ADMIN_TOKEN." default:"127.0.0.1:9912" env:"DRAGOMAN_ADMIN"`
}

// Help says what cannot be seen from the flags.
func (c *xdsCommand) Help() string {
	return "It needs no provider credential: none stands in Envoy's configuration. " +
		"Whoever connects may read that configuration: keep a TCP address to a private network. The catalog is read again when it changes."
}

// Run serves until a signal. Envoys keep what they have when it ends.
func (c *xdsCommand) Run(ctx context.Context, log *slog.Logger, s streams) error {
	return supervise(ctx, func(ctx context.Context, parts *errgroup.Group) error {
		return c.start(ctx, parts, surroundings{log: log, streams: s})
	})
}

func (c *xdsCommand) start(ctx context.Context, parts *errgroup.Group, in surroundings) error {
	metrics := registry()
	control, err := newXDS(in.log, metrics)
	if err != nil {
		return err
	}
	changes := newFollower(in.log)
	watch := changes.watch(ctx)
	watch.Keyless = true // secrets are ext_proc's to resolve
	feed, err := (&origin{path: c.Catalog}).open(ctx, in.streams, watch)
	if err != nil {
		return err
	}
	parts.Go(func() error { feed.stop(); return nil })
	entry := &gate{
		log: in.log, files: catalog.Files{Envoy: true, Elsewhere: notHere(in.log)},
		use: func(next *catalog.Catalog) error { return control.Offer(next, resource.Options{}) },
	}
	if err := entry.begin(feed.first); err != nil {
		return err
	}
	if err := entry.use(feed.first); err != nil {
		return err
	}
	changes.begin(feed.first, entry.pass)
	xl, err := listen(place{c.Listen, "--listen"})
	if err != nil {
		return err
	}
	al, err := listenAdmin(adminPlace{address: c.Admin}, in, admin.Config{Unready: func() []string { return unready(control) }, Metrics: metrics})
	if err != nil {
		return errors.Join(err, xl.Close())
	}
	parts.Go(func() error { return control.Serve(ctx, xl) })
	parts.Go(func() error { return al.serve(ctx) })
	parts.Go(func() error { return changes.hangup(ctx, feed.reload) })
	fmt.Fprintf(in.streams.out, "xds serves the configuration for %s\n  Envoy and ext_proc connect to  %s\n  admin                          http://%s  (/healthz, /readyz, /metrics)\n",
		sizes(feed.first), c.Listen, al.Addr())
	return nil
}
