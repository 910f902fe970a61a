package xds

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
)

// versionLength is how many hex digits of the hash a version has: enough that
// two sets never meet, short enough to read in a log.
const versionLength = 16

// item is one resource with what is known of it.
type item struct {
	message types.Resource
	// digest is its version in delta streams: go-control-plane's own hash of
	// the deterministic encoding.
	digest string
	// refs are the resources it names.
	refs references
	// edge is set for listeners that clients connect to, unlike the internal
	// ones, which only clusters lead to.
	edge bool
}

func newItem(m types.Resource) (item, error) {
	encoded, err := cachev3.MarshalResource(m)
	if err != nil {
		return item{}, err
	}
	refs, err := findReferences(m)
	if err != nil {
		return item{}, err
	}
	it := item{message: m, digest: cachev3.HashResource(encoded), refs: refs}
	if l, ok := m.(*listenerv3.Listener); ok {
		it.edge = l.GetInternalListener() == nil
	}
	return it, nil
}

// collection is all resources of one kind, by name. Immutable.
type collection struct {
	// version is the hash of names and contents: equal collections have equal
	// versions, whoever built them and in whatever order.
	version string
	items   map[string]item
}

// seal gives the items their version. The map belongs to the collection then.
func seal(items map[string]item) collection {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(items)) {
		// Neither names nor digests hold a zero byte. A hash never fails.
		_, _ = io.WriteString(h, name+"\x00"+items[name].digest+"\x00")
	}
	return collection{version: hex.EncodeToString(h.Sum(nil))[:versionLength], items: items}
}

// with gives the union; where both have a name, o's resource stands.
func (c collection) with(o collection) collection {
	items := make(map[string]item, len(c.items)+len(o.items))
	maps.Copy(items, c.items)
	maps.Copy(items, o.items)
	return seal(items)
}

// only gives the resources for which keep holds.
func (c collection) only(keep func(name string, it item) bool) collection {
	items := make(map[string]item, len(c.items))
	for name, it := range c.items {
		if keep(name, it) {
			items[name] = it
		}
	}
	return seal(items)
}

// has tells whether the collection holds exactly this resource.
func (c collection) has(name string, it item) bool {
	own, ok := c.items[name]
	return ok && own.digest == it.digest
}

// edge and internal split listeners by who connects to them.
func (c collection) edge() collection {
	return c.only(func(_ string, it item) bool { return it.edge })
}

func (c collection) internal() collection {
	return c.only(func(_ string, it item) bool { return !it.edge })
}
