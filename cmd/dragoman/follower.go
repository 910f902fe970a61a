package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// follower keeps what serves at the last good catalog of a file. What cannot
// be used changes nothing, and waits: a credential that is missing may come
// without a change of the file that names it.
type follower struct {
	log   *slog.Logger
	ready chan struct{} // closed by begin
	retry *time.Timer   // when what waits is due

	mu      sync.Mutex
	use     func(*catalog.Catalog) error // guarded by mu
	current *catalog.Catalog             // guarded by mu
	waiting *catalog.Catalog             // the newest that could not be used, nil = none; guarded by mu
	pause   time.Duration                // before the next retry; guarded by mu
}

// Between two tries of a catalog that waits: each pause is twice the one before.
const (
	firstPause = time.Second
	maxPause   = time.Minute
)

func newFollower(log *slog.Logger) *follower {
	f := &follower{log: log, ready: make(chan struct{}), retry: time.NewTimer(maxPause), pause: firstPause}
	f.retry.Stop()
	return f
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
	f.pause = firstPause
	_ = f.try(next) // it is logged, and waits
}

// try uses a catalog, or lets it wait. Caller must hold mu.
func (f *follower) try(next *catalog.Catalog) error {
	if err := f.use(next); err != nil {
		f.waiting = next
		f.retry.Reset(f.pause)
		f.log.LogAttrs(context.Background(), slog.LevelError, "the changed catalog waits, for it cannot be used; the last good one stays",
			slog.String("version", short(next)), slog.Duration("again_in", f.pause), f.reason(err))
		f.pause = min(2*f.pause, maxPause)
		return err
	}
	f.current, f.waiting = next, nil
	f.retry.Stop()
	f.log.Info("the changed catalog is in use", "version", short(next), "models", len(next.Models), "providers", len(next.Providers), "keys", len(next.Keys))
	return nil
}

// due tries what waits once more.
func (f *follower) due() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting != nil {
		_ = f.try(f.waiting) // it is logged, and waits on
	}
}

// now is the catalog in use.
func (f *follower) now() *catalog.Catalog {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// refresh uses the newest catalog again: the files that it names as credentials
// may have changed. If that one has to wait still, it is the current one's turn.
func (f *follower) refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	waits := f.waiting != nil
	if f.pause = firstPause; waits && f.try(f.waiting) == nil {
		return
	}
	if err := f.use(f.current); err != nil {
		f.log.Error("nothing was read again; what was read before stays", "error", err)
		return
	}
	if waits {
		f.log.Warn("credentials were read again; the changed catalog still waits", "version", short(f.current), "waiting", short(f.waiting))
		return
	}
	f.log.Info("catalog and credentials were read again", "version", short(f.current))
}

// keep says why a changed file is not used.
func (f *follower) keep(err error) {
	f.log.LogAttrs(context.Background(), slog.LevelError, "the changed catalog is not used; the last good one stays", f.reason(err))
}

// reason is what a line says of an error. What is wrong with a catalog has a line
// each before it, and is counted in it.
func (f *follower) reason(err error) slog.Attr {
	var many catalog.Errors
	if !errors.As(err, &many) {
		return slog.Any("error", err)
	}
	for _, one := range many {
		f.log.Error("the changed catalog is wrong", "error", one)
	}
	return slog.Int("errors", len(many))
}

// hangup reads everything again on every SIGHUP, and tries what waits, until ctx
// is done.
func (f *follower) hangup(ctx context.Context, reload func()) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	f.follow(ctx, hup, reload)
	return nil
}

func (f *follower) follow(ctx context.Context, hup <-chan os.Signal, reload func()) {
	defer f.retry.Stop()
	for {
		select {
		case <-hup:
			reload()
			f.refresh()
		case <-f.retry.C:
			f.due()
		case <-ctx.Done():
			return
		}
	}
}

func short(c *catalog.Catalog) string { return c.Version[:min(12, len(c.Version))] }
