package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/xds"
	"github.com/dragoman-gateway/dragoman/xds/resource"
)

// surroundings are what a command is given beside its flags.
type surroundings struct {
	log     *slog.Logger
	streams streams
}

// supervise runs what setup starts until the first of them fails or ctx is
// done, and waits for all of them.
func supervise(ctx context.Context, setup func(ctx context.Context, parts *errgroup.Group) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, ctx := errgroup.WithContext(ctx)
	err := setup(ctx, parts)
	if err != nil {
		cancel()
	}
	return errors.Join(err, parts.Wait())
}

// listen opens unix:PATH (only for this user) or host:port.
func listen(address string) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("%w; choose another address", err)
		}
		return l, nil
	}
	// A socket left by a process that was killed would refuse the next one.
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close() //nolint:errcheck // only a probe
		return nil, fmt.Errorf("%s is in use by another process", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// endpoint turns an address of listen into Envoy's view of it.
func endpoint(address string) (resource.Endpoint, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return resource.Endpoint{Socket: path}, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return resource.Endpoint{}, fmt.Errorf("address %q: want unix:PATH or host:port", address)
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return resource.Endpoint{}, fmt.Errorf("address %q: %w", address, err)
	}
	return resource.Endpoint{Host: host, Port: uint16(n)}, nil
}

// registry is a Prometheus registry with the process's own metrics.
func registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// unready says what keeps a control plane from being ready.
func unready(x *xds.Server) []string {
	if s := x.Status(); !s.Ready {
		return []string{"xds: " + s.Reason}
	}
	return nil
}

// newXDS makes the ADS server.
func newXDS(log *slog.Logger, metrics prometheus.Registerer) (*xds.Server, error) {
	return xds.New(xds.Config{Logger: log, Registerer: metrics, Static: []string{envoy.ExtProcCluster, envoy.XDSCluster}})
}

// serveHTTP serves until ctx is done.
func serveHTTP(ctx context.Context, s *http.Server, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) //nolint:errcheck // nothing follows
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
