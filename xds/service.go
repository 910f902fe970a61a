package xds

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/log"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	deltav3 "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// service is the aggregated discovery service. It counts its handlers, so that
// stop can wait for them.
//
// A stream waits until something is on offer: the cache would answer a delta
// subscription with nothing at all, and on the first publish it would answer
// the types of a stream in any order. An Envoy that comes back after a restart
// of this server asks for all types at once.
type service struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer

	sotw     sotwv3.Server
	delta    deltav3.Server
	ctx      context.Context // ends all streams
	cancel   context.CancelFunc
	offering chan struct{} // closed by open
	opened   sync.Once

	mu       sync.Mutex
	stopped  bool // guarded by mu
	handlers sync.WaitGroup
}

func newService(cache cachev3.Cache, f *fleet, logger *slog.Logger) *service {
	ctx, cancel := context.WithCancel(context.Background())
	return &service{
		sotw:     sotwv3.NewServer(ctx, cache, f, sotwv3.WithOrderedADS(), sotwv3.WithLogger(libraryLog(logger))),
		delta:    deltav3.NewServer(ctx, cache, f, deltav3.WithLogger(libraryLog(logger))),
		ctx:      ctx,
		cancel:   cancel,
		offering: make(chan struct{}),
	}
}

// open lets streams be answered.
func (s *service) open() { s.opened.Do(func() { close(s.offering) }) }

// StreamAggregatedResources serves the state-of-the-world protocol.
func (s *service) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return s.handle(stream.Context(), func() error { return s.sotw.StreamHandler(stream, resourcev3.AnyType) })
}

// DeltaAggregatedResources serves the delta protocol.
func (s *service) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return s.handle(stream.Context(), func() error { return s.delta.DeltaStreamHandler(stream, resourcev3.AnyType) })
}

func (s *service) handle(ctx context.Context, serve func() error) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return status.Error(codes.Unavailable, ErrStopped.Error())
	}
	s.handlers.Add(1)
	s.mu.Unlock()
	defer s.handlers.Done()
	select {
	case <-s.offering:
		return serve()
	case <-s.ctx.Done():
		return status.Error(codes.Unavailable, ErrStopped.Error())
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// stop ends all streams and returns when their handlers have ended.
func (s *service) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.cancel()
	s.handlers.Wait()
}

// libraryLog passes go-control-plane's messages on as debugging: what matters
// of them is logged here, with attributes.
func libraryLog(logger *slog.Logger) log.Logger {
	debug := func(format string, args ...any) {
		if logger.Enabled(context.Background(), slog.LevelDebug) {
			logger.Debug("go-control-plane", slog.String("message", fmt.Sprintf(format, args...)))
		}
	}
	return log.LoggerFuncs{DebugFunc: debug, InfoFunc: debug, WarnFunc: debug, ErrorFunc: debug}
}
