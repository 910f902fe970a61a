package extproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
)

// Errors that end a stage: Envoy answers 503, or resets a stream that has begun.
var (
	errOutOfOrder = status.Error(codes.InvalidArgument, "the first message must carry request headers")
	errBroken     = status.Error(codes.DataLoss, "the provider's answer broke after it was committed")
	errFault      = status.Error(codes.Internal, "a fault of the gateway's")
	errAnswered   = errors.New("the stage has been answered")
	errRole       = status.Error(codes.InvalidArgument, "the ext_proc filter does not say which stage it serves ("+envoy.RoleKey+" in grpc_service.initial_metadata)")
)

// Config is what a Service is made of.
type Config struct {
	Logger *slog.Logger
	Meter  *meter.Meter // nil = none
	// MaxExchanges and MaxHeld bound the exchange table: entries, and bytes of
	// all held bodies.
	MaxExchanges int
	MaxHeld      int64
	// Media reads images and files by URL for providers that take bytes only.
	Media mediaSource
	// Books are what accounts are kept with; nil keeps none.
	Books *Books
	// Silence is how long an exchange stays open without a sign of life from
	// Envoy; 0 = 90 s.
	Silence time.Duration
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// Service serves ext_proc and access logs for one Envoy.
type Service struct {
	log     *slog.Logger
	meter   *meter.Meter
	now     func() time.Time
	table   *exchangeTable
	cooling *chain.Cooling
	media   mediaSource
	books   *Books
	silence time.Duration
	waiting waiting
	// lingering are exchanges whose answer is on its way out of Envoy.
	lingering  waiting
	reached    reached
	complaints complaints
	jam        jam
	draining   atomic.Bool
	asking     chan struct{} // has room for the questions about records at a time
	view       atomic.Pointer[view]
	node       atomic.Pointer[string]
	sources    sources
}

// New makes a service that is not ready until it has a view.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Silence == 0 {
		c.Silence = silence
	}
	return &Service{
		log: c.Logger, meter: c.Meter, now: c.Now,
		table: newTable(c.MaxExchanges, c.MaxHeld), cooling: chain.NewCooling(), media: c.Media,
		books: c.Books, silence: c.Silence, asking: make(chan struct{}, questions),
	}
}

// Unready says why requests cannot be served yet; "" when they can.
func (s *Service) Unready() string {
	v := s.view.Load()
	switch {
	case v == nil:
		return "no catalog"
	case !v.ready:
		return "no routes received from xds"
	case !v.known:
		return "the store of keys and budgets has not been read"
	case s.draining.Load():
		return "draining"
	case s.books == nil:
		return ""
	default:
		return s.jam.why(s.now(), s.log, s.books.Journal.Room)
	}
}

// Drain makes the service unready, so that nobody sends it new requests. It goes
// on to serve those that come.
func (s *Service) Drain() { s.draining.Store(true) }

// Open returns how many exchanges are open and how many bytes of bodies they
// hold.
func (s *Service) Open() (exchanges int, held int64) {
	return int(s.table.entries.Load()), s.table.held.Load()
}

// Register adds the service to a gRPC server made with ServerOptions.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	r.RegisterService(&processorDesc, s)
	r.RegisterService(&accessLogDesc, s)
}

// processorDesc serves envoy.service.ext_proc.v3.ExternalProcessor with our own
// message types in place of the generated ones.
var processorDesc = grpc.ServiceDesc{
	ServiceName: extprocv3.ExternalProcessor_ServiceDesc.ServiceName,
	HandlerType: (*processor)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName: "Process", ServerStreams: true, ClientStreams: true,
		Handler: func(srv any, st grpc.ServerStream) error { return srv.(processor).process(st) },
	}},
	Metadata: extprocv3.ExternalProcessor_ServiceDesc.Metadata,
}

// processor lets gRPC check the handler's type.
type processor interface{ process(st stream) error }

// process serves one stream, in the role its filter says it has. A fault of ours
// ends this stream and no other.
func (s *Service) process(st stream) (err error) {
	defer func() {
		if s.caught(recover()) {
			err = errFault
		}
	}()
	md, _ := metadata.FromIncomingContext(st.Context())
	if s.view.Load() == nil {
		return status.Error(codes.Unavailable, "no catalog yet")
	}
	switch one(md, envoy.RoleKey) {
	case envoy.RoleRouter:
		return s.router(st)
	case envoy.RoleAttempt:
		return s.attempt(st, one(md, envoy.ProviderKey))
	default:
		return errRole
	}
}

// caught logs a panic; false if there is none. What it says may hold a client's
// words, so only where it happened is logged.
func (s *Service) caught(panicked any) bool {
	if panicked == nil {
		return false
	}
	s.log.Error("a stage failed; please report this", "kind", fmt.Sprintf("%T", panicked), "stack", string(debug.Stack()))
	return true
}

func one(md metadata.MD, key string) string {
	if v := md[key]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// isGone tells whether err only says that Envoy ended the stream.
func isGone(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
		return true
	}
	c := status.Code(err)
	return c == codes.Canceled || c == codes.Unavailable
}

// committed notes that an attempt's answer goes to the client.
func (s *Service) committed(a *attempt) {
	s.release(a)
	a.x.serve(a.lane())
	if a.number > 1 {
		s.meter.FailedOver()
	}
	s.meter.FirstContent(a.target.Provider.Name, s.now().Sub(a.started))
}

// ServerOptions are what the gRPC server of a Service needs: our codec, and
// limits for bodies that come in pieces but answers that go out whole.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(64 << 20),
		grpc.MaxConcurrentStreams(1 << 20),
		// A stream's goroutine comes from a pool: its stack has grown already.
		grpc.NumStreamWorkers(workers),
		grpc.WriteBufferSize(64 << 10),
		grpc.ReadBufferSize(64 << 10),
		// What Envoy may send ahead of a ping it waits for: a stream of one-byte
		// events is some forty thousand messages a megabyte. gRPC gives the
		// connection's window back on receipt, so a slow stream holds up no other.
		grpc.InitialWindowSize(256 << 10),
		grpc.InitialConnWindowSize(1 << 20),
		// Envoy finds a frozen process by pings.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	}
}

const workers = 8
