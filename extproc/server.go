package extproc

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/fetch"
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
	// Fetch bounds how images and files by URL are read for providers that take
	// bytes only.
	Fetch fetch.Options
	// Cloud asks the clouds for tokens; nil is what their libraries use.
	Cloud *http.Client
}

// Server is a Service with what it stands on: a gRPC server, the subscription
// to xds, and the sweep of exchanges whose end was lost.
type Server struct {
	*Service
	config ServerConfig
	grpc   *grpc.Server
	xds    *grpc.ClientConn // nil without xds
	meter  *meter.Meter

	using sync.Mutex      // serializes Use
	creds *credential.Set // the newest; guarded by using
	// fresh hands the newest set to the goroutine that keeps its tokens.
	fresh chan *credential.Set
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
	s := &Server{config: c, meter: m, fresh: make(chan *credential.Set, 1), Service: New(Config{
		Logger: c.Logger, Meter: m, MaxExchanges: first.Limits.Exchanges, MaxHeld: held, Media: fetch.New(c.Fetch),
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

// firstTokens is how long Use waits for the tokens of clouds it has none of.
const firstTokens = 5 * time.Second

// Use makes new requests decide by a catalog. An error (a credential that
// cannot be read) leaves the one before in use. A token that a cloud does not
// give in time is no error: its provider is passed over until it is there.
func (s *Server) Use(c *catalog.Catalog) error {
	s.using.Lock()
	defer s.using.Unlock()
	creds, err := credential.BuildWith(c, credential.Options{Env: s.config.Env, HTTP: s.config.Cloud, Logger: s.config.Logger, Now: s.now})
	if err != nil {
		return err
	}
	creds.Inherit(s.creds)
	ctx, cancel := context.WithTimeout(context.Background(), firstTokens)
	defer cancel()
	if err := creds.Await(ctx); err != nil {
		s.config.Logger.Warn("tokens are missing; their providers are passed over until they come", "error", err)
	}
	s.creds = creds
	select { // the newest replaces one that was not taken yet
	case <-s.fresh:
	default:
	}
	s.fresh <- creds
	s.meter.UseCatalog(c)
	s.UseCatalog(c, creds)
	if s.config.XDS == "" {
		s.UseOrder(chain.CatalogOrder(c))
	}
	return nil
}

// keepTokens keeps the newest set's tokens fresh until ctx is done.
func (s *Server) keepTokens(ctx context.Context) {
	var kept sync.WaitGroup
	defer kept.Wait()
	stop := func() {}
	for {
		select {
		case <-ctx.Done():
			stop()
			return
		case set := <-s.fresh:
			stop()
			var one context.Context
			one, stop = context.WithCancel(ctx)
			kept.Go(func() { set.Run(one) })
		}
	}
}

// Serve takes over the listener and serves until ctx is done. Streams still
// open then end at once: drain Envoy before.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var owned sync.WaitGroup
	defer owned.Wait()
	owned.Go(func() { s.Sweep(ctx) })
	owned.Go(func() { s.keepTokens(ctx) })
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
