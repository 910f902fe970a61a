package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// follower keeps what serves at the last good catalog of a file. What cannot
// be used changes nothing.
type follower struct {
	log   *slog.Logger
	ready chan struct{} // closed by begin

	mu      sync.Mutex
	use     func(*catalog.Catalog) error // guarded by mu
	current *catalog.Catalog             // guarded by mu
}

func newFollower(log *slog.Logger) *follower {
	return &follower{log: log, ready: make(chan struct{})}
}

// watch says how a file's changes come here. They wait for begin.
func (f *follower) watch(ctx context.Context) catalog.WatchConfig {
	return catalog.WatchConfig{
		OnChange: func(next *catalog.Catalog) {
			select {
			case <-f.ready:
				f.change(next)
			case <-ctx.Done():
			}
		},
		OnError: f.keep,
	}
}

// begin hands over how a catalog is used and the one that is in use.
func (f *follower) begin(current *catalog.Catalog, use func(*catalog.Catalog) error) {
	f.mu.Lock()
	f.current, f.use = current, use
	f.mu.Unlock()
	close(f.ready)
}

func (f *follower) change(next *catalog.Catalog) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.use(next); err != nil {
		f.keep(err)
		return
	}
	f.current = next
	f.log.Info("the changed catalog is in use", "version", short(next), "models", len(next.Models), "providers", len(next.Providers), "keys", len(next.Keys))
}

// now is the catalog in use.
func (f *follower) now() *catalog.Catalog {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// refresh uses the current catalog again: the files that it names as
// credentials may have changed.
func (f *follower) refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.use(f.current); err != nil {
		f.log.Error("nothing was read again; what was read before stays", "error", err)
		return
	}
	f.log.Info("catalog and credentials were read again", "version", short(f.current))
}

// keep says why a changed file is not used, one line per error.
func (f *follower) keep(err error) {
	var many catalog.Errors
	if !errors.As(err, &many) {
		f.log.Error("the changed catalog is not used; the last good one stays", "error", err)
		return
	}
	for _, one := range many {
		f.log.Error("the changed catalog is wrong", "error", one)
	}
	f.log.Error("the changed catalog is not used; the last good one stays", "errors", len(many))
}

// hangup reads everything again on every SIGHUP until ctx is done.
func (f *follower) hangup(ctx context.Context, reload func()) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			reload()
			f.refresh()
		case <-ctx.Done():
			return nil
		}
	}
}

func short(c *catalog.Catalog) string { return c.Version[:min(12, len(c.Version))] }
