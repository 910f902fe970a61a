package extproc

import (
	"net/netip"
	"sync"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// reached are the providers to which Envoy has a way, as far as is known: those
// with an address, and those with a name that have answered. While a name does
// not resolve, Envoy's edge ends a request that goes straight to it, without a
// next attempt; an attempt listener fails it like any other. Envoy keeps the
// last address of a name, so who has answered stays reached, until the catalog or
// Envoy itself begins anew.
//
// It is safe for concurrent use. The zero value knows of none.
type reached struct{ providers sync.Map } // of *catalog.Provider: a key that takes no memory

func (r *reached) add(p *catalog.Provider) { r.providers.LoadOrStore(p, nil) }

func (r *reached) forget(p *catalog.Provider) { r.providers.Delete(p) }

func (r *reached) clear() { r.providers.Clear() }

func (r *reached) has(p *catalog.Provider) bool {
	if _, ok := r.providers.Load(p); ok {
		return true
	}
	if _, err := netip.ParseAddr(p.BaseURL.Host); err != nil {
		return false
	}
	r.add(p)
	return true
}
