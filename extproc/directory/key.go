package directory

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// idPrefix begins the ids of keys.
const idPrefix = "k_"

// MaxGrace bounds how long a former secret may stay good.
const MaxGrace = 90 * 24 * time.Hour

// CreateKey makes a key of the name, models, tenant, tags and expiry of what,
// whose Hash is ignored. The secret is nowhere else, and shown this once. The
// name of a key that was revoked may be given anew.
func (d *Directory) CreateKey(ctx context.Context, by By, what catalog.Key) (*Key, credential.Secret, error) {
	what, err := validKey(what, d.config.Now())
	if err != nil {
		return nil, credential.Secret{}, err
	}
	secret, hash, err := identity.Generate(rand.Reader)
	if err != nil {
		return nil, credential.Secret{}, err
	}
	id, err := newID(rand.Reader)
	if err != nil {
		return nil, credential.Secret{}, err
	}
	made := Key{ID: id, Key: what, Created: d.config.Now().UTC()}
	made.Hash = hash
	by.Expect = Expect{} // a key that is there refuses it anyway
	err = d.do(ctx, by, func(s *Snapshot) (*draft, error) {
		if err := d.free(KindKey, what.Name); err != nil {
			return nil, err
		}
		old := find(s.all, what.Name, nameOfKey)
		if old != nil && old.Revoked.IsZero() {
			return nil, fmt.Errorf("%s %q %w", KindKey, what.Name, ErrExists)
		}
		return keyDraft("key.create", old, &made)
	})
	if err != nil {
		return nil, credential.Secret{}, err
	}
	k, err := written(d.Current().key(id), KindKey)
	if err != nil {
		return nil, credential.Secret{}, err
	}
	return k, secret, nil
}

func newID(random io.Reader) (string, error) {
	var bits [9]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return "", fmt.Errorf("no random bits for a key's id: %w", err)
	}
	return idPrefix + base64.RawURLEncoding.EncodeToString(bits[:]), nil
}

// validKey refuses what no catalog would take, and keys that are over as they
// begin.
func validKey(k catalog.Key, now time.Time) (catalog.Key, error) {
	checked, err := catalog.ParseKey(k.JSON())
	if err != nil {
		return k, err
	}
	if !k.Expires.IsZero() && !k.Expires.After(now) {
		return k, invalid("expires", "is over; write a time to come, or leave it out")
	}
	checked.Hash = k.Hash
	return checked, nil
}

// keyChange is a key as the audit trail shows it.
type keyChange struct {
	ID      string     `json:"id"`
	Models  []string   `json:"models,omitempty"`
	Tenant  string     `json:"tenant,omitempty"`
	Tags    []string   `json:"tags,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	Revoked *time.Time `json:"revoked,omitempty"`
	Grace   *time.Time `json:"grace,omitempty"`
}

func shownKey(k *Key) any {
	if k == nil {
		return nil
	}
	return keyChange{k.ID, k.Models, k.Tenant, k.Tags, moment(k.Expires), moment(k.Revoked), moment(k.Grace)}
}

// keyDraft writes a key over an old one, which may be nil.
func keyDraft(verb string, old, k *Key) (*draft, error) {
	data, err := k.encode()
	if err != nil {
		return nil, err
	}
	w := &draft{kind: KindKey, name: k.Name, verb: verb, data: data, before: shownKey(old), after: shownKey(k)}
	if old != nil {
		w.version = old.Version
		if old.ID != k.ID {
			w.forget = old.ID
		}
	}
	return w, nil
}

// editKey is a verb on a key that is there and not revoked.
func (d *Directory) editKey(ctx context.Context, by By, e keyEdit) (*Key, error) {
	id := ""
	err := d.do(ctx, by, func(s *Snapshot) (*draft, error) {
		old := s.key(e.of)
		if old == nil || !old.Revoked.IsZero() {
			return nil, missing(KindKey)
		}
		k := *old
		if err := e.change(&k); err != nil {
			return nil, err
		}
		id = k.ID
		return keyDraft(e.verb, old, &k)
	})
	if err != nil {
		return nil, err
	}
	return written(d.Current().key(id), KindKey)
}

// keyEdit names a key, by id or name, and what to do to it.
type keyEdit struct {
	of, verb string
	change   func(*Key) error
}

// RotateKey gives a key, named by its id or name, a new secret, which is shown
// this once; the former one stays good for grace (0 to MaxGrace). An even
// older one ends at once.
func (d *Directory) RotateKey(ctx context.Context, by By, r Rotation) (*Key, credential.Secret, error) {
	if r.Grace < 0 || r.Grace > MaxGrace {
		return nil, credential.Secret{}, invalid("grace", "must be from 0s to "+MaxGrace.String())
	}
	secret, hash, err := identity.Generate(rand.Reader)
	if err != nil {
		return nil, credential.Secret{}, err
	}
	k, err := d.editKey(ctx, by, keyEdit{r.Key, "key.rotate", func(k *Key) error {
		k.Former, k.Grace = [32]byte{}, time.Time{}
		if r.Grace > 0 {
			k.Former, k.Grace = k.Hash, d.config.Now().UTC().Add(r.Grace)
		}
		k.Hash = hash
		return nil
	}})
	if err != nil {
		return nil, credential.Secret{}, err
	}
	return k, secret, nil
}

// Rotation says which key, by id or name, gets a new secret and how long the
// former one stays good.
type Rotation struct {
	Key   string
	Grace time.Duration
}

// RevokeKey ends a key, named by its id or name, with all its secrets.
func (d *Directory) RevokeKey(ctx context.Context, by By, idOrName string) (*Key, error) {
	return d.editKey(ctx, by, keyEdit{idOrName, "key.revoke", func(k *Key) error {
		k.Revoked, k.Former, k.Grace = d.config.Now().UTC(), [32]byte{}, time.Time{}
		return nil
	}})
}

// UpdateKey changes models, tenant, tags and expiry of a key, named by its id
// or name. Its name and secrets stay.
func (d *Directory) UpdateKey(ctx context.Context, by By, u KeyUpdate) (*Key, error) {
	return d.editKey(ctx, by, keyEdit{u.Key, "key.update", func(k *Key) error {
		changed := k.Key
		u.Change(&changed)
		changed.Name, changed.Hash = k.Name, k.Hash
		now := d.config.Now()
		if changed.Expires.Equal(k.Expires) {
			now = time.Time{} // one that is over may stay so
		}
		var err error
		k.Key, err = validKey(changed, now)
		return err
	}})
}

// KeyUpdate says which key, by id or name, changes, and how. Change may be
// called more than once; lists in the key are not its to write into.
type KeyUpdate struct {
	Key    string
	Change func(*catalog.Key)
}

// ListKeys gives all keys sorted by name, revoked ones too, from the one after
// that name on, at most limit (0: all), with last uses.
func (d *Directory) ListKeys(ctx context.Context, after string, limit int) ([]Key, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	return d.withUses(ctx, page(d.Current().all, nameOfKey, pageOf{after, limit}))
}

// FindKey gives a key by its id or name, revoked ones too, with its last use.
func (d *Directory) FindKey(ctx context.Context, idOrName string) (*Key, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	k := d.Current().key(idOrName)
	if k == nil {
		return nil, missing(KindKey)
	}
	out, err := d.withUses(ctx, []*Key{k})
	if err != nil {
		return nil, err
	}
	return &out[0], nil
}

func (d *Directory) withUses(ctx context.Context, keys []*Key) ([]Key, error) {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	used, err := d.config.Store.LastUsed(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("the directory's store: %w", err)
	}
	out := make([]Key, len(keys))
	for i, k := range keys {
		out[i] = *k
		out[i].LastUsed = used[k.ID]
		if here := d.uses.of(k.ID); here.After(out[i].LastUsed) {
			out[i].LastUsed = here
		}
	}
	return out, nil
}
