package extproc

import (
	"context"
	"errors"
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
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/fetch"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/identity/oidc"
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
	// State is the directory of the journal and of embedded stores; "" is one
	// that ends with the process.
	State string
	// LeaseInterval is the time between exchanges with the quota store, and
	// Silence how long an exchange stays open without a sign of life from Envoy; 0
	// = 1 s and 90 s.
	LeaseInterval, Silence time.Duration
	// Version is this program's, for traces.
	Version string
	// Now is the clock; nil = time.Now.
	Now func() time.Time
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

	accounts *accounting

	using  sync.Mutex      // serializes Use
	creds  *credential.Set // the newest; guarded by using
	tokens *oidc.Verifier  // the newest; guarded by using
	// fresh hands the newest of what keeps itself fresh to the goroutine that
	// lets it.
	fresh chan keeping
}

// keeping is what keeps itself fresh while it runs.
type keeping struct {
	creds  *credential.Set
	tokens *oidc.Verifier
}

// NewServer makes a server that decides by a first catalog.
func NewServer(c ServerConfig, first *catalog.Catalog) (*Server, error) {
	if err := ownState(&c); err != nil {
		return nil, err
	}
	m, err := meter.New(c.Metrics, first)
	if err != nil {
		return nil, err
	}
	held := first.Limits.Held
	if held == 0 {
		held = memory() / 4
	}
	s := &Server{config: c, meter: m, fresh: make(chan keeping, 1)}
	s.accounts, err = openAccounting(&c, first, func(d *directory.Snapshot) { s.UseDirectory(d) })
	if err != nil {
		return nil, err
	}
	s.accounts.alarm.meter = m
	s.Service = New(Config{
		Logger: c.Logger, Meter: m, MaxExchanges: first.Limits.Exchanges, MaxHeld: held, Media: fetch.New(c.Fetch),
		Books: s.accounts.books, Silence: c.Silence, Now: c.Now,
	})
	s.accounts.books.regional.onChange(s.relimit)
	m.Watch(s.Open)
	m.WatchRecords(s.accounts.books.Records.Stats)
	s.UseDirectory(s.accounts.directory.Current())
	if err := s.Use(first); err != nil {
		return nil, errors.Join(err, s.accounts.close())
	}
	s.Adopt(s.accounts.orphans)
	s.grpc = grpc.NewServer(ServerOptions()...)
	s.Register(s.grpc)
	if c.XDS == "" {
		return s, nil
	}
	s.xds, err = grpc.NewClient(c.XDS, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}))
	if err != nil {
		return nil, errors.Join(err, s.accounts.close())
	}
	return s, nil
}

// Directory is what is managed while the server runs.
func (s *Server) Directory() *directory.Directory { return s.accounts.directory }

// Generations answers questions about what is recorded.
func (s *Server) Generations() generation.Reader { return s.accounts.books.Reader }

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
	tokens, err := oidc.New(oidc.Config{Issuers: c.Issuers, Now: s.now, Logger: s.config.Logger})
	if err != nil {
		return err
	}
	tokens.Inherit(s.tokens)
	s.creds, s.tokens = creds, tokens
	select { // the newest replaces one that was not taken yet
	case <-s.fresh:
	default:
	}
	s.fresh <- keeping{creds, tokens}
	s.meter.UseCatalog(c)
	s.accounts.inUse.Store(c) // before what the directory has is looked at: a name that is given later is refused
	s.UseCatalog(c, creds, tokens)
	if s.config.XDS == "" {
		s.UseOrder(chain.CatalogOrder(c))
	}
	return nil
}

// keepTokens keeps the newest credentials' tokens and issuers' keys fresh until
// ctx is done.
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
			kept.Go(func() { set.creds.Run(one) })
			kept.Go(func() { set.tokens.Run(one) })
		}
	}
}

// Serve takes over the listener and serves until ctx is done. Streams still
// open then end at once: drain Envoy before.
func (s *Server) Serve(ctx context.Context, l net.Listener) (err error) {
	requests, ended := context.WithCancel(context.WithoutCancel(ctx))
	ctx, cancel := context.WithCancel(ctx)
	var owned sync.WaitGroup
	defer func() {
		cancel()
		s.grpc.Stop()
		s.settleDue(s.now().Add(grace))
		ended() // no request is left
		owned.Wait()
		err = errors.Join(err, s.accounts.close())
	}()
	owned.Go(func() { s.accounts.run(ctx, requests) })
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
