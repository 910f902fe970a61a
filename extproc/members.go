package extproc

import (
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
