package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"iter"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Table knows all keys and tenants. A nil Table knows none.
type Table struct {
	// first finds an entry by the first eight bytes of its hash, others with
	// the same ones follow it. How long that look-up takes tells of a hash at
	// most, which nobody can turn into a key; whole hashes are compared in
	// constant time.
	first   map[uint64]int32
	entries []entry
	tenants map[string]*tenant
}

type entry struct {
	hash [sha256.Size]byte
	next int32 // index of an entry whose hash begins alike, -1 = none
	key  Key
}

// Entries are what a Table is made of. What a revoked key was is not among
// them.
type Entries struct {
	Catalog []catalog.Key
	// Directory gives ids and keys; nil: there are none.
	Directory iter.Seq2[string, *catalog.Key]
	// Size is about how many Directory gives; it saves time only.
	Size int
	// Tenants may name a tenant twice, as catalog and directory do: both then
	// hold.
	Tenants []catalog.Tenant
}

// BuildTable makes the table of all entries and keeps their texts. Of two keys
// with one hash the first counts, the catalog's before the directory's.
func BuildTable(e Entries) *Table {
	size := len(e.Catalog) + max(e.Size, 0)
	t := &Table{
		first:   make(map[uint64]int32, size),
		entries: make([]entry, 0, size),
		tenants: tenantsOf(e.Tenants),
	}
	for i := range e.Catalog {
		t.add(&e.Catalog[i], FromCatalog, e.Catalog[i].Name)
	}
	if e.Directory != nil {
		for id, k := range e.Directory {
			t.add(k, FromDirectory, id)
		}
	}
	return t
}

func (t *Table) add(k *catalog.Key, origin Origin, id string) {
	if k.Hash == [sha256.Size]byte{} || t.find(&k.Hash) != nil {
		return
	}
	added := entry{hash: k.Hash, next: -1, key: Key{
		Name: k.Name, ID: id, Origin: origin, Tenant: k.Tenant,
		models: k.Models, expires: expiry(k.Expires),
	}}
	if added.key.tenant = t.tenants[k.Tenant]; added.key.tenant != nil {
		added.key.Tags = union(k.Tags, added.key.tenant.tags)
	} else {
		added.key.Tags = union(k.Tags, nil)
	}
	at := prefix(&k.Hash)
	if other, ok := t.first[at]; ok {
		added.next = other
	}
	t.first[at] = int32(len(t.entries))
	t.entries = append(t.entries, added)
}

// Len is how many keys the table knows.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.entries)
}

// Check finds the key that a request presents, or says what is wrong: in a 401
// that there is none, that it is not known or has expired; in a 403 that its
// tenant is suspended.
func (t *Table) Check(p *Presented, now time.Time) (*Key, *llm.Problem) {
	if problem := p.problem(); problem != nil {
		return nil, problem
	}
	hash := sha256.Sum256(p.value)
	k := t.find(&hash)
	if k == nil {
		return nil, refused("The API key is not known here; check that it is complete and has not been withdrawn.")
	}
	if k.expired(now) {
		return nil, refused("The API key expired at " + time.Unix(k.expires, 0).UTC().Format(time.RFC3339) + "; ask for a new one.")
	}
	if problem := k.tenant.problem(); problem != nil {
		return nil, problem
	}
	return k, nil
}

// Admit holds the key of an issuer's token against what the operator rules
// about its tenant. It returns the key with the tenant's tags and models, or a
// 403 if the tenant is suspended. It allocates nothing for a tenant without
// either.
func (t *Table) Admit(k *Key) (*Key, *llm.Problem) {
	if t == nil || k.Tenant == "" {
		return k, nil
	}
	rule := t.tenants[k.Tenant]
	if problem := rule.problem(); problem != nil {
		return nil, problem
	}
	if rule == nil || len(rule.tags) == 0 && len(rule.models) == 0 {
		return k, nil
	}
	admitted := *k
	admitted.tenant, admitted.Tags = rule, union(k.Tags, rule.tags)
	return &admitted, nil
}

func (t *Table) find(hash *[sha256.Size]byte) *Key {
	if t == nil {
		return nil
	}
	at, ok := t.first[prefix(hash)]
	if !ok {
		return nil
	}
	var found *Key
	for ; at >= 0; at = t.entries[at].next {
		if e := &t.entries[at]; subtle.ConstantTimeCompare(e.hash[:], hash[:]) == 1 {
			found = &e.key
		}
	}
	return found
}

func prefix(hash *[sha256.Size]byte) uint64 { return binary.BigEndian.Uint64(hash[:8]) }
