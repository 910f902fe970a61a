package directory

import (
	"bytes"
	"errors"
	"strings"
)

// news are the records read after a snapshot, by name; nil ones are gone.
type news struct {
	before  *Snapshot
	keys    map[string]*Key
	tenants map[string]*Tenant
	budgets map[string]*Budget
	own     map[string]*OwnCredential
}

func newNews(before *Snapshot) *news {
	return &news{before, map[string]*Key{}, map[string]*Tenant{}, map[string]*Budget{}, map[string]*OwnCredential{}}
}

// after is the snapshot that follows old, which is the one before or, where the
// whole store was read, an empty one.
func (n *news) after(old *Snapshot, last Delta) *Snapshot {
	s := &Snapshot{
		Version: last.Version, change: last.Change, epoch: last.Epoch,
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

// budget is the one of that name as it was last known, nil if there was none.
func (n *news) budget(name string) *Budget {
	if b, ok := n.budgets[name]; ok {
		return b
	}
	return find(n.before.Budgets, name, nameOfBudget)
}

// take reads one record. What stands for one that cannot be read, unread.go says.
func (d *Directory) take(n *news, r Record) {
	var err error
	instead := "nothing stands for it"
	switch r.Kind {
	case KindKey:
		n.keys[r.Name], err = taken(r, decodeKey)
		instead = "nobody gets in by it"
	case KindTenant:
		if n.tenants[r.Name], err = taken(r, decodeTenant); err != nil {
			n.tenants[r.Name], instead = unreadTenant(r), "the tenant counts as suspended"
		}
	case KindBudget:
		before := n.budget(r.Name)
		if n.budgets[r.Name], err = taken(r, decodeBudget); err != nil {
			n.budgets[r.Name], instead = unreadBudget(r, before)
		}
	case KindCredential:
		tenant, provider, _ := strings.Cut(r.Name, "/")
		at := tenant + "\x00" + provider
		if n.own[at], err = taken(r, decodeOwn); err != nil {
			n.own[at], instead = unreadOwn(r), "it is closed"
		} else if o := n.own[at]; o != nil {
			d.unseal(o, n.before.OwnOf(tenant, provider))
		}
	default:
		err = errors.New("its kind is not known here")
	}
	if err != nil {
		d.config.Logger.Error("a record of the directory cannot be used", "kind", r.Kind, "name", r.Name, "instead", instead, "error", err)
	}
}

func taken[T any](r Record, decode func(Record) (*T, error)) (*T, error) {
	switch {
	case r.Damage != nil:
		return nil, r.Damage
	case r.Deleted:
		return nil, nil //nolint:nilnil // a tombstone
	}
	v, err := decode(r)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// unseal opens a credential. One that does not open keeps the secret it had
// before if that is the one sealed: its envelope may have been sealed anew under
// a master key that is not here yet. Without one it is listed as closed, so that
// it can be replaced.
func (d *Directory) unseal(o, before *OwnCredential) {
	err := errNoKeyring
	if d.config.Keyring != nil {
		o.Secret, err = d.config.Keyring.open(o.name(), o.sealed)
	}
	switch {
	case err == nil:
	case before != nil && before.Secret.Set() && bytes.Equal(before.sealed.Value, o.sealed.Value):
		o.Secret = before.Secret
		d.config.Logger.Warn("an own credential stays open only until this process ends", "name", o.name(), "error", err)
	default:
		d.config.Logger.Error("an own credential stays closed", "name", o.name(), "error", err)
	}
}

var errNoKeyring = errors.New("no master key is configured")
