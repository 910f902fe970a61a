package xds

import (
	"errors"
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// Resources is one set of Envoy resources. The slices' order has no meaning.
// After Publish the messages belong to the server and are never changed by
// anybody. An Any inside them must be marshalled deterministically, or equal
// sets get different versions and are pushed again.
type Resources struct {
	Listeners []*listenerv3.Listener
	Clusters  []*clusterv3.Cluster
	Routes    []*routev3.RouteConfiguration
	Secrets   []*tlsv3.Secret
}

// Kind is a type of resource.
type Kind uint8

// The kinds, in the order in which a snapshot offers them: whatever names
// another resource comes after it.
const (
	Secrets Kind = iota
	Clusters
	Listeners
	Routes
	numKinds
)

var kinds = [numKinds]struct {
	label, noun, typeURL string
	index                types.ResponseType
}{
	Secrets:   {"secrets", "secret", resourcev3.SecretType, types.Secret},
	Clusters:  {"clusters", "cluster", resourcev3.ClusterType, types.Cluster},
	Listeners: {"listeners", "listener", resourcev3.ListenerType, types.Listener},
	Routes:    {"routes", "route configuration", resourcev3.RouteType, types.Route},
}

// String is the kind's metric label.
func (k Kind) String() string { return kinds[k].label }

// byName tells whether subscribers name each resource they want; of the other
// kinds they want all (xDS protocol, "How the client specifies what resources
// to return").
func (k Kind) byName() bool { return k == Routes || k == Secrets }

// MarshalText writes the kind as String does.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// kindOf gives the kind of a type URL; ok is false for types that are not
// served here.
func kindOf(typeURL string) (k Kind, ok bool) {
	for k := range numKinds {
		if kinds[k].typeURL == typeURL {
			return k, true
		}
	}
	return 0, false
}

// state is one set of resources by kind. Immutable but for assignment of whole
// collections.
type state [numKinds]collection

// newState indexes and hashes r. It refuses resources without a name and two
// of one name.
func newState(r Resources) (state, error) {
	var s state
	var errs []error
	s[Secrets], errs = collect(Secrets, r.Secrets, errs)
	s[Clusters], errs = collect(Clusters, r.Clusters, errs)
	s[Listeners], errs = collect(Listeners, r.Listeners, errs)
	s[Routes], errs = collect(Routes, r.Routes, errs)
	return s, errors.Join(errs...)
}

// named is what all four resource messages can do.
type named interface {
	types.Resource
	GetName() string
}

func collect[M named](kind Kind, messages []M, errs []error) (collection, []error) {
	items := make(map[string]item, len(messages))
	for i, m := range messages {
		name := m.GetName()
		if name == "" {
			errs = append(errs, fmt.Errorf("%s %d has no name", kinds[kind].noun, i))
			continue
		}
		if _, twice := items[name]; twice {
			errs = append(errs, fmt.Errorf("two %s are called %q", plural(kind), name))
			continue
		}
		it, err := newItem(m)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", kinds[kind].noun, name, err))
			continue
		}
		items[name] = it
	}
	return seal(items), errs
}

func plural(k Kind) string { return kinds[k].noun + "s" }

// same tells whether both states hold the same resources.
func (s *state) same(o *state) bool {
	for k := range numKinds {
		if s[k].version != o[k].version {
			return false
		}
	}
	return true
}
