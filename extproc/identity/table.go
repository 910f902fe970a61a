package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Key is who asks.
type Key struct {
	Name  string // as logs and figures show it
	entry *catalog.Key
}

// Allows tells whether the key may use the model of that public name.
func (k *Key) Allows(model string) bool { return k.entry.Allows(model) }

// Table knows all keys. A nil Table knows none.
type Table struct {
	// byHash lists keys by the first eight bytes of their hash. How long that
	// look-up takes tells of a hash at most, which nobody can turn into a key;
	// whole hashes are compared in constant time.
	byHash map[uint64][]known
}

type known struct {
	hash [sha256.Size]byte
	key  *Key
}

// NewTable makes the table of the catalog's keys, which it keeps.
func NewTable(keys []catalog.Key) *Table {
	t := &Table{byHash: make(map[uint64][]known, len(keys))}
	for i := range keys {
		k := &keys[i]
		at := prefix(&k.Hash)
		t.byHash[at] = append(t.byHash[at], known{k.Hash, &Key{Name: k.Name, entry: k}})
	}
	return t
}

// Check finds the key that a request presents, or says in a 401 what is wrong.
// The time is for credentials that expire, which keys do not.
func (t *Table) Check(p *Presented, _ time.Time) (*Key, *llm.Problem) {
	if problem := p.problem(); problem != nil {
		return nil, problem
	}
	hash := sha256.Sum256(p.value)
	if k := t.find(&hash); k != nil {
		return k, nil
	}
	return nil, refused("The API key is not known here; check that it is complete and has not been withdrawn.")
}

func (t *Table) find(hash *[sha256.Size]byte) *Key {
	if t == nil {
		return nil
	}
	var found *Key
	for _, k := range t.byHash[prefix(hash)] {
		if subtle.ConstantTimeCompare(k.hash[:], hash[:]) == 1 {
			found = k.key
		}
	}
	return found
}

func prefix(hash *[sha256.Size]byte) uint64 { return binary.BigEndian.Uint64(hash[:8]) }
