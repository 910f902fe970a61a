package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
)

// Prefix begins every key that Generate makes, so that people and scanners
// know one when they see it.
const Prefix = "dgm_"

// Secret is a key in clear text.
type Secret = credential.Secret

// Generate makes a key of 256 random bits: Prefix and 43 characters of
// base64url. hash is what the catalog keeps of it. It fails only if random
// does.
func Generate(random io.Reader) (secret Secret, hash [sha256.Size]byte, err error) {
	var bits [32]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return Secret{}, hash, fmt.Errorf("no random bits for a key: %w", err)
	}
	text := Prefix + base64.RawURLEncoding.EncodeToString(bits[:])
	return credential.NewSecret(text), sha256.Sum256([]byte(text)), nil
}

// CatalogLine is the entry under keys: with which the catalog knows a key.
func CatalogLine(name string, hash [sha256.Size]byte) string {
	return "- {name: " + strconv.Quote(name) + ", hash: \"sha256:" + hex.EncodeToString(hash[:]) + "\"}"
}
