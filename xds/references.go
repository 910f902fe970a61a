package xds

import (
	"errors"
	"fmt"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	groupv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/router/cluster_specifiers/priority_group/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
)

// references are the names by which a resource needs others, by kind, sorted
// and without repetition.
type references [numKinds][]string

// findReferences walks the whole message, also into every Any, so it finds a
// route wherever it stands: in a virtual host, in a matcher's action, or
// inline in a listener's connection manager.
func findReferences(m proto.Message) (references, error) {
	var refs references
	if err := walk(m, refs.note); err != nil {
		return references{}, err
	}
	for k := range refs {
		slices.Sort(refs[k])
		refs[k] = slices.Compact(refs[k])
	}
	return refs, nil
}

func (r *references) note(m proto.Message) {
	switch m := m.(type) {
	case *routev3.RouteAction:
		r.add(Clusters, m.GetCluster())
	case *routev3.WeightedCluster_ClusterWeight:
		r.add(Clusters, m.GetName())
	case *routev3.RouteAction_RequestMirrorPolicy:
		r.add(Clusters, m.GetCluster())
	case *groupv3.ClusterWeight:
		r.add(Clusters, m.GetClusterName())
	case *corev3.EnvoyInternalAddress:
		r.add(Listeners, m.GetServerListenerName())
	case *hcmv3.Rds:
		if m.GetConfigSource().GetAds() != nil {
			r.add(Routes, m.GetRouteConfigName())
		}
	case *tlsv3.SdsSecretConfig:
		if m.GetSdsConfig().GetAds() != nil {
			r.add(Secrets, m.GetName())
		}
	}
}

func (r *references) add(k Kind, name string) {
	if name != "" {
		r[k] = append(r[k], name)
	}
}

// walk visits m and every message inside it. What an Any holds is visited
// too, unless this build does not know its type.
func walk(m proto.Message, visit func(proto.Message)) error {
	if a, ok := m.(*anypb.Any); ok {
		inner, err := a.UnmarshalNew()
		if errors.Is(err, protoregistry.NotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s does not decode: %w", a.GetTypeUrl(), err)
		}
		return walk(inner, visit)
	}
	visit(m)
	var err error
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		err = walkField(f, v, visit)
		return err == nil
	})
	return err
}

func walkField(f protoreflect.FieldDescriptor, v protoreflect.Value, visit func(proto.Message)) error {
	switch {
	case f.IsMap():
		if f.MapValue().Message() == nil {
			return nil
		}
		var err error
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			err = walk(v.Message().Interface(), visit)
			return err == nil
		})
		return err
	case f.Message() == nil:
		return nil
	case f.IsList():
		for i := range v.List().Len() {
			if err := walk(v.List().Get(i).Message().Interface(), visit); err != nil {
				return err
			}
		}
		return nil
	default:
		return walk(v.Message().Interface(), visit)
	}
}
