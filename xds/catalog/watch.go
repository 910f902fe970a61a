package catalog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Editors and deployments touch a file several times to change it once: it is
// read when nothing has happened for settle, and after maxSettle at the
// latest.
const (
	settle    = 100 * time.Millisecond
	maxSettle = time.Second
)

// WatchConfig says what to watch and whom to tell.
type WatchConfig struct {
	Path string
	Env  func(string) (string, bool) // as in Source
	// Keyless is as in Source.
	Keyless bool
	// Interval is how often the file is read even if the file system reports
	// nothing, as some network file systems don't; 0 = never.
	Interval time.Duration
	// OnChange gets each catalog that replaces the one before, once: keeping one
	// that cannot be used yet is its receiver's work. OnError gets what kept a
	// changed file from becoming one. Both are called one at a time, by the
	// watcher's goroutine; nil is not called.
	OnChange func(*Catalog)
	OnError  func(error)
}

// Watcher holds the last good catalog of a file.
type Watcher struct {
	config  WatchConfig
	file    watched // owned by run
	current atomic.Pointer[Catalog]
	notify  notifier
	linked  string // directory that links lead to, owned by run
	reload  chan struct{}
	done    chan struct{}
}

// notifier reports what happens in directories. Add is safe to repeat.
type notifier interface {
	Add(dir string) error
	Remove(dir string) error
}

var _ notifier = (*fsnotify.Watcher)(nil)

// Watch reads the file and, if it is good, watches it until ctx ends. Its
// owner then calls Wait. The first catalog is in Catalog; OnChange gets only
// later ones.
func Watch(ctx context.Context, config WatchConfig) (*Watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("catalog: watch: %w", err)
	}
	w := newWatcher(config, notify)
	// Before the file is read for the first time: no change falls between.
	if err := notify.Add(filepath.Dir(config.Path)); err != nil {
		return nil, errors.Join(fmt.Errorf("catalog: watch: %w", err), notify.Close())
	}
	first, err := w.file.load(true)
	if err != nil {
		return nil, errors.Join(err, notify.Close())
	}
	w.current.Store(first)
	w.followLinks()
	go func() {
		defer close(w.done)
		w.run(ctx, notify.Events, notify.Errors)
		if err := notify.Close(); err != nil {
			w.fail(fmt.Errorf("catalog: watch: %w", err))
		}
	}()
	return w, nil
}

func newWatcher(config WatchConfig, notify notifier) *Watcher {
	return &Watcher{
		config: config, file: watched{path: config.Path, as: Source{Env: config.Env, Keyless: config.Keyless}}, notify: notify,
		reload: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// Catalog is the last good catalog, never nil.
func (w *Watcher) Catalog() *Catalog { return w.current.Load() }

// Reload makes the watcher read the file at once and report its errors even
// if they are known. It does not wait for that.
func (w *Watcher) Reload() {
	select {
	case w.reload <- struct{}{}:
	default: // one is pending already
	}
}

// Wait returns when the watcher has ended, after the context given to Watch.
// Nothing is called afterwards.
func (w *Watcher) Wait() { <-w.done }

// run handles, until ctx ends: an event in the directory or a failure of the
// notification (both start or prolong the pause), the end of the pause, a
// Reload, and the interval. Each of the last three reads the file.
func (w *Watcher) run(ctx context.Context, events <-chan fsnotify.Event, failures <-chan error) {
	var poll <-chan time.Time
	if w.config.Interval > 0 {
		ticker := time.NewTicker(w.config.Interval)
		defer ticker.Stop()
		poll = ticker.C
	}
	var first time.Time // event of this pause; zero = no pause
	pause := time.NewTimer(0)
	pause.Stop()
	defer pause.Stop()
	for {
		forced := false
		select {
		case <-ctx.Done():
			return
		case <-events:
			first = prolong(pause, first)
			continue
		case err := <-failures:
			if !errors.Is(err, fsnotify.ErrEventOverflow) { // too many events at once: still events
				w.fail(fmt.Errorf("catalog: watch: %w", err))
			}
			first = prolong(pause, first)
			continue
		case <-pause.C:
		case <-poll:
		case <-w.reload:
			forced = true
		}
		first = time.Time{}
		pause.Stop()
		w.load(forced)
	}
}

// prolong moves the end of the pause and returns when the pause began.
func prolong(pause *time.Timer, first time.Time) time.Time {
	now := time.Now()
	if first.IsZero() {
		first = now
	}
	pause.Reset(min(settle, first.Add(maxSettle).Sub(now)))
	return first
}

func (w *Watcher) load(forced bool) {
	w.followLinks()
	c, err := w.file.load(forced)
	switch {
	case err != nil:
		w.fail(err)
	case c != nil:
		w.current.Store(c)
		if w.config.OnChange != nil {
			w.config.OnChange(c)
		}
	}
}

func (w *Watcher) fail(err error) {
	if w.config.OnError != nil {
		w.config.OnError(err)
	}
}

// followLinks watches the file's directory, which may have been replaced, and
// the one its links lead to, which changes without an event in the first. What
// cannot be watched shows as an error when the file is read.
func (w *Watcher) followLinks() {
	own := filepath.Dir(w.config.Path)
	_ = w.notify.Add(own)
	target, err := filepath.EvalSymlinks(w.config.Path)
	if err != nil {
		return
	}
	dir := filepath.Dir(target)
	if w.linked != "" && w.linked != dir && w.linked != own {
		_ = w.notify.Remove(w.linked) // it may be gone
	}
	w.linked = dir
	_ = w.notify.Add(dir)
}
