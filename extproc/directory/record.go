package directory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Key is a client's API key that the directory keeps.
type Key struct {
	ID string // k_ and 12 characters; another one when the name is given anew
	catalog.Key
	Created time.Time
	// Revoked is when the key was withdrawn; the zero time: it was not.
	Revoked time.Time
	// Former is the hash before the last rotation, good until Grace.
	Former [sha256.Size]byte
	Grace  time.Time
	// LastUsed is exact to a minute or two. Only ListKeys and FindKey fill it in.
	LastUsed time.Time
	Version  uint64
}

// Tenant is a tenant that the directory keeps.
type Tenant struct {
	catalog.Tenant
	Version uint64
}

// Budget is a budget that the directory keeps.
type Budget struct {
	catalog.Budget
	Version uint64
}

// OwnCredential is a tenant's own credential for a provider (bring your own
// key).
type OwnCredential struct {
	Tenant, Provider string
	// Secret is the provider's key; not set if the record cannot be read, or the
	// master key that seals it is not here.
	Secret credential.Secret
	// Fingerprint tells equal secrets from different ones and nothing else.
	Fingerprint string
	MasterID    string // of the master key that seals it
	Updated     time.Time
	Version     uint64

	sealed sealed
}

// name is the record's.
func (o *OwnCredential) name() string { return ownName(o.Tenant, o.Provider) }

// ownName joins what neither part can hold: names have no slash.
func ownName(tenant, provider string) string { return tenant + "/" + provider }

// keyData is a key in the store.
type keyData struct {
	ID      string     `json:"id"`
	Hash    string     `json:"hash"`
	Models  []string   `json:"models,omitempty"`
	Tenant  string     `json:"tenant,omitempty"`
	Tags    []string   `json:"tags,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	Created time.Time  `json:"created"`
	Revoked *time.Time `json:"revoked,omitempty"`
	Former  string     `json:"former,omitempty"`
	Grace   *time.Time `json:"grace,omitempty"`
}

func (k *Key) encode() ([]byte, error) {
	d := keyData{
		ID: k.ID, Hash: hex.EncodeToString(k.Hash[:]), Models: k.Models, Tenant: k.Tenant, Tags: k.Tags,
		Expires: moment(k.Expires), Created: k.Created, Revoked: moment(k.Revoked), Grace: moment(k.Grace),
	}
	if !k.Grace.IsZero() {
		d.Former = hex.EncodeToString(k.Former[:])
	}
	return json.Marshal(d)
}

func decodeKey(r Record) (*Key, error) {
	var d keyData
	if err := json.Unmarshal(r.Data, &d); err != nil {
		return nil, err
	}
	k := &Key{
		ID: d.ID, Created: d.Created, Revoked: at(d.Revoked), Grace: at(d.Grace), Version: r.Version,
		Key: catalog.Key{Name: r.Name, Models: d.Models, Tenant: d.Tenant, Tags: d.Tags, Expires: at(d.Expires)},
	}
	if err := readHash(&k.Hash, d.Hash); err != nil {
		return nil, err
	}
	if d.Former != "" {
		return k, readHash(&k.Former, d.Former)
	}
	return k, nil
}

func readHash(into *[sha256.Size]byte, digits string) error {
	if n, err := hex.Decode(into[:], []byte(digits[:min(len(digits), 2*sha256.Size)])); err != nil || n != len(into) {
		return fmt.Errorf("a hash of %d digits is none of SHA-256", len(digits))
	}
	return nil
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func decodeTenant(r Record) (*Tenant, error) {
	t := &Tenant{Version: r.Version}
	err := json.Unmarshal(r.Data, &t.Tenant)
	t.Name = r.Name
	return t, err
}

// decodeBudget refuses what no ledger counts by: it would refuse all other
// limits with it.
func decodeBudget(r Record) (*Budget, error) {
	b := &Budget{Version: r.Version}
	if err := json.Unmarshal(r.Data, &b.Budget); err != nil {
		return nil, err
	}
	b.Name = r.Name
	for _, l := range b.Limits {
		if !slices.Contains(catalog.BudgetUnits(), l.Unit) {
			return nil, fmt.Errorf("%q is no unit known here", l.Unit)
		}
	}
	_, err := catalog.ParseBudget(b.JSON())
	return b, err
}

// ownData is a credential in the store.
type ownData struct {
	Tenant      string    `json:"tenant"`
	Provider    string    `json:"provider"`
	Fingerprint string    `json:"fingerprint"`
	Updated     time.Time `json:"updated"`
	Sealed      sealed    `json:"sealed"`
}

func (o *OwnCredential) encode() ([]byte, error) {
	return json.Marshal(ownData{o.Tenant, o.Provider, o.Fingerprint, o.Updated, o.sealed})
}

func decodeOwn(r Record) (*OwnCredential, error) {
	var d ownData
	if err := json.Unmarshal(r.Data, &d); err != nil {
		return nil, err
	}
	if ownName(d.Tenant, d.Provider) != r.Name {
		return nil, fmt.Errorf("the record is that of %s for %s", d.Tenant, d.Provider)
	}
	return &OwnCredential{
		Tenant: d.Tenant, Provider: d.Provider, Fingerprint: d.Fingerprint, Updated: d.Updated,
		MasterID: d.Sealed.Master, Version: r.Version, sealed: d.Sealed,
	}, nil
}
