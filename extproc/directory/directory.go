package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
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
	// Reserved tells which names the catalog has, which nobody may give here. nil:
	// none.
	Reserved func(kind Kind, name string) bool
}

// Directory follows a store. Make one with Open.
type Directory struct {
	config  Config
	current atomic.Pointer[Snapshot]
	loaded  atomic.Bool

	reading sync.Mutex // one reads the store and publishes at a time
	// Guarded by reading:
	opened bool // Open is done
	lost   bool // the store came back empty, and that was logged

	uses uses
}

// Open reads the whole store. If the store is away and Config.Patient is set, the
// directory begins empty and Run reads it as soon as it can be reached.
func Open(ctx context.Context, c Config) (*Directory, error) {
	d := &Directory{config: c}
	d.current.Store(&Snapshot{})
	if err := d.refresh(ctx); err != nil {
		if !c.Patient {
			return nil, err
		}
		c.Logger.Error("keys, tenants and budgets of the store are not known yet", "error", err)
	}
	d.opened = true
	return d, nil
}

// Loaded tells whether the store has been read since Open.
func (d *Directory) Loaded() bool { return d.loaded.Load() }

// Current is the latest snapshot, never nil.
func (d *Directory) Current() *Snapshot { return d.current.Load() }

// refresh reads what is new and publishes it.
func (d *Directory) refresh(ctx context.Context) error {
	d.reading.Lock()
	defer d.reading.Unlock()
	old := d.current.Load()
	now, err := d.read(ctx, old)
	if err != nil {
		return fmt.Errorf("the directory's store: %w", err)
	}
	d.loaded.Store(true)
	if now == nil || now.Version == old.Version && now.epoch == old.epoch {
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
	delta, err := d.config.Store.Since(ctx, old.Version)
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
		if delta, err = d.config.Store.Since(ctx, 0); err != nil {
			return nil, err
		}
	}
	n := newNews()
	for {
		for _, r := range delta.Records {
			d.take(n, r)
		}
		if !delta.More {
			break
		}
		epoch := delta.Epoch
		if delta, err = d.config.Store.Since(ctx, delta.Version); err != nil {
			return nil, err
		}
		if delta.Epoch != epoch || delta.Stale {
			return nil, errors.New("it was replaced while it was read")
		}
	}
	return n.after(from, delta), nil
}

// news are the records read, by name; nil ones are gone.
type news struct {
	keys    map[string]*Key
	tenants map[string]*Tenant
	budgets map[string]*Budget
	own     map[string]*OwnCredential
}

func newNews() *news {
	return &news{map[string]*Key{}, map[string]*Tenant{}, map[string]*Budget{}, map[string]*OwnCredential{}}
}

func (n *news) after(old *Snapshot, last Delta) *Snapshot {
	s := &Snapshot{
		Version: last.Version, epoch: last.Epoch,
		Keys:    old.Keys,
		all:     merge(old.all, n.keys, nameOfKey),
		Tenants: merge(old.Tenants, n.tenants, nameOfTenant),
		Budgets: merge(old.Budgets, n.budgets, nameOfBudget),
		Own:     merge(old.Own, n.own, orderOfOwn),
	}
	if len(n.keys) > 0 {
		good := make(map[string]*Key, len(n.keys))
		for name, k := range n.keys {
			if k != nil && !k.Revoked.IsZero() {
				k = nil
			}
			good[name] = k
		}
		s.Keys = merge(old.Keys, good, nameOfKey)
	}
	return s
}

// take reads one record. One that cannot be read counts as gone: nobody gets in
// by it.
func (d *Directory) take(n *news, r Record) {
	var err error
	switch r.Kind {
	case KindKey:
		n.keys[r.Name], err = taken(r, decodeKey)
	case KindTenant:
		n.tenants[r.Name], err = taken(r, decodeTenant)
	case KindBudget:
		n.budgets[r.Name], err = taken(r, decodeBudget)
	case KindCredential:
		tenant, provider, _ := strings.Cut(r.Name, "/")
		n.own[tenant+"\x00"+provider], err = taken(r, d.decodeOpened)
	default:
		err = errors.New("its kind is not known here")
	}
	if err != nil {
		d.config.Logger.Error("a record of the directory cannot be used", "kind", r.Kind, "name", r.Name, "error", err)
	}
}

func taken[T any](r Record, decode func(Record) (*T, error)) (*T, error) {
	if r.Deleted {
		return nil, nil //nolint:nilnil // a tombstone
	}
	v, err := decode(r)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// decodeOpened opens the credential. One that does not open is listed, so that
// it can be replaced.
func (d *Directory) decodeOpened(r Record) (*OwnCredential, error) {
	o, err := decodeOwn(r)
	if err != nil {
		return nil, err
	}
	if d.config.Keyring == nil {
		d.config.Logger.Warn("an own credential stays closed: no master key is configured", "name", r.Name)
		return o, nil
	}
	if o.Secret, err = d.config.Keyring.open(r.Name, o.sealed); err != nil {
		d.config.Logger.Error("an own credential stays closed", "error", err)
	}
	return o, nil
}
