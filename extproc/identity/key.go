package identity

import (
	"math"
	"slices"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Origin says who knows a Key.
type Origin uint8

// Origins.
const (
	FromCatalog   Origin = iota // the catalog lists it
	FromDirectory               // made while the gateway ran
	FromIssuer                  // a token vouches for it
)

// Key is what a request is made under. Keys are immutable and shared.
type Key struct {
	// Name is who asks, as logs and figures show it. Keys of different origins
	// may have the same one.
	Name string
	// ID is unique among keys of one origin: the catalog's name, the
	// directory's id, an issuer's name with / and the Name.
	ID     string
	Origin Origin
	Tenant string // who pays, "" = nobody in particular
	// Tags are the key's own and its tenant's: sorted, each once.
	Tags []string

	models  []string // globs, none = all
	tenant  *tenant  // nil: no rule of the operator's is about it
	expires int64    // in seconds since 1970
}

const never = math.MaxInt64

// NewKey is a Key for who shows a credential that is no API key. It takes over
// the key's exported fields, puts its tags in order, and allows the models that
// match a glob; without globs all.
func NewKey(k Key, models []string) *Key {
	return &Key{
		Name: k.Name, ID: k.ID, Origin: k.Origin, Tenant: k.Tenant,
		Tags: union(k.Tags, nil), models: models, expires: never,
	}
}

// Allows tells whether the key and its tenant may use the model of that public
// name.
func (k *Key) Allows(model string) bool {
	return allows(k.models, model) && (k.tenant == nil || k.tenant.allows(model))
}

func allows(globs []string, model string) bool {
	for _, glob := range globs {
		if catalog.Matches(glob, model) {
			return true
		}
	}
	return len(globs) == 0
}

func (k *Key) expired(now time.Time) bool { return k.expires != never && now.Unix() >= k.expires }

// expiry is a time as a Key keeps it: a part of a second is cut off, so that
// no key is good for longer than was said.
func expiry(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.Unix()
}

// union is the elements of both, sorted, each once. It is a itself where that
// is so already.
func union(a, b []string) []string {
	if len(b) == 0 && ordered(a) {
		return a
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func ordered(s []string) bool {
	for i := 1; i < len(s); i++ {
		if s[i-1] >= s[i] {
			return false
		}
	}
	return true
}
