package directory

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// providerName is how the catalog names providers.
var providerName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// maxOwn is the longest own credential, in bytes.
const maxOwn = 8 << 10

// PutOwn keeps or replaces a tenant's own credential for a provider. A secret
// that is masked, as listings show it, or not set keeps the one that is there.
func (d *Directory) PutOwn(ctx context.Context, by By, o OwnCredential) (*OwnCredential, error) {
	ring := d.config.Keyring
	if ring == nil {
		return nil, ErrNoMaster
	}
	if _, err := catalog.ParseTenant(catalog.Tenant{Name: o.Tenant}.JSON()); err != nil {
		return nil, invalid("tenant", "is no name of a tenant")
	}
	if !providerName.MatchString(o.Provider) {
		return nil, invalid("provider", "is no name of a provider")
	}
	value, keep := o.Secret.Reveal(), Masked(o.Secret)
	if !keep && !carries(value) {
		return nil, invalid("value", fmt.Sprintf("is no key for a provider; write 1 to %d printable ASCII characters without spaces", maxOwn))
	}
	err := d.do(ctx, by, func(s *Snapshot) (*draft, error) {
		old := s.OwnOf(o.Tenant, o.Provider)
		made := OwnCredential{Tenant: o.Tenant, Provider: o.Provider, Updated: d.config.Now().UTC()}
		var err error
		switch {
		case keep && (old == nil || len(old.sealed.Value) == 0):
			return nil, invalid("value", "is missing; there is none to keep")
		case keep:
			made = *old
		default:
			made.Fingerprint = ring.fingerprint(value)
			made.sealed, err = ring.seal(made.name(), value)
		}
		if err != nil {
			return nil, err
		}
		return ownDraft("credential.put", old, &made)
	})
	if err != nil {
		return nil, err
	}
	return written(d.Current().OwnOf(o.Tenant, o.Provider), KindCredential)
}

// Masked tells whether a secret is none but what stands for one that is not
// shown.
func Masked(s credential.Secret) bool {
	value := strings.TrimSpace(s.Reveal())
	return value == credential.Redacted || strings.Trim(value, "*•…") == ""
}

// carries tells whether a header can carry the value: visible ASCII.
func carries(value string) bool {
	return value != "" && len(value) <= maxOwn && !strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

// ownChange is a credential as the audit trail shows it.
type ownChange struct {
	Fingerprint string `json:"fingerprint"`
	Master      string `json:"master"`
}

func ownDraft(verb string, old, made *OwnCredential) (*draft, error) {
	w := &draft{kind: KindCredential, verb: verb}
	if old != nil {
		w.name, w.version = old.name(), old.Version
		w.before = ownChange{old.Fingerprint, old.sealed.Master}
	}
	if made == nil {
		return w, nil
	}
	w.name, w.after = made.name(), ownChange{made.Fingerprint, made.sealed.Master}
	var err error
	w.data, err = made.encode()
	return w, err
}

// DeleteOwn forgets a tenant's own credential for a provider.
func (d *Directory) DeleteOwn(ctx context.Context, by By, o OwnCredential) error {
	return d.do(ctx, by, func(s *Snapshot) (*draft, error) {
		old := s.OwnOf(o.Tenant, o.Provider)
		if old == nil {
			return nil, missing(KindCredential)
		}
		return ownDraft("credential.delete", old, nil)
	})
}

// ListOwn gives own credentials sorted by tenant and provider, all or those of
// one tenant. Their secrets stay behind.
func (d *Directory) ListOwn(ctx context.Context, tenant string) ([]OwnCredential, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	var out []OwnCredential
	for _, o := range d.Current().Own {
		if tenant == "" || o.Tenant == tenant {
			shown := *o
			shown.Secret, shown.sealed = credential.Secret{}, sealed{}
			out = append(out, shown)
		}
	}
	return out, nil
}

// Reseal puts every own credential that a former master key of the keyring
// seals under the current one. Values stay sealed as they are. told hears of
// each, with the reason if it stays as it was; the others go on. The error is
// ErrNoMaster, or that the store cannot be read, or the context's.
func (d *Directory) Reseal(ctx context.Context, by By, told func(o *OwnCredential, err error)) error {
	ring := d.config.Keyring
	if ring == nil {
		return ErrNoMaster
	}
	if err := d.refresh(ctx); err != nil {
		return err
	}
	for _, o := range d.Current().Own {
		if o.MasterID == ring.current.id {
			continue
		}
		err := d.resealOne(ctx, By{Who: by.Who}, o)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		told(o, err)
	}
	return nil
}

func (d *Directory) resealOne(ctx context.Context, by By, o *OwnCredential) error {
	ring := d.config.Keyring
	return d.do(ctx, by, func(s *Snapshot) (*draft, error) {
		old := s.OwnOf(o.Tenant, o.Provider)
		if old == nil {
			return nil, missing(KindCredential)
		}
		made := *old
		secret, err := ring.open(old.name(), old.sealed)
		if err != nil {
			return nil, err
		}
		made.Fingerprint = ring.fingerprint(secret.Reveal())
		if made.sealed, err = ring.reseal(old.name(), old.sealed); err != nil {
			return nil, err
		}
		return ownDraft("credential.reseal", old, &made)
	})
}
