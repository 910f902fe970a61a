package extproc

import (
	"context"
	"net/http"
	"time"

	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// silence is how long an exchange stays open without a sign of life, unless the
// configuration says otherwise. Envoy reports open requests every 30 s; access
// logs are lossy and don't say so.
const silence = 90 * time.Second

// accessLogDesc serves envoy.service.accesslog.v3.AccessLogService with our own
// message type.
var accessLogDesc = grpc.ServiceDesc{
	ServiceName: alsv3.AccessLogService_ServiceDesc.ServiceName,
	HandlerType: (*logReader)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName: "StreamAccessLogs", ClientStreams: true,
		Handler: func(srv any, st grpc.ServerStream) error { return srv.(logReader).readLog(st) },
	}},
	Metadata: alsv3.AccessLogService_ServiceDesc.Metadata,
}

// logReader lets gRPC check the handler's type.
type logReader interface{ readLog(st stream) error }

// readLog reads one stream of access log entries: those of the edge end
// exchanges, those of attempt listeners tell what an attempt used.
func (s *Service) readLog(st stream) error {
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
			s.hearSafely(&batch.entries[i], edge, now)
		}
	}
}

// hearSafely lets a fault of ours in one entry, which holds a provider's words,
// cost no more than that entry.
func (s *Service) hearSafely(e *logEntry, edge bool, now time.Time) {
	defer func() { _ = s.caught(recover()) }()
	s.hear(e, edge, now)
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

func (s *Service) hear(e *logEntry, edge bool, now time.Time) {
	id, ok := parseExchangeID(e.exchange)
	if !ok {
		return
	}
	x := s.table.get(id)
	provider, asked := envoy.ProviderOf(string(e.cluster))
	// What a periodic entry has of usage comes again with the end.
	if asked && len(e.usage) > 0 && e.kind != logDownstreamPeriodic {
		if x != nil {
			s.logged(x, provider, e)
		} else {
			s.late(id, provider, e)
		}
	}
	switch {
	case x == nil:
	case !edge:
		s.heardOfEnd(x, provider, e)
		s.conclude(x)
	case e.kind == logDownstreamPeriodic:
		x.touch(now)
		s.passed(x, provider, e)
	case e.kind == logDownstreamEnd:
		s.passed(x, provider, e)
		s.end(x, e, now)
	}
}

// passed notes what the edge saw of the last attempt's answer.
func (s *Service) passed(x *exchange, provider string, e *logEntry) {
	n := max(e.attempts, 1)
	t, ok := x.target(n, provider)
	if !ok || e.status < 200 || e.status >= 400 {
		return
	}
	s.reports(x, n, &t, settlement.Report{Answered: true, Bytes: e.bytes})
}

// end notes the end of a request; only the first of several entries does.
func (s *Service) end(x *exchange, e *logEntry, now time.Time) {
	x.mu.Lock()
	if !x.spend.end.at.IsZero() {
		x.mu.Unlock()
		return
	}
	x.spend.end = endingOf(e, now)
	// Usage still comes of a stream that was left to Envoy, and why of one that
	// broke off, unless its client left, too: its attempt listener logs it by itself.
	broke := x.served == meter.Translate && e.broke() != chain.None
	waits := (x.served == meter.Leave || broke) && e.status < 400 && !e.aborted
	last := max(e.attempts, 1)
	for n := 1; n <= last; n++ {
		if n < last || !waits {
			x.spend.tally.Add(n, settlement.Target{}, settlement.Report{Ended: true})
		}
	}
	x.mu.Unlock()
	if x.express && last == 1 && e.status == http.StatusServiceUnavailable {
		// A provider's own would have been tried again: Envoy has no way to it.
		s.reached.forget(x.chain.Targets[0].Provider)
	}
	s.table.commit(x)
	if !s.conclude(x) {
		s.waiting.add(x.id, now.Add(grace))
	}
}

// grace is how long the usage of an attempt may come after the end of its
// request: the two are logged by different connection managers.
const grace = time.Second

// conclude settles an exchange if its end and all of its attempts' are known.
func (s *Service) conclude(x *exchange) bool {
	x.mu.Lock()
	end := &x.spend.end
	whole := !end.at.IsZero() && x.spend.tally.Ended(max(end.attempts, 1))
	x.mu.Unlock()
	if whole {
		s.finish(x, false)
	}
	return whole
}

// late is usage of an exchange that is no longer open.
func (s *Service) late(id exchangeID, provider string, e *logEntry) {
	if s.books != nil {
		if x := s.books.corrigible.get(id); x != nil {
			if s.logged(x, provider, e) && !e.whole() { // no more will come
				s.correct(x)
			}
			return
		}
	}
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

// Sweep settles, until ctx is done, exchanges whose usage did not come in time
// after their end, and those whose end never came.
func (s *Service) Sweep(ctx context.Context) {
	t := time.NewTicker(grace / 4)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.sweep(s.now())
		}
	}
}

// settleDue settles the exchanges that have ended and whose grace is over.
func (s *Service) settleDue(now time.Time) {
	for _, id := range s.waiting.due(now) {
		if x := s.table.get(id); x != nil {
			s.finish(x, false)
		}
	}
}

func (s *Service) sweep(now time.Time) {
	s.settleDue(now)
	s.letGoDue(now)
	s.complainAgain(now)
	lost := s.table.stale(now.Add(-s.silence))
	if len(lost) == 0 {
		return
	}
	for _, x := range lost {
		s.finish(x, true)
	}
	s.meter.Lost(len(lost))
	s.log.Warn("exchanges ended without an access log", "count", len(lost))
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
