package catalog

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

const (
	maxKeys  = 20_000
	maxGlobs = 256 // of one key
)

func (c *compiler) keys() {
	if n := len(c.doc.Keys); n > maxKeys {
		c.fail("keys", fmt.Sprintf("has %d entries", n), fmt.Sprintf("at most %d are read", maxKeys))
		return
	}
	names, hashes := map[string]int{}, map[[32]byte]int{}
	for i, e := range c.doc.Keys {
		path := element("keys", i)
		k := Key{Name: e.Name, Models: e.Models}
		if c.given(path + ".name") {
			c.keyName(path+".name", e.Name, names)
		}
		if c.given(path + ".hash") {
			k.Hash = c.keyHash(path+".hash", e.Hash, hashes)
		}
		if n := len(e.Models); c.given(path+".models") && (n == 0 || n > maxGlobs) {
			c.fail(path+".models", fmt.Sprintf("has %d patterns", n), fmt.Sprintf("write 1 to %d, or leave models out to allow all", maxGlobs))
		}
		for j, glob := range e.Models {
			if !validGlob(glob) {
				c.fail(element(path+".models", j), show(glob)+" is not a pattern for models", globRight)
			}
		}
		c.catalog.Keys = append(c.catalog.Keys, k)
	}
	sortKeys(c.catalog.Keys)
}

func (c *compiler) keyName(field, name string, seen map[string]int) {
	switch line, twice := seen[name]; {
	case looksSecret(name):
		c.fail(field, "looks like a secret", "write a name that may be shown, such as ci")
	case !keyName.MatchString(name):
		c.fail(field, show(name)+" is not a name for a key", "write 1 to 63 letters, digits and . _ -, a letter or digit first")
	case twice:
		c.fail(field, show(name)+" names another key, in line "+strconv.Itoa(line), "give each key its own name")
	default:
		seen[name] = c.find(field).line
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
func (k *Key) Allows(model string) bool {
	for _, glob := range k.Models {
		if matches(glob, model) {
			return true
		}
	}
	return len(k.Models) == 0
}
