package directory

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Snapshot is what the directory held at a version. All lists are sorted by
// name; what they point to is shared with other snapshots. Nothing may be
// written.
type Snapshot struct {
	Version uint64
	// Keys are those not revoked, expired ones too: who has one is told so.
	Keys    []*Key
	Tenants []*Tenant
	Budgets []*Budget
	// Own are sorted by tenant, then provider. One whose Secret is not set is
	// closed: it serves nobody, and is the tenant's own all the same.
	Own []*OwnCredential

	unread bool // see Loaded
	epoch  string
	change string // the ID of the event that made Version
	all    []*Key // the revoked ones too
}

// Loaded tells whether the snapshot is of the store: until a patient directory
// has read it, nobody knows what it holds.
func (s *Snapshot) Loaded() bool { return !s.unread }

// Has tells whether there is a key, revoked ones apart, a tenant or a budget of
// that name.
func (s *Snapshot) Has(kind Kind, name string) bool {
	switch kind {
	case KindKey:
		return find(s.Keys, name, nameOfKey) != nil
	case KindTenant:
		return find(s.Tenants, name, nameOfTenant) != nil
	case KindBudget:
		return find(s.Budgets, name, nameOfBudget) != nil
	}
	return false
}

func (s *Snapshot) point() Point { return Point{s.Version, s.change} }

// Accepted gives the keys by id, as identity knows those of a catalog: an entry
// for each secret that is good, so two of a key while a rotation's grace lasts.
func (s *Snapshot) Accepted() iter.Seq2[string, *catalog.Key] {
	return func(yield func(string, *catalog.Key) bool) {
		for _, k := range s.Keys {
			if !yield(k.ID, &k.Key) {
				return
			}
			if k.Grace.IsZero() {
				continue
			}
			former := k.Key
			former.Hash = k.Former
			if former.Expires.IsZero() || k.Grace.Before(former.Expires) {
				former.Expires = k.Grace
			}
			if !yield(k.ID, &former) {
				return
			}
		}
	}
}

// OwnOf is a tenant's own credential for a provider, nil if there is none.
func (s *Snapshot) OwnOf(tenant, provider string) *OwnCredential {
	i, ok := slices.BinarySearchFunc(s.Own, [2]string{tenant, provider}, func(o *OwnCredential, of [2]string) int {
		return cmp.Or(cmp.Compare(o.Tenant, of[0]), cmp.Compare(o.Provider, of[1]))
	})
	if !ok {
		return nil
	}
	return s.Own[i]
}

// key finds one by id or, if there is none of that id, by name.
func (s *Snapshot) key(idOrName string) *Key {
	if strings.HasPrefix(idOrName, idPrefix) {
		for _, k := range s.all {
			if k.ID == idOrName {
				return k
			}
		}
	}
	return find(s.all, idOrName, nameOfKey)
}

func nameOfKey(k *Key) string       { return k.Name }
func nameOfTenant(t *Tenant) string { return t.Name }
func nameOfBudget(b *Budget) string { return b.Name }

// orderOfOwn sorts as OwnOf searches: nothing in a name is smaller than the
// separator.
func orderOfOwn(o *OwnCredential) string { return o.Tenant + "\x00" + o.Provider }

func find[T any](sorted []*T, name string, of func(*T) string) *T {
	i, ok := slices.BinarySearchFunc(sorted, name, func(e *T, name string) int { return cmp.Compare(of(e), name) })
	if !ok {
		return nil
	}
	return sorted[i]
}

// merge gives the sorted list with changes in it: what is nil there goes. Lists
// without changes are shared.
func merge[T any](old []*T, changes map[string]*T, of func(*T) string) []*T {
	if len(changes) == 0 {
		return old
	}
	names := make([]string, 0, len(changes))
	for name := range changes {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]*T, 0, len(old)+len(names))
	for _, name := range names {
		i, same := slices.BinarySearchFunc(old, name, func(e *T, name string) int { return cmp.Compare(of(e), name) })
		out = append(out, old[:i]...)
		if same {
			i++
		}
		old = old[i:]
		if e := changes[name]; e != nil {
			out = append(out, e)
		}
	}
	return append(out, old...)
}
