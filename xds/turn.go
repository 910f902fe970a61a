package xds

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// turn brings the rollout as far as it goes now.
func (s *Server) turn(ctx context.Context, now time.Time) error {
	// NACKs before the publish: they are about what is live now.
	for _, n := range s.fleet.takeRefusals() {
		s.metrics.nacks[n.Kind].Inc()
		s.log.ErrorContext(ctx, "resources refused", slog.String("kind", n.Kind.String()),
			slog.String("version", n.Version), slog.String("node", n.Node), slog.String("detail", n.Detail))
		s.rollout.refuse(now, n)
	}
	if wanted := s.takeInbox(); wanted != nil {
		s.rollout.publish(now, *wanted)
	}
	for moved := s.rollout.step != stepEmpty; moved; {
		if err := s.offer(ctx); err != nil {
			return err
		}
		offers := s.offered.offers
		var overdue []Kind
		moved, overdue = s.rollout.advance(now, s.fleet.observe(offers))
		s.reportOverdue(ctx, offers, overdue)
	}
	s.show()
	return nil
}

func (s *Server) takeInbox() *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.inbox
	s.inbox = nil
	return taken
}

// offer puts what is live on the shelf, if it is not there.
func (s *Server) offer(ctx context.Context) error {
	changed, err := s.offered.put(ctx, &s.rollout.live)
	for _, k := range changed {
		s.metrics.published[k].Inc()
		s.log.InfoContext(ctx, "resources published", slog.String("kind", k.String()),
			slog.String("version", s.rollout.live[k].version), slog.String("step", s.rollout.step.String()))
	}
	if len(changed) > 0 {
		s.service.open()
	}
	return err
}

func (s *Server) reportOverdue(ctx context.Context, o *offers, overdue []Kind) {
	if len(overdue) == 0 {
		return
	}
	for _, k := range overdue {
		s.metrics.overdue[k].Inc()
	}
	s.log.WarnContext(ctx, "going on without ACKs", slog.Any("kinds", overdue), slog.Any("nodes", s.fleet.lagging(o, overdue)))
}

// show lets Status see what this turn came to.
func (s *Server) show() {
	v := &view{step: s.rollout.step, offers: s.offered.offers}
	for _, n := range s.rollout.refused {
		if n != nil {
			v.refused = append(v.refused, *n)
		}
	}
	s.view.Store(v)
}

func sortedNames(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }
