package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

const (
	maxKeys    = 100
	minRSABits = 2048 // RFC 7518 section 3.3
	maxRSABits = 8192 // what verifying costs grows with the square
)

// keySet is what an issuer published at a time. It is immutable.
type keySet struct {
	fetched time.Time
	from    string // the URL
	lookup  keyfunc.Keyfunc
	prints  map[string]fingerprint // by kid
	// epoch is another one than that of the set before if a key of that one is
	// gone or was replaced: verdicts that rest on it are void.
	epoch uint64
}

// fingerprint tells a key apart from all others: its kind, what it is for, and the
// numbers that are the key.
type fingerprint struct{ kty, crv, alg, n, e, x, y string }

// parseKeys reads a JSON Web Key Set (RFC 7517 section 5). Keys that cannot
// verify signatures here are passed over, as the RFC asks: symmetric ones,
// those for encryption, unknown kinds, broken and weak ones. A set without any
// other is a set: the issuer withdraws all.
func parseKeys(text []byte) (*keySet, error) {
	var document struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &document); err != nil || document.Keys == nil {
		return nil, errors.New("answers with something else than a set of keys")
	}
	if n := len(*document.Keys); n > maxKeys {
		return nil, fmt.Errorf("publishes %d keys; at most %d are read", n, maxKeys)
	}
	s := &keySet{prints: map[string]fingerprint{}}
	store := jwkset.NewMemoryStorage()
	ctx := context.Background() // for memory, which waits for nothing
	for _, raw := range *document.Keys {
		key, ok := parseKey(raw)
		if !ok {
			continue
		}
		m := key.Marshal()
		if _, twice := s.prints[m.KID]; m.KID == "" || len(m.KID) > maxKid || twice {
			continue
		}
		if err := store.KeyWrite(ctx, key); err != nil {
			return nil, err
		}
		s.prints[m.KID] = fingerprint{string(m.KTY), string(m.CRV), string(m.ALG), m.N, m.E, m.X, m.Y}
	}
	lookup, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: store})
	s.lookup = lookup
	return s, err
}

// parseKey reads one public key. Certificates beside it are of no use here: the
// key came from where the operator said.
func parseKey(raw json.RawMessage) (jwkset.JWK, bool) {
	var m jwkset.JWKMarshal
	if json.Unmarshal(raw, &m) != nil || m.USE != "" && m.USE != jwkset.UseSig ||
		len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify) {
		return jwkset.JWK{}, false
	}
	bare := jwkset.JWKMarshal{KTY: m.KTY, USE: m.USE, ALG: m.ALG, KID: m.KID, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E}
	key, err := jwkset.NewJWKFromMarshal(bare, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return jwkset.JWK{}, false
	}
	if k, ok := key.Key().(*rsa.PublicKey); ok && (k.N.BitLen() < minRSABits || k.N.BitLen() > maxRSABits) {
		return jwkset.JWK{}, false
	}
	return key, true
}

// follow makes s the successor of the set before it.
func (s *keySet) follow(before *keySet) {
	if before == nil {
		return
	}
	s.epoch = before.epoch
	for kid, was := range before.prints {
		if s.prints[kid] != was {
			s.epoch++
			return
		}
	}
}

// same tells whether both sets hold the same keys.
func (s *keySet) same(other *keySet) bool { return other != nil && maps.Equal(s.prints, other.prints) }

var (
	errUnknownKey = errors.New("no such key")
	errOtherUse   = errors.New("the key is for something else")
)

// key finds the key that a token names, if it is one for the token's
// algorithm: errUnknownKey, errOtherUse.
func (s *keySet) key(t *token, method jwt.SigningMethod) (any, error) {
	found, err := s.lookup.Keyfunc(&jwt.Token{Header: map[string]any{"alg": t.algorithm, "kid": t.kid}})
	switch {
	case errors.Is(err, jwkset.ErrKeyNotFound):
		return nil, errUnknownKey
	case err != nil || !fits(found, method):
		return nil, errOtherUse
	}
	return found, nil
}

// fits tells whether a key is of the kind that an algorithm is for. That is
// what keeps a public key from being taken for a shared secret.
func fits(key any, method jwt.SigningMethod) bool {
	switch m := method.(type) {
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		_, ok := key.(*rsa.PublicKey)
		return ok
	case *jwt.SigningMethodECDSA:
		k, ok := key.(*ecdsa.PublicKey)
		return ok && k.Curve.Params().BitSize == m.CurveBits
	case *jwt.SigningMethodEd25519:
		_, ok := key.(ed25519.PublicKey)
		return ok
	}
	return false
}
