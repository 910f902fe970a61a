package credential

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Own are the keys of a tenant's own accounts at providers. A nil Own holds
// none; it is immutable.
type Own struct{ entries map[*catalog.Provider]*entry }

// NewOwn makes the keys ready to be sent. A key that is not set is closed: the
// tenant has it, and nobody can read it here. Providers that the catalog does not
// have are left out.
func NewOwn(c *catalog.Catalog, keys map[string]Secret) *Own {
	o := &Own{entries: make(map[*catalog.Provider]*entry, len(keys))}
	for name, key := range keys {
		p := c.Provider(name)
		if p == nil {
			continue
		}
		e := &entry{headers: Headers(p, key)}
		if key.Set() {
			e.secrets = [][]byte{[]byte(key.Reveal())}
		}
		o.entries[p] = e
	}
	return o
}

// Has tells whether the tenant has an account of its own at the provider, be its
// key closed or not: who pays for a request does not depend on that.
func (o *Own) Has(p *catalog.Provider) bool { return o != nil && o.entries[p] != nil }

// Authorize gives the headers that authorize a call to the provider, on the
// tenant's account. They are shared and must not be changed. Without a key that
// is open the error is a Problem of kind Unauthenticated, which makes the next
// attempt.
func (o *Own) Authorize(p *catalog.Provider) ([]Header, error) {
	if o.Has(p) && len(o.entries[p].secrets) > 0 {
		return o.entries[p].headers, nil
	}
	return nil, &llm.Problem{Kind: llm.Unauthenticated, Message: "the tenant's own key for the provider cannot be opened here"}
}

// Redact takes the tenant's key at a provider out of a text.
func (o *Own) Redact(p *catalog.Provider, text []byte) []byte {
	if !o.Has(p) {
		return text
	}
	return without(text, o.entries[p].secrets)
}
