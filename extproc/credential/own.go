package credential

import "github.com/dragoman-gateway/dragoman/xds/catalog"

// Own are the keys of a tenant's own accounts at providers. A nil Own holds
// none; it is immutable.
type Own struct{ entries map[*catalog.Provider]*entry }

// NewOwn makes the keys ready to be sent. Providers that the catalog does not
// have, or that take no static key, are left out.
func NewOwn(c *catalog.Catalog, keys map[string]Secret) *Own {
	o := &Own{entries: make(map[*catalog.Provider]*entry, len(keys))}
	for name, key := range keys {
		p := c.Provider(name)
		if p == nil || !key.Set() {
			continue
		}
		o.entries[p] = &entry{headers: Headers(p, key), secrets: [][]byte{[]byte(key.Reveal())}}
	}
	return o
}

// Has tells whether the tenant has an account of its own at the provider.
func (o *Own) Has(p *catalog.Provider) bool { return o != nil && o.entries[p] != nil }

// Headers are those that authorize a call to the provider. They are shared and
// must not be changed.
func (o *Own) Headers(p *catalog.Provider) []Header {
	if !o.Has(p) {
		return nil
	}
	return o.entries[p].headers
}

// Redact takes the tenant's key at a provider out of a text.
func (o *Own) Redact(p *catalog.Provider, text []byte) []byte {
	if !o.Has(p) {
		return text
	}
	return without(text, o.entries[p].secrets)
}
