package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

type xdsCommand struct {
	Catalog    string            `help:"The catalog file." type:"existingfile" default:"dragoman.yaml" env:"DRAGOMAN_CATALOG"`
	Listen     string            `help:"Where Envoy and ext_proc connect: unix:PATH or host:port." default:"unix:dragoman-xds.sock" env:"DRAGOMAN_XDS_LISTEN"`
	Admin      string            `help:"Where health and metrics are served, host:port." default:"127.0.0.1:9912" env:"DRAGOMAN_ADMIN"`
	AdminToken credential.Secret `help:"Token for /metrics where the admin listener is not on loopback." env:"DRAGOMAN_ADMIN_TOKEN" placeholder:"TOKEN"`
}

// gatherer is what the admin listener shows as metrics.
type gatherer = prometheus.Gatherer

// Run serves until a signal. It needs no credential: none stands in Envoy's
// configuration.
func (c *xdsCommand) Run(ctx context.Context, log *slog.Logger, s streams) error {
	return supervise(ctx, func(ctx context.Context, parts *errgroup.Group) error {
		return c.start(ctx, parts, surroundings{log: log, streams: s})
	})
}

func (c *xdsCommand) start(ctx context.Context, parts *errgroup.Group, in surroundings) error {
	log, s := in.log, in.streams
	metrics := registry()
	control, err := newXDS(log, metrics)
	if err != nil {
		return err
	}
	keep := func(err error) {
		if err != nil {
			log.Error("the changed catalog is not used; the last good one stays", "error", err)
		}
	}
	s.env = nil // secrets are ext_proc's to resolve
	feed, err := (&origin{path: c.Catalog}).open(ctx, s, catalog.WatchConfig{
		OnChange: func(next *catalog.Catalog) { keep(control.Offer(next, resource.Options{})) },
		OnError:  keep,
	})
	if err != nil {
		return err
	}
	parts.Go(func() error { feed.stop(); return nil })
	xl, err := listen(c.Listen)
	if err != nil {
		return err
	}
	al, err := listen(c.Admin)
	if err != nil {
		return err
	}
	h := admin.Handler(admin.Config{Unready: func() []string { return unready(control) }, Metrics: metrics, Token: c.AdminToken, Loopback: isLoopback(c.Admin)})
	parts.Go(func() error { return control.Serve(ctx, xl) })
	parts.Go(func() error { return serveHTTP(ctx, admin.Server(h), al) })
	parts.Go(func() error { return reloadOnHangup(ctx, feed.reload) })
	return control.Offer(feed.first, resource.Options{})
}

// reloadOnHangup calls reload on every SIGHUP until ctx is done.
func reloadOnHangup(ctx context.Context, reload func()) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			reload()
		case <-ctx.Done():
			return nil
		}
	}
}

// isLoopback tells whether host:port only accepts this machine.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
