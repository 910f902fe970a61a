package extproc

import (
	"iter"
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// members are who the catalog and the directory know. They are made anew only
// when one of the two changes: there may be a hundred thousand of them.
type members struct {
	keys *identity.Table
	// owns are tenants' keys at providers, by tenant.
	owns map[string]*credential.Own
}

func membersOf(c *catalog.Catalog, d *directory.Snapshot) members {
	return members{tableOf(c, d), ownsOf(c, d)}
}

// tableOf is who the catalog and the directory know; the directory may be nil.
func tableOf(c *catalog.Catalog, d *directory.Snapshot) *identity.Table {
	entries := identity.Entries{Catalog: c.Keys, Tenants: c.Tenants}
	if d != nil {
		entries.Directory, entries.Size = d.Accepted(), len(d.Keys)
		entries.Tenants = slices.Clone(c.Tenants)
		for _, t := range d.Tenants {
			entries.Tenants = append(entries.Tenants, t.Tenant)
		}
	}
	return identity.BuildTable(entries)
}

// ownsOf are the tenants' own keys at providers.
func ownsOf(c *catalog.Catalog, d *directory.Snapshot) map[string]*credential.Own {
	if d == nil || len(d.Own) == 0 {
		return nil
	}
	keys := make(map[string]map[string]credential.Secret)
	for _, o := range d.Own {
		if keys[o.Tenant] == nil {
			keys[o.Tenant] = make(map[string]credential.Secret)
		}
		keys[o.Tenant][o.Provider] = o.Secret
	}
	owns := make(map[string]*credential.Own, len(keys))
	for tenant, k := range keys {
		owns[tenant] = credential.NewOwn(c, k)
	}
	return owns
}

// shadowed are the names, with their kinds, that the catalog and the directory
// both have.
func shadowed(c *catalog.Catalog, d *directory.Snapshot) (names []string) {
	if d == nil {
		return nil
	}
	for kind, name := range namesOf(c) {
		if d.Has(kind, name) {
			names = append(names, string(kind)+" "+name)
		}
	}
	return names
}

// namesOf are the names of a catalog's keys, tenants and budgets.
func namesOf(c *catalog.Catalog) iter.Seq2[directory.Kind, string] {
	return func(yield func(directory.Kind, string) bool) {
		for i := range c.Keys {
			if !yield(directory.KindKey, c.Keys[i].Name) {
				return
			}
		}
		for i := range c.Tenants {
			if !yield(directory.KindTenant, c.Tenants[i].Name) {
				return
			}
		}
		for i := range c.Budgets {
			if !yield(directory.KindBudget, c.Budgets[i].Name) {
				return
			}
		}
	}
}

// Reserved tells which names of keys, tenants and budgets the catalog has that is
// in use when it is asked.
func Reserved(inUse func() *catalog.Catalog) func(directory.Kind, string) bool {
	return func(kind directory.Kind, name string) bool {
		for k, n := range namesOf(inUse()) {
			if k == kind && n == name {
				return true
			}
		}
		return false
	}
}

// budgetsOf are those of catalog and directory. Of two with one name the
// catalog's holds.
func budgetsOf(c *catalog.Catalog, d *directory.Snapshot) []catalog.Budget {
	if d == nil {
		return c.Budgets
	}
	all := slices.Clone(c.Budgets)
	for _, b := range d.Budgets {
		if !slices.ContainsFunc(c.Budgets, func(o catalog.Budget) bool { return o.Name == b.Name }) {
			all = append(all, b.Budget)
		}
	}
	return all
}
