package main

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

type extprocCommand struct {
	Catalog    string            `help:"The catalog file." type:"existingfile" default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
	Listen     string            `help:"Where Envoy connects: unix:PATH or host:port." default:"unix:dragoman-extproc.sock" env:"DRAGOMAN_EXTPROC_LISTEN"`
	Xds        string            `help:"The xds process: unix:PATH or host:port." default:"unix:dragoman-xds.sock" env:"DRAGOMAN_XDS" xor:"order"`
	Static     bool              `help:"Without xds: the order of targets is the catalog's (for 'dragoman envoy static')."`
	Admin      string            `help:"Where health and metrics are served, host:port." default:"127.0.0.1:9911" env:"DRAGOMAN_ADMIN"`
	AdminToken credential.Secret `help:"Token for /metrics where the admin listener is not on loopback." env:"DRAGOMAN_ADMIN_TOKEN" placeholder:"TOKEN"`
}

// Run serves until a signal. Streams under way end with it: drain Envoy first.
func (c *extprocCommand) Run(ctx context.Context, log *slog.Logger, s streams) error {
	return supervise(ctx, func(ctx context.Context, parts *errgroup.Group) error {
		return c.start(ctx, parts, surroundings{log: log, streams: s})
	})
}

func (c *extprocCommand) start(ctx context.Context, parts *errgroup.Group, in surroundings) error {
	log, s := in.log, in.streams
	xds := c.Xds
	if c.Static {
		xds = ""
	}
	var p *extproc.Server
	o := &origin{path: c.Catalog}
	feed, err := o.open(ctx, s, catalog.WatchConfig{
		OnChange: func(next *catalog.Catalog) {
			if err := p.Use(next); err != nil {
				log.Error("the changed catalog is not used; the last good one stays", "error", err)
			}
		},
		OnError: func(err error) { log.Error("the changed catalog is not used; the last good one stays", "error", err) },
	})
	if err != nil {
		return err
	}
	parts.Go(func() error { feed.stop(); return nil })
	metrics := registry()
	if p, err = extproc.NewServer(extproc.ServerConfig{Logger: log, Metrics: metrics, Env: s.env, XDS: xds}, feed.first); err != nil {
		return err
	}
	el, err := listen(c.Listen)
	if err != nil {
		return err
	}
	al, err := listen(c.Admin)
	if err != nil {
		return err
	}
	unready := func() []string {
		if why := p.Unready(); why != "" {
			return []string{"extproc: " + why}
		}
		return nil
	}
	h := admin.Handler(admin.Config{Unready: unready, Metrics: metrics, Token: c.AdminToken, Loopback: isLoopback(c.Admin)})
	parts.Go(func() error { return p.Serve(ctx, el) })
	parts.Go(func() error { return serveHTTP(ctx, admin.Server(h), al) })
	parts.Go(func() error { return reloadOnHangup(ctx, feed.reload) })
	return nil
}
