package directory

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
)

// masterSize is that of AES-256's keys, in bytes.
const masterSize = 32

// Keyring seals and opens secrets: the current master key seals, former ones
// only open. It is immutable.
type Keyring struct {
	current *master
	byID    map[string]*master
}

type master struct {
	id     string
	aead   cipher.AEAD
	finger []byte // the key of fingerprints
}

// sealed is an envelope: a value under a data key of its own, and that key
// under a master key. Each is a nonce and what AES-256-GCM makes.
type sealed struct {
	Master string `json:"master"` // id of the master key
	Key    []byte `json:"key"`
	Value  []byte `json:"value"`
}

// NewKeyring reads master keys, the current one first: 32 bytes in base64 or
// hexadecimal each. Errors hold nothing of them.
func NewKeyring(current credential.Secret, former ...credential.Secret) (*Keyring, error) {
	ring := &Keyring{byID: map[string]*master{}}
	for i, text := range append([]credential.Secret{current}, former...) {
		m, err := newMaster(text)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			ring.current = m
		}
		if ring.byID[m.id] == nil {
			ring.byID[m.id] = m
		}
	}
	return ring, nil
}

func newMaster(text credential.Secret) (*master, error) {
	key, ok := masterBytes(strings.TrimSpace(text.Reveal()))
	if !ok {
		return nil, errors.New("a master key must be 32 bytes in base64 or hexadecimal, as openssl rand -base64 32 makes them")
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	return &master{id: hex.EncodeToString(derive(key, "dragoman master key id"))[:12], aead: aead, finger: derive(key, "dragoman fingerprints")}, nil
}

func masterBytes(text string) ([]byte, bool) {
	if key, err := hex.DecodeString(text); err == nil && len(key) == masterSize {
		return key, true
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if key, err := e.DecodeString(text); err == nil && len(key) == masterSize {
			return key, true
		}
	}
	return nil, false
}

func derive(key []byte, label string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(label))
	return h.Sum(nil)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal puts a value into an envelope that opens for the same name only.
func (r *Keyring) seal(name, value string) (sealed, error) {
	dataKey := make([]byte, masterSize)
	if _, err := rand.Read(dataKey); err != nil {
		return sealed{}, fmt.Errorf("no random bits for a data key: %w", err)
	}
	aead, err := newAEAD(dataKey)
	if err != nil {
		return sealed{}, err
	}
	return sealed{
		Master: r.current.id,
		Key:    closed(r.current.aead, dataKey, bound("key", name)),
		Value:  closed(aead, []byte(value), bound("value", name)),
	}, nil
}

// closed is a random nonce, which the AEAD makes, and the text behind it.
func closed(aead cipher.AEAD, text, bound []byte) []byte {
	return aead.Seal(nil, nil, text, bound) //nolint:gosec // NewGCMWithRandomNonce takes no nonce
}

// bound is the associated data: which part of whose envelope it is.
func bound(part, name string) []byte { return []byte("dragoman " + part + " " + name) }

// dataKey takes an envelope's data key out.
func (r *Keyring) dataKey(name string, s sealed) ([]byte, error) {
	m := r.byID[s.Master]
	if m == nil {
		return nil, fmt.Errorf("%s is sealed with master key %s, which is not configured", name, s.Master)
	}
	key, err := m.aead.Open(nil, nil, s.Key, bound("key", name))
	if err != nil {
		return nil, fmt.Errorf("the data key of %s does not open: it was changed, or belongs to another", name)
	}
	return key, nil
}

func (r *Keyring) open(name string, s sealed) (credential.Secret, error) {
	key, err := r.dataKey(name, s)
	if err != nil {
		return credential.Secret{}, err
	}
	aead, err := newAEAD(key)
	if err != nil {
		return credential.Secret{}, err
	}
	value, err := aead.Open(nil, nil, s.Value, bound("value", name))
	if err != nil {
		return credential.Secret{}, fmt.Errorf("the credential of %s does not open: it was changed, or belongs to another", name)
	}
	return credential.NewSecret(string(value)), nil
}

// reseal puts the data key under the current master key; the value stays as it
// is.
func (r *Keyring) reseal(name string, s sealed) (sealed, error) {
	key, err := r.dataKey(name, s)
	if err != nil {
		return sealed{}, err
	}
	s.Master, s.Key = r.current.id, closed(r.current.aead, key, bound("key", name))
	return s, nil
}

// fingerprint tells whether two secrets are the same. Without the master key
// nobody can try guesses against it.
func (r *Keyring) fingerprint(value string) string {
	return hex.EncodeToString(derive(r.current.finger, value))[:12]
}
