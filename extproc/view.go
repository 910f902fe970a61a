package extproc

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/identity/oidc"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// view is everything a request decides by, as of one moment: catalog,
// credentials, keys and the order Envoy serves by. Immutable; a request loads
// it once and keeps it to its end.
type view struct {
	catalog *catalog.Catalog
	members
	known bool // the members are all there are: the store has been read
	ways
	tokens      *oidc.Verifier // of issuers; nil = none is trusted
	credentials *credential.Set
}

// ways are where requests go that do not choose: what can be known of catalog
// and order ahead of them.
type ways struct {
	order    chain.Order
	ready    bool // routes have been received
	defaults *chain.Defaults
	// express is, by model, the encoded chain metadata of its default chain
	// with the first target direct.
	express map[string][]byte
}

func waysOf(c *catalog.Catalog, o chain.Order) ways {
	w := ways{order: o, ready: o != nil, defaults: chain.NewDefaults(c, o), express: make(map[string][]byte, len(c.Models))}
	for _, m := range c.Models {
		if ch, ok := w.defaults.Chain(m); ok {
			w.express[m.Name] = encodeChain(ch.Targets, true)
		}
	}
	return w
}

const overrideType = "type.googleapis.com/envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupsOverride"

// encodeChain writes the typed metadata entry {1: namespace, 2: Any{1: type,
// 2: PriorityGroupsOverride{1: PriorityGroup…}}} that replaces a route's
// groups for one request: attempt n goes to group n. With direct, the first
// target is reached without an attempt listener.
func encodeChain(targets []chain.Target, direct bool) []byte {
	var groups []byte
	for i, t := range targets {
		cluster := envoy.AttemptCluster(t.Provider.Name)
		if i == 0 && direct {
			cluster = envoy.ExpressCluster(t.Provider.Name)
		}
		// ClusterWeight{1: cluster_name, 2: UInt32Value{1: 1}}
		weight := appendBytes(nil, 1, []byte(cluster))
		weight = appendBytes(weight, 2, []byte{1 << 3, 1})
		// PriorityGroup{1: name, 2: clusters}
		g := appendBytes(nil, 1, []byte(cluster))
		g = appendBytes(g, 2, weight)
		groups = appendBytes(groups, 1, g)
	}
	packed := appendBytes(nil, 1, []byte(overrideType))
	packed = appendBytes(packed, 2, groups)
	entry := appendBytes(nil, 1, []byte(envoy.ChainNamespace))
	return appendBytes(entry, 2, packed)
}

// fact is a string of the exchange's metadata.
type fact struct{ key, value string }

// appendFacts writes a google.protobuf.Struct with one namespace whose fields
// are the facts: {1: {1: namespace, 2: Value{5: Struct{1: {1: key, 2: Value{3:
// string}}…}}}}. Empty facts are left out.
func appendFacts(dst []byte, namespace string, facts ...fact) []byte {
	inner := 0
	for _, f := range facts {
		if f.value != "" {
			inner += 1 + protowire.SizeBytes(f.size())
		}
	}
	value := 1 + protowire.SizeBytes(inner)
	entry := 1 + protowire.SizeBytes(len(namespace)) + 1 + protowire.SizeBytes(value)
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(entry))
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	dst = protowire.AppendString(dst, namespace)
	dst = protowire.AppendTag(dst, 2, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(value))
	dst = protowire.AppendTag(dst, 5, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(inner))
	for _, f := range facts {
		if f.value == "" {
			continue
		}
		dst = protowire.AppendTag(dst, 1, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(f.size()))
		dst = protowire.AppendTag(dst, 1, protowire.BytesType)
		dst = protowire.AppendString(dst, f.key)
		dst = protowire.AppendTag(dst, 2, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(1+protowire.SizeBytes(len(f.value))))
		dst = protowire.AppendTag(dst, 3, protowire.BytesType)
		dst = protowire.AppendString(dst, f.value)
	}
	return dst
}

// size of a map entry {1: key, 2: Value{3: string}}.
func (f fact) size() int {
	return 1 + protowire.SizeBytes(len(f.key)) + 1 + protowire.SizeBytes(1+protowire.SizeBytes(len(f.value)))
}
