package identity

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// tenant is what the operator rules about a tenant.
type tenant struct {
	name      string
	tags      []string
	models    [][]string // each list of globs has to allow a model
	suspended bool
}

// tenantsOf compiles the rules. Several about one tenant hold together: none
// can take back what another demands.
func tenantsOf(entries []catalog.Tenant) map[string]*tenant {
	out := make(map[string]*tenant, len(entries))
	for i := range entries {
		e := &entries[i]
		t := out[e.Name]
		if t == nil {
			t = &tenant{name: e.Name}
			out[e.Name] = t
		}
		t.tags = union(t.tags, e.Tags)
		t.suspended = t.suspended || e.Suspended
		if len(e.Models) > 0 {
			t.models = append(t.models, e.Models)
		}
	}
	return out
}

func (t *tenant) allows(model string) bool {
	for _, globs := range t.models {
		if !allows(globs, model) {
			return false
		}
	}
	return true
}

// problem is why nobody of the tenant may ask, nil if they may. Who reads it
// has shown a credential of the tenant's.
func (t *tenant) problem() *llm.Problem {
	if t == nil || !t.suspended {
		return nil
	}
	return &llm.Problem{
		Kind: llm.Forbidden, Code: "tenant_suspended",
		Message: "The tenant " + t.name + " is suspended; ask whoever runs this gateway.",
	}
}
