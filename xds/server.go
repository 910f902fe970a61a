package xds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
)

// Waits of a rollout unless the Config says otherwise.
const (
	// DefaultRemoveAfter outlasts the failovers of requests that were routed
	// before the removal.
	DefaultRemoveAfter = 60 * time.Second
	// DefaultAckTimeout outlasts the first DNS answer of a new cluster.
	DefaultAckTimeout = 5 * time.Second
)

// Config is what a Server needs from outside. The zero value serves.
type Config struct {
	// Logger gets what somebody must act on at error level; nil discards all.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
	// RemoveAfter is how long a resource nobody wants is kept after all
	// subscribers route without it; 0 = DefaultRemoveAfter.
	RemoveAfter time.Duration
	// AckTimeout bounds how long a step waits for silent subscribers;
	// 0 = DefaultAckTimeout.
	AckTimeout time.Duration
	// Static names the clusters of Envoy's bootstrap, which routes may name
	// too.
	Static []string
}

// ErrStopped is what Publish returns once Run has ended.
var ErrStopped = errors.New("the xDS server has stopped")

// Server is the ADS server. Create it with New, then Register it and Run it.
type Server struct {
	log     *slog.Logger
	static  map[string]bool
	fleet   *fleet
	offered *shelf
	service *service
	metrics *metrics
	wake    chan struct{} // holds at most one call for attention
	view    atomic.Pointer[view]

	rollout *rollout // owned by Run

	mu      sync.Mutex
	inbox   *state // the last publish that Run has not taken; guarded by mu
	stopped bool   // guarded by mu
}

// New gives a server that offers nothing yet: streams wait for the first
// Publish. The error is the Registerer's.
func New(c Config) (*Server, error) {
	s := &Server{
		log:     c.Logger,
		static:  make(map[string]bool, len(c.Static)),
		wake:    make(chan struct{}, 1),
		rollout: &rollout{timing: timing{ackTimeout: c.AckTimeout, removeAfter: c.RemoveAfter}},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.rollout.timing.ackTimeout == 0 {
		s.rollout.timing.ackTimeout = DefaultAckTimeout
	}
	if s.rollout.timing.removeAfter == 0 {
		s.rollout.timing.removeAfter = DefaultRemoveAfter
	}
	for _, name := range c.Static {
		s.static[name] = true
	}
	s.view.Store(&view{})
	s.fleet = newFleet(s.attention)
	s.offered = newShelf(s.log)
	s.service = newService(s.offered.cache, s.fleet, s.log)
	var err error
	if s.metrics, err = newMetrics(c.Registerer, s); err != nil {
		return nil, fmt.Errorf("registering xDS metrics: %w", err)
	}
	return s, nil
}

// Register adds the aggregated discovery service, in both protocols, to a gRPC
// server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(r, s.service)
}

// Publish makes r what subscribers shall get; Run brings them there. The error
// names everything that is missing or twice in r; then nothing changes. It is
// ErrStopped after Run has ended. r is taken before Run starts, too, and the
// later of two publishes wins.
func (s *Server) Publish(r Resources) error {
	wanted, err := newState(r)
	if err == nil {
		err = wanted.missing(s.static)
	}
	if err != nil {
		return fmt.Errorf("refusing to publish: %w", err)
	}
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return ErrStopped
	}
	s.inbox = &wanted
	s.mu.Unlock()
	s.attention()
	return nil
}

// attention lets Run take a turn soon.
func (s *Server) attention() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run publishes until ctx is done, then ends all streams and returns when
// their handlers have ended. It may be called once. Its error is nil unless a
// resource could not be offered.
//
// A turn follows: a publish; a request, ACK, NACK or end of a stream; the time
// at which the rollout goes on by itself. Only turns change the rollout.
func (s *Server) Run(ctx context.Context) error {
	defer s.stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		now := time.Now()
		if err := s.turn(ctx, now); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		timer.Stop()
		if next := s.rollout.deadline(now); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

func (s *Server) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.service.stop()
	v := *s.view.Load()
	v.stopped = true
	s.view.Store(&v)
}
