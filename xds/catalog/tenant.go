package catalog

import "fmt"

// Tenant is who several keys and identities belong to.
type Tenant struct {
	Name   string
	Tags   []string // of each of its requests; sorted, each once
	Models []string // globs of public names; empty = all
	// Suspended refuses all its requests.
	Suspended bool
}

// Allows tells whether the tenant may use the model of that public name.
func (t *Tenant) Allows(model string) bool { return allows(t.Models, model) }

func (c *compiler) tenants() {
	doc := c.doc.Tenants
	if n := len(doc); n > maxTenants {
		c.fail("tenants", fmt.Sprintf("has %d entries", n), fmt.Sprintf("at most %d are read; the admin API keeps more", maxTenants))
		return
	}
	for _, name := range sortedKeys(doc) {
		path := member("tenants", name)
		switch {
		case looksSecret(name):
			c.failName(path, "looks like a secret", "write a name that may be shown, such as acme")
		case !ValidName(name):
			c.failName(path, "is not a name for a tenant", nameRight)
		}
		c.catalog.Tenants = append(c.catalog.Tenants, c.tenant(path, name, doc[name]))
	}
}

func (r *report) tenant(path, name string, e tenantEntry) Tenant {
	return Tenant{
		Name: name, Tags: r.tags(member(path, "tags"), e.Tags), Suspended: e.Suspended,
		Models: r.globs(member(path, "models"), e.Models, modelGlobs),
	}
}
