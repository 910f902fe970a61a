package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Config is what a directory works with.
type Config struct {
	Store  Store
	Now    func() time.Time
	Logger *slog.Logger
	// OnChange is told each new snapshot but the first, one after the other. It
	// must not call verbs. nil: nobody is.
	OnChange func(*Snapshot)
	// Patient lets Open succeed without the store.
	Patient bool
	// Keyring seals own credentials; nil: there can be none.
	Keyring *Keyring
	// Reserved tells which names the catalog in use has, which nobody may give
	// here. nil: none.
	Reserved func(kind Kind, name string) bool
}

// Directory follows a store. Make one with Open.
type Directory struct {
	config  Config
	current atomic.Pointer[Snapshot]

	// reading is a lock that waits no longer than its caller's context: who holds
	// it reads the store and publishes.
	reading chan struct{}
	// Guarded by reading:
	opened bool // Open is done
	lost   bool // the store came back empty, and that was logged

	uses uses
}

// Open reads the whole store. If the store is away and Config.Patient is set, the
// directory begins empty and Run reads it as soon as it can be reached.
func Open(ctx context.Context, c Config) (*Directory, error) {
	d := &Directory{config: c, reading: make(chan struct{}, 1)}
	d.current.Store(&Snapshot{unread: true})
	if err := d.refresh(ctx); err != nil {
		if !c.Patient {
			return nil, err
		}
		c.Logger.Error("keys, tenants and budgets of the store are not known yet", "error", err)
	}
	d.opened = true
	return d, nil
}

// Current is the latest snapshot, never nil.
func (d *Directory) Current() *Snapshot { return d.current.Load() }

// refresh reads what is new and publishes it.
func (d *Directory) refresh(ctx context.Context) error {
	select {
	case d.reading <- struct{}{}:
		defer func() { <-d.reading }()
	case <-ctx.Done():
		return fmt.Errorf("the directory's store: %w", ctx.Err())
	}
	old := d.current.Load()
	now, err := d.read(ctx, old)
	if err != nil {
		return fmt.Errorf("the directory's store: %w", err)
	}
	if now == nil || now.point() == old.point() && now.epoch == old.epoch && !old.unread {
		return nil
	}
	d.current.Store(now)
	if d.config.OnChange != nil && d.opened {
		d.config.OnChange(now)
	}
	return nil
}

// read gives the snapshot after old, nil for a store that lost what it had.
func (d *Directory) read(ctx context.Context, old *Snapshot) (*Snapshot, error) {
	delta, err := d.config.Store.Since(ctx, old.point())
	if err != nil {
		return nil, err
	}
	from := old
	if old.epoch != "" && delta.Epoch == "" {
		if !d.lost {
			d.config.Logger.Error("the directory's store came back empty; the last snapshot stays until something is written", "version", old.Version)
		}
		d.lost = true
		return nil, nil //nolint:nilnil // nothing to publish and nothing wrong
	}
	d.lost = false
	if old.epoch != "" && delta.Epoch != old.epoch || delta.Stale {
		from = &Snapshot{}
		if delta, err = d.config.Store.Since(ctx, Point{}); err != nil {
			return nil, err
		}
	}
	n := newNews(old)
	for {
		for _, r := range delta.Records {
			d.take(n, r)
		}
		if !delta.More {
			break
		}
		epoch := delta.Epoch
		if delta, err = d.config.Store.Since(ctx, delta.Point); err != nil {
			return nil, err
		}
		if delta.Epoch != epoch || delta.Stale {
			return nil, errors.New("it was replaced while it was read")
		}
	}
	return n.after(from, delta), nil
}
