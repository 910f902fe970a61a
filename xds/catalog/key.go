package catalog

import (
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	maxKeys  = 20_000
	maxGlobs = 256 // of one list
)

func (c *compiler) keys() {
	if n := len(c.doc.Keys); n > maxKeys {
		c.fail("keys", fmt.Sprintf("has %d entries", n), fmt.Sprintf("at most %d are read", maxKeys))
		return
	}
	names, hashes := oneOf("key"), map[[32]byte]int{}
	for i, e := range c.doc.Keys {
		path := element("keys", i)
		k := c.key(path, keyBody{e.Name, e.Tenant, e.Models, e.Tags, e.Expires}, names)
		if c.given(path + ".hash") {
			k.Hash = c.keyHash(path+".hash", e.Hash, hashes)
		}
		c.catalog.Keys = append(c.catalog.Keys, k)
	}
	sortKeys(c.catalog.Keys)
}

// key checks what may be said of a key, but for its hash.
func (r *report) key(path string, e keyBody, names nameKind) Key {
	r.name(member(path, "name"), e.Name, names)
	r.name(member(path, "tenant"), e.Tenant, oneOf("tenant"))
	return Key{
		Name: e.Name, Tenant: e.Tenant, Expires: e.Expires.at(), Tags: r.tags(member(path, "tags"), e.Tags),
		Models: r.globs(member(path, "models"), e.Models, modelGlobs),
	}
}

func (c *compiler) keyHash(field, hash string, seen map[[32]byte]int) (sum [32]byte) {
	digits, ok := strings.CutPrefix(hash, "sha256:")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != len(sum) {
		c.fail(field, "is not a hash", "write sha256: and the 64 hexadecimal digits of the key's SHA-256, never the key itself")
		return sum
	}
	copy(sum[:], raw)
	if line, twice := seen[sum]; twice {
		c.fail(field, fmt.Sprintf("is the hash of another key, in line %d", line), "remove one of them")
		return sum
	}
	seen[sum] = c.find(field).line
	return sum
}

// Allows tells whether the key may use the model of that public name.
func (k *Key) Allows(model string) bool { return allows(k.Models, model) }
