package directory

import (
	"encoding/json"
	"strings"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// A record that cannot be read allows nothing that the record itself may have
// forbidden. All that stands for one has the record's version, so that a verb
// can replace it.

// unreadTenant is suspended: the tenant may have been.
func unreadTenant(r Record) *Tenant {
	return &Tenant{Tenant: catalog.Tenant{Name: r.Name, Suspended: true}, Version: r.Version}
}

// unreadBudget is the budget as it was before. Where none was known, as after a
// start, nobody can tell how much is left of it: it refuses all requests that it
// matches as far as its lists can be read, which are all requests of the gateway
// where none can. instead says which, for the log.
func unreadBudget(r Record, before *Budget) (b *Budget, instead string) {
	if before != nil {
		kept := *before
		kept.Version = r.Version
		return &kept, "the budget holds as it was before"
	}
	b = &Budget{Version: r.Version, Budget: catalog.Budget{
		Name: r.Name, Per: "minute", Limits: []catalog.BudgetLimit{{Unit: catalog.UnitRequests}},
	}}
	var fields map[string]json.RawMessage
	if r.Damage != nil || json.Unmarshal(r.Data, &fields) != nil {
		return b, "all requests are refused"
	}
	for name, into := range map[string]*[]string{"Keys": &b.Keys, "Tenants": &b.Tenants, "Models": &b.Models, "Tags": &b.Tags} {
		var list []string
		if json.Unmarshal(fields[name], &list) == nil {
			*into = list
		}
	}
	return b, "all requests that it matches are refused"
}

// unreadOwn is closed: the tenant has it, and it serves nobody.
func unreadOwn(r Record) *OwnCredential {
	tenant, provider, _ := strings.Cut(r.Name, "/")
	return &OwnCredential{Tenant: tenant, Provider: provider, Version: r.Version}
}
