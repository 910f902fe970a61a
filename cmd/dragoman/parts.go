package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/xds"
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

// adminToken names the environment variable with the token of the admin API. It is
// no flag: other users of the machine can read command lines.
const adminToken = "DRAGOMAN_ADMIN_TOKEN" //nolint:gosec // a name

// adminListener is a process's own HTTP listener.
type adminListener struct {
	net.Listener
	config  admin.Config
	fromEnv bool // the token is the environment's
}

// listenAdmin opens it. c holds what is served beside the token's part; state
// is where a token may be kept, "" = nowhere.
func listenAdmin(at adminPlace, in surroundings, c admin.Config) (*adminListener, error) {
	token, fromEnv, err := adminSecret(at.state, in)
	if err != nil {
		return nil, err
	}
	l, err := listen(place{at.address, "--admin"})
	if err != nil {
		return nil, err
	}
	c.Token, c.Loopback, c.Logger = token, isLoopback(l.Addr().String()), in.log
	if !c.Loopback && !token.Set() {
		in.log.Warn("/metrics is closed: it is not on loopback, and no token is set", "address", l.Addr(), "variable", adminToken)
	}
	return &adminListener{l, c, fromEnv}, nil
}

// adminPlace is where an admin listener is, and the state directory beside it.
type adminPlace struct{ address, state string }

func (a *adminListener) serve(ctx context.Context) error {
	return serveHTTP(ctx, admin.Server(admin.Handler(a.config)), a.Listener)
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
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // nothing follows
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
