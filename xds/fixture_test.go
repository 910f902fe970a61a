package xds

import (
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	groupv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/router/cluster_specifiers/priority_group/v3"
	internalv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/internal_upstream/v3"
	rawv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// gateway writes resources in words: the providers in the order of the routes,
// such as "a b". Each has the cluster to-a, which leads to the internal
// listener at-a, whose inline route leads to the cluster api-a. A star changes
// what a provider's resources say, or the edge listener: "a* b edge*".
func gateway(words string) Resources {
	var r Resources
	edge := &listenerv3.Listener{Name: "edge"}
	var groups []*groupv3.PriorityGroup
	for _, word := range strings.Fields(words) {
		name, changed := strings.CutSuffix(word, "*")
		if name == "edge" {
			edge.StatPrefix = "changed"
			continue
		}
		r.Clusters = append(r.Clusters, clusterTo(name, changed), apiCluster(name, changed))
		r.Listeners = append(r.Listeners, attemptListener(name, changed))
		groups = append(groups, &groupv3.PriorityGroup{Name: name, Clusters: []*groupv3.ClusterWeight{{ClusterName: "to-" + name, Weight: wrapperspb.UInt32(1)}}})
	}
	edge.FilterChains = connections(&hcmv3.HttpConnectionManager{
		StatPrefix: "edge",
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			RouteConfigName: envoy.EdgeRoutes,
			ConfigSource: &corev3.ConfigSource{
				ResourceApiVersion:    corev3.ApiVersion_V3,
				ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			},
		}},
	})
	r.Listeners = append(r.Listeners, edge)
	r.Routes = []*routev3.RouteConfiguration{routesTo(&routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_InlineClusterSpecifierPlugin{InlineClusterSpecifierPlugin: &routev3.ClusterSpecifierPlugin{
			Extension: &corev3.TypedExtensionConfig{
				Name:        "envoy.router.cluster_specifier_plugin.priority_group",
				TypedConfig: packed(&groupv3.PriorityGroupClusterSpecifier{PriorityGroups: groups}),
			},
		}},
	})}
	return r
}

func routesTo(action *routev3.RouteAction) *routev3.RouteConfiguration {
	return &routev3.RouteConfiguration{
		Name:             envoy.EdgeRoutes,
		ValidateClusters: wrapperspb.Bool(false),
		VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: []*routev3.Route{{
			Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			Action: &routev3.Route_Route{Route: action},
		}}}},
	}
}

func clusterTo(name string, changed bool) *clusterv3.Cluster {
	c := staticCluster("to-"+name, changed, &corev3.Address{Address: &corev3.Address_EnvoyInternalAddress{
		EnvoyInternalAddress: &corev3.EnvoyInternalAddress{
			AddressNameSpecifier: &corev3.EnvoyInternalAddress_ServerListenerName{ServerListenerName: "at-" + name},
		},
	}})
	c.TransportSocket = &corev3.TransportSocket{
		Name: "envoy.transport_sockets.internal_upstream",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: packed(&internalv3.InternalUpstreamTransport{
			TransportSocket: &corev3.TransportSocket{
				Name:       "envoy.transport_sockets.raw_buffer",
				ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: packed(&rawv3.RawBuffer{})},
			},
		})},
	}
	return c
}

func apiCluster(name string, changed bool) *clusterv3.Cluster {
	return staticCluster("api-"+name, changed, loopback(1))
}

func loopback(port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

func staticCluster(name string, changed bool, address *corev3.Address) *clusterv3.Cluster {
	c := &clusterv3.Cluster{
		Name:                 name,
		ConnectTimeout:       durationpb.New(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}}}},
		}}},
	}
	if changed {
		c.AltStatName = "changed"
	}
	return c
}

func attemptListener(name string, changed bool) *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name:              "at-" + name,
		ListenerSpecifier: &listenerv3.Listener_InternalListener{InternalListener: &listenerv3.Listener_InternalListenerConfig{}},
		FilterChains: connections(&hcmv3.HttpConnectionManager{
			StatPrefix: "at-" + name,
			RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{
				RouteConfig: routesTo(&routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "api-" + name}}),
			},
		}),
	}
	if changed {
		l.StatPrefix = "changed"
	}
	return l
}

func connections(m *hcmv3.HttpConnectionManager) []*listenerv3.FilterChain {
	if inline := m.GetRouteConfig(); inline != nil {
		// Then Envoy refuses an inline route to a cluster it does not know,
		// which is what the order of steps must prevent.
		inline.ValidateClusters = nil
	}
	m.HttpFilters = []*hcmv3.HttpFilter{{
		Name:       "envoy.filters.http.router",
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: packed(&routerv3.Router{})},
	}}
	return []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
		Name:       "envoy.filters.network.http_connection_manager",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: packed(m)},
	}}}}
}

func packed(m proto.Message) *anypb.Any {
	a := new(anypb.Any)
	if err := anypb.MarshalFrom(a, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		panic(err) // a fixture's own message always encodes
	}
	return a
}

func mustState(t testing.TB, words string) state {
	t.Helper()
	s, err := newState(gateway(words))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
