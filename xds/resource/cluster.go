package resource

import (
	"net/netip"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	codecv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/upstream_codec/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	internalv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/internal_upstream/v3"
	rawv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// unbounded lifts a circuit breaker: Envoy's defaults (1,024 requests, 3
// retries at once) turn a provider's outage into our own. Admission bounds
// what is under way.
const unbounded = 1 << 20

// attemptsPerConnection is how many attempts share a connection between edge and
// attempt listener before the next one opens another. Each client that leaves
// resets a stream there, and Envoy takes many of them for an attack and ends
// the connection with all that it carries: its codec after 1,000 in a burst or
// 33 a second, its connection manager after 250 streams reset in their first
// second without an answer (overload.premature_reset_total_stream_count / 2).
// A connection that never has so many streams meets neither.
const attemptsPerConnection = 249

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// attemptCluster's one endpoint is the provider's attempt listener.
func (b *builder) attemptCluster(p *catalog.Provider) *clusterv3.Cluster {
	c := b.cluster(envoy.AttemptCluster(p.Name), p)
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	c.LoadAssignment = assignment(c.Name, &corev3.Address{Address: &corev3.Address_EnvoyInternalAddress{
		EnvoyInternalAddress: &corev3.EnvoyInternalAddress{
			AddressNameSpecifier: &corev3.EnvoyInternalAddress_ServerListenerName{ServerListenerName: envoy.AttemptListener(p.Name)},
		},
	}})
	c.TransportSocket = &corev3.TransportSocket{
		Name: "envoy.transport_sockets.internal_upstream",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&internalv3.InternalUpstreamTransport{
			TransportSocket: &corev3.TransportSocket{
				Name:       "envoy.transport_sockets.raw_buffer",
				ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(&rawv3.RawBuffer{})},
			},
		})},
	}
	c.TypedExtensionProtocolOptions = b.protocol(&httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{MaxRequestsPerConnection: u32(attemptsPerConnection)},
		UpstreamProtocolOptions:   explicitHTTP2(b.http2()),
		HttpFilters: []*hcmv3.HttpFilter{
			b.filter("envoy.filters.http.header_mutation", passFailure()),
			b.filter("envoy.filters.http.upstream_codec", &codecv3.UpstreamCodec{}),
		},
	})
	return c
}

// passFailure tells an attempt listener which exchange it serves, and what the
// express guard saw of the attempt before; nothing where there was none.
func passFailure() *headermutationv3.HeaderMutation {
	return &headermutationv3.HeaderMutation{Mutations: &headermutationv3.Mutations{
		RequestMutations: []*mutationv3.HeaderMutation{
			setAction("x-request-id", "%DYNAMIC_METADATA("+envoy.ExchangeNamespace+":"+envoy.FactExchange+")%"),
			setAction(envoy.FailedHeader, "%DYNAMIC_METADATA("+envoy.FailedNamespace+":"+envoy.FailedAttempt+")%"),
		},
	}}
}

// providerCluster is the provider's endpoint behind its attempt listener.
func (b *builder) providerCluster(p *catalog.Provider) *clusterv3.Cluster {
	c := b.endpoint(envoy.ProviderCluster(p.Name), p)
	c.TypedExtensionProtocolOptions = b.protocol(upstream(p))
	return c
}

// endpoint is a cluster of the provider's real host.
func (b *builder) endpoint(name string, p *catalog.Provider) *clusterv3.Cluster {
	c := b.cluster(name, p)
	u := p.BaseURL
	if _, err := netip.ParseAddr(u.Host); err == nil {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	} else {
		// One connection pool over all addresses the name has; the address of
		// an open connection may leave DNS without closing it.
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_LOGICAL_DNS}
		c.DnsLookupFamily = clusterv3.Cluster_V4_PREFERRED
		c.RespectDnsTtl = true //nolint:staticcheck // its successor DnsCluster is another cluster type
	}
	c.LoadAssignment = assignment(name, socketAddress(u.Host, u.Port))
	c.UpstreamConnectionOptions = &clusterv3.UpstreamConnectionOptions{TcpKeepalive: &corev3.TcpKeepalive{
		KeepaliveProbes: u32(3), KeepaliveTime: u32(30), KeepaliveInterval: u32(10),
	}}
	if u.TLS {
		c.TransportSocket = b.upstreamTLS(p)
	}
	return c
}

func (b *builder) cluster(name string, p *catalog.Provider) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                          name,
		ConnectTimeout:                seconds(p.Timeouts.Connect),
		PerConnectionBufferLimitBytes: u32(b.o.bufferLimit()),
		CircuitBreakers:               breakers(),
		// Access logs and response headers name the provider by this.
		Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
			envoy.ExchangeNamespace: {Fields: map[string]*structpb.Value{envoy.FactProvider: structpb.NewStringValue(p.Name)}},
		}},
	}
}

func breakers() *clusterv3.CircuitBreakers {
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections: u32(unbounded), MaxPendingRequests: u32(unbounded),
		MaxRequests: u32(unbounded), MaxRetries: u32(unbounded),
	}}}
}

// upstream speaks to a provider: what TLS negotiates, HTTP/1.1 in clear text.
// Idle connections close before most servers close theirs, as a request on a
// connection that is just being closed fails.
func upstream(p *catalog.Provider) *httpv3.HttpProtocolOptions {
	o := &httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: seconds(50 * time.Second)},
	}
	if !p.BaseURL.TLS {
		o.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{HttpProtocolOptions: &corev3.Http1ProtocolOptions{}},
		}}
		return o
	}
	o.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_AutoConfig{AutoConfig: &httpv3.HttpProtocolOptions_AutoHttpConfig{
		HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			// A dead path shows within half a minute, also for silent streams.
			ConnectionKeepalive: &corev3.KeepaliveSettings{Interval: seconds(20 * time.Second), Timeout: seconds(10 * time.Second)},
		},
	}}
	return o
}

func explicitHTTP2(h *corev3.Http2ProtocolOptions) *httpv3.HttpProtocolOptions_ExplicitHttpConfig_ {
	return &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: h},
	}}
}

func (b *builder) protocol(o *httpv3.HttpProtocolOptions) map[string]*anypb.Any {
	return map[string]*anypb.Any{httpOptions: b.any(o)}
}

func assignment(name string, a *corev3.Address) *endpointv3.ClusterLoadAssignment {
	return &endpointv3.ClusterLoadAssignment{
		ClusterName: name,
		Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: a}},
		}}}},
	}
}

func socketAddress(host string, port uint16) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

// nowhere is the cluster of requests whose route is undecided.
func nowhere() *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 envoy.NowhereCluster,
		ConnectTimeout:       seconds(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
	}
}
