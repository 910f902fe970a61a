package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
)

// calm passes log records on, some of them as debugging: what is normal in one
// process that owns its Envoy would alarm whoever reads it.
type calm struct {
	slog.Handler
	// less makes every information debugging.
	less bool
	// ending is set once Envoy was asked to end; what it warns of then is of
	// our making. Shared by all handlers derived from this one.
	ending *atomic.Bool
}

// Handle implements slog.Handler.
func (h *calm) Handle(ctx context.Context, r slog.Record) error {
	if h.less && r.Level == slog.LevelInfo || h.expected(r) {
		if !h.Enabled(ctx, slog.LevelDebug) {
			return nil
		}
		r.Level = slog.LevelDebug
	}
	return h.Handler.Handle(ctx, r)
}

// harmless are words of warnings about what has to be so in the pinned Envoy: a
// filter of ours is marked as work in progress (a test over real Envoy holds it
// to what it promises), and an option of our clusters is deprecated.
var harmless = []string{"marked as work-in-progress", "'envoy.config.cluster.v3.Cluster.respect_dns_ttl'"}

// expected tells whether Envoy says what has to be so, or that it was told to
// end.
func (h *calm) expected(r slog.Record) bool {
	if r.Message != "envoy logged" || r.Level >= slog.LevelError {
		return false
	}
	if h.ending.Load() {
		return true
	}
	found := false
	r.Attrs(func(a slog.Attr) bool {
		found = a.Key == "text" && slices.ContainsFunc(harmless, func(words string) bool { return strings.Contains(a.Value.String(), words) })
		return !found
	})
	return found
}

// WithAttrs implements slog.Handler.
func (h *calm) WithAttrs(as []slog.Attr) slog.Handler {
	return &calm{h.Handler.WithAttrs(as), h.less, h.ending}
}

// WithGroup implements slog.Handler.
func (h *calm) WithGroup(name string) slog.Handler {
	return &calm{h.Handler.WithGroup(name), h.less, h.ending}
}
