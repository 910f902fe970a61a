package extproc

import (
	"context"
	"time"

	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
)

// silence is how long an exchange stays open without a sign of life. Envoy
// reports open requests every 30 s; access logs are lossy and don't say so.
const silence = 90 * time.Second

// accessLogDesc serves envoy.service.accesslog.v3.AccessLogService with our own
// message type.
var accessLogDesc = grpc.ServiceDesc{
	ServiceName: alsv3.AccessLogService_ServiceDesc.ServiceName,
	HandlerType: (*settler)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName: "StreamAccessLogs", ClientStreams: true,
		Handler: func(srv any, st grpc.ServerStream) error { return srv.(settler).settle(st) },
	}},
	Metadata: alsv3.AccessLogService_ServiceDesc.Metadata,
}

// settler lets gRPC check the handler's type.
type settler interface{ settle(st stream) error }

// settle reads one stream of access log entries: those of the edge end
// exchanges, those of attempt listeners tell what an attempt used.
func (s *Service) settle(st stream) error {
	var (
		batch logBatch
		edge  bool
	)
	for {
		if err := st.RecvMsg(&batch); err != nil {
			return ignoreGone(err)
		}
		if len(batch.name) > 0 {
			edge = string(batch.name) == envoy.EdgeLog
			if err := s.greet(string(batch.node)); err != nil {
				return err
			}
		}
		if edge {
			s.meter.LogEntries(meter.EdgeLog, len(batch.entries))
		} else {
			s.meter.LogEntries(meter.AttemptLog, len(batch.entries))
		}
		now := s.now()
		for i := range batch.entries {
			s.settleEntry(&batch.entries[i], edge, now)
		}
	}
}

// greet admits one Envoy only: the stages of a request must meet in the same
// process, and two Envoys behind one ext_proc would each see half.
func (s *Service) greet(node string) error {
	if s.node.CompareAndSwap(nil, &node) || *s.node.Load() == node {
		return nil
	}
	s.log.Error("a second Envoy sends access logs; give each Envoy its own ext_proc", "node", node, "known", *s.node.Load())
	return status.Error(codes.PermissionDenied, "this ext_proc serves another Envoy; every Envoy needs its own")
}

func (s *Service) settleEntry(e *logEntry, edge bool, now time.Time) {
	id, ok := parseExchangeID(e.exchange)
	if !ok {
		return
	}
	// What a periodic entry has of it comes again with the end.
	if provider, ok := envoy.ProviderOf(string(e.cluster)); ok && len(e.usage) > 0 && e.kind != logDownstreamPeriodic {
		s.logged(provider, e)
	}
	if !edge {
		return
	}
	switch e.kind {
	case logDownstreamPeriodic:
		if x := s.table.get(id); x != nil {
			x.touch(now)
		}
	case logDownstreamEnd:
		s.end(id, e.status, now)
	}
}

// logged counts the usage that a guard found in an answer, in the words of the
// dialect in which the answer came.
func (s *Service) logged(provider string, e *logEntry) {
	if codec := table.Codec(llm.Dialect(e.dialect)); codec != nil {
		s.used(provider, codec.DecodeUsage(e.usage))
	}
}

// used counts what an attempt used; nil is nothing known.
func (s *Service) used(provider string, u *llm.Usage) {
	if u == nil {
		return
	}
	n := func(o llm.Opt[llm.Tokens]) uint64 { return uint64(max(o.Or(0), 0)) }
	s.meter.Tokens(provider, meter.Usage{
		Input: n(u.Input), Output: n(u.Output), CacheRead: n(u.CacheRead), CacheWrite: n(u.CacheWrite), Reasoning: n(u.Reasoning),
	})
}

// end settles an exchange; only the first of several entries does.
func (s *Service) end(id exchangeID, status int, now time.Time) {
	if x := s.table.remove(id); x != nil {
		s.meter.Ended(meter.End{Surface: x.asked.endpoint.String(), Lane: x.lane(), Status: status, Took: now.Sub(x.started)})
	}
}

// Sweep ends exchanges whose access log never came, until ctx is done.
func (s *Service) Sweep(ctx context.Context) {
	t := time.NewTicker(silence / 9)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if lost := s.table.stale(s.now().Add(-silence)); len(lost) > 0 {
				s.meter.Lost(len(lost))
				s.log.Warn("exchanges ended without an access log", "count", len(lost))
			}
		}
	}
}

// WaitSettled waits until no exchange is open, at most for the time that
// Envoy's last access logs need to arrive.
func (s *Service) WaitSettled(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for s.table.entries.Load() > 0 {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}
