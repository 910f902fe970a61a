package extproc

import (
	"sync"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// sources are what views are made of. They change seldom, and each change
// makes a new view; requests under way keep theirs.
type sources struct {
	mu          sync.Mutex
	catalog     *catalog.Catalog // guarded by mu, as is all below
	credentials *credential.Set
	order       chain.Order
}

// UseCatalog makes new requests decide by this catalog and these credentials.
func (s *Service) UseCatalog(c *catalog.Catalog, creds *credential.Set) {
	s.sources.mu.Lock()
	defer s.sources.mu.Unlock()
	s.sources.catalog, s.sources.credentials = c, creds
	s.refresh()
}

// UseOrder makes new requests follow this order: the one Envoy got too.
func (s *Service) UseOrder(o chain.Order) {
	s.sources.mu.Lock()
	defer s.sources.mu.Unlock()
	s.sources.order = o
	s.refresh()
}

// refresh publishes a new view. Caller must hold sources.mu.
func (s *Service) refresh() {
	src := &s.sources
	if src.catalog == nil {
		return
	}
	s.view.Store(newView(src.catalog, identity.NewTable(src.catalog.Keys), src.credentials, src.order))
}
