package extproc

import (
	"slices"
	"sync"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/identity/oidc"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// sources are what views are made of. They change seldom, and each change
// makes a new view; requests under way keep theirs.
type sources struct {
	mu          sync.Mutex
	catalog     *catalog.Catalog // guarded by mu, as is all below
	credentials *credential.Set
	tokens      *oidc.Verifier
	order       chain.Order
	directory   *directory.Snapshot
	members     members // of catalog and directory
	shadowed    []string
	ways        ways // of catalog and order
}

// UseCatalog makes new requests decide by this catalog, these credentials and
// this verifier of its issuers' tokens, nil if it has none.
func (s *Service) UseCatalog(c *catalog.Catalog, creds *credential.Set, tokens *oidc.Verifier) {
	s.sources.mu.Lock()
	defer s.sources.mu.Unlock()
	s.sources.catalog, s.sources.credentials, s.sources.tokens = c, creds, tokens
	s.sources.ways = waysOf(c, s.sources.order)
	s.reached.clear()
	s.admit()
	s.refresh()
}

// UseDirectory makes new requests decide by what the directory holds now.
func (s *Service) UseDirectory(d *directory.Snapshot) {
	s.sources.mu.Lock()
	defer s.sources.mu.Unlock()
	s.sources.directory = d
	s.admit()
	s.refresh()
}

// UseOrder makes new requests follow this order: the one Envoy got too.
func (s *Service) UseOrder(o chain.Order) {
	s.sources.mu.Lock()
	defer s.sources.mu.Unlock()
	s.sources.order = o
	if s.sources.catalog != nil {
		s.sources.ways = waysOf(s.sources.catalog, o)
	}
	s.refresh()
}

// admit takes over who is known and what they may spend. Caller must hold
// sources.mu.
func (s *Service) admit() {
	if src := &s.sources; src.catalog != nil {
		src.members = membersOf(src.catalog, src.directory)
		s.tellShadowed()
	}
	s.limit()
}

// tellShadowed logs the names that catalog and directory both have, whenever
// they change. Verbs refuse them: they come of a catalog that has changed since.
// Caller must hold sources.mu.
func (s *Service) tellShadowed() {
	src := &s.sources
	now := shadowed(src.catalog, src.directory)
	if len(now) > 0 && !slices.Equal(now, src.shadowed) {
		s.log.Error("the catalog has names that the store has, too: a budget of the store's does not count then, of tenants both hold, of keys both are let in", "names", now)
	}
	src.shadowed = now
}

// relimit hands the limits to the ledger as they are adjusted now.
func (s *Service) relimit() {
	s.sources.mu.Lock()
	defer s.sources.mu.Unlock()
	s.limit()
}

// limit hands the budgets of all sources to the ledger. Caller must hold
// sources.mu.
func (s *Service) limit() {
	src := &s.sources
	if src.catalog == nil || s.books == nil {
		return
	}
	budgets := budgetsOf(src.catalog, src.directory)
	limits := LimitsOf(budgets, src.catalog.Store.Region())
	s.books.regional.adjust(budgets, limits)
	if err := s.books.Ledger.Use(limits); err != nil {
		s.log.Error("the limits stay as they were", "error", err)
	}
}

// refresh publishes a new view. Caller must hold sources.mu.
func (s *Service) refresh() {
	src := &s.sources
	if src.catalog == nil {
		return
	}
	s.view.Store(&view{
		catalog: src.catalog, members: src.members, known: src.directory == nil || src.directory.Loaded(),
		ways: src.ways, tokens: src.tokens, credentials: src.credentials,
	})
}
