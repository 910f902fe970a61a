package extproc

import (
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// ServerConfig says how a Server is set up.
type ServerConfig struct {
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	// Env resolves env: credentials.
	Env func(string) (string, bool)
	// XDS is the ADS server that gives the order, as gRPC names it; "" takes
	// the catalog's own order, for an Envoy with a static configuration.
	XDS string
}

// Server is a Service with what it stands on: a gRPC server, the subscription
// to xds, and the sweep of exchanges whose end was lost.
type Server struct {
	*Service
	config ServerConfig
	grpc   *grpc.Server
	xds    *grpc.ClientConn // nil without xds
	meter  *meter.Meter
}

// NewServer makes a server that decides by a first catalog.
func NewServer(c ServerConfig, first *catalog.Catalog) (*Server, error) {
	m, err := meter.New(c.Metrics, first)
	if err != nil {
		return nil, err
	}
	held := first.Limits.Held
	if held == 0 {
		held = memory() / 4
	}
	s := &Server{config: c, meter: m, Service: New(Config{
		Logger: c.Logger, Meter: m, MaxExchanges: first.Limits.Exchanges, MaxHeld: held,
	})}
	m.Watch(s.Open)
	if err := s.Use(first); err != nil {
		return nil, err
	}
	s.grpc = grpc.NewServer(ServerOptions()...)
	s.Register(s.grpc)
	if c.XDS == "" {
		return s, nil
	}
	s.xds, err = grpc.NewClient(c.XDS, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}))
	return s, err
}

// Use makes new requests decide by a catalog. An error (a credential that
// cannot be read) leaves the one before in use.
func (s *Server) Use(c *catalog.Catalog) error {
	creds, err := credential.Build(c, s.config.Env)
	if err != nil {
		return err
	}
	s.meter.UseCatalog(c)
	s.UseCatalog(c, creds)
	if s.config.XDS == "" {
		s.UseOrder(chain.CatalogOrder(c))
	}
	return nil
}

// Serve takes over the listener and serves until ctx is done. Streams still
// open then end at once: drain Envoy before.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var owned sync.WaitGroup
	defer owned.Wait()
	owned.Go(func() { s.Sweep(ctx) })
	if s.xds != nil {
		sub := Subscription{Conn: s.xds, NodeID: "extproc", Logger: s.config.Logger, OnOrder: s.UseOrder}
		owned.Go(func() { sub.Run(ctx) })
		defer s.xds.Close() //nolint:errcheck // nothing follows
	}
	stop := context.AfterFunc(ctx, s.grpc.Stop)
	defer stop()
	if err := s.grpc.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

// assumedMemory is what this process may use in bytes where nobody has said.
const assumedMemory = 4 << 30

// memory is what this process may use in bytes: the limit Go was given, or a
// guess where none was.
func memory() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < 1<<50 {
		return limit
	}
	return assumedMemory
}
