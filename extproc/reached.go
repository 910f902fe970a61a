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
type reached struct{ names sync.Map }

func (r *reached) add(provider string) {
	if _, ok := r.names.Load(provider); !ok {
		r.names.Store(provider, nil)
	}
}

func (r *reached) forget(provider string) { r.names.Delete(provider) }

func (r *reached) clear() { r.names.Clear() }

func (r *reached) has(p *catalog.Provider) bool {
	if _, ok := r.names.Load(p.Name); ok {
		return true
	}
	if _, err := netip.ParseAddr(p.BaseURL.Host); err != nil {
		return false
	}
	r.add(p.Name)
	return true
}
