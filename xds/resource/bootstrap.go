package resource

import (
	"net/netip"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	internalbootv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/bootstrap/internal_listener/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	heapv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/fixed_heap/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/dragoman-gateway/dragoman/envoy"
)

// Endpoint is where a part of Dragoman listens: a Unix socket path, or a host
// and port.
type Endpoint struct {
	Socket string
	Host   string
	Port   uint16
}

// Bootstrap says how one Envoy is started.
type Bootstrap struct {
	NodeID string
	Admin  netip.AddrPort
	// DrainWord lets whoever knows it drain Envoy by envoy.DrainPaths; "" keeps
	// everybody from it. It is part of a query: letters and digits.
	DrainWord string
	ExtProc   Endpoint
	XDS       Endpoint // not used by a static configuration
	// HeapLimit is the memory in bytes above which Envoy sheds load; 0 = none.
	HeapLimit uint64
	// Connections bounds downstream connections; 0 = 50,000.
	Connections int64
	// Flush and Usage as in Options.
	Options Options
}

// Build gives a whole bootstrap. With a nil Set everything but Dragoman's own
// addresses comes by xDS; otherwise the Set is inlined.
func (s Bootstrap) Build(inline *Set) (*bootstrapv3.Bootstrap, error) {
	b := &builder{o: s.Options}
	boot := &bootstrapv3.Bootstrap{
		Node:  &corev3.Node{Id: s.NodeID, Cluster: "dragoman"},
		Admin: s.admin(),
		BootstrapExtensions: []*corev3.TypedExtensionConfig{
			b.extension("envoy.bootstrap.internal_listener", &internalbootv3.InternalListener{}),
		},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{b.serviceCluster(envoy.ExtProcCluster, s.ExtProc)}},
		OverloadManager: b.overload(s),
		LayeredRuntime:  regexBounds(),
	}
	if inline == nil {
		boot.StaticResources.Clusters = append(boot.StaticResources.Clusters, b.serviceCluster(envoy.XDSCluster, s.XDS))
		boot.DynamicResources = dynamic()
	} else {
		boot.StaticResources.Clusters = append(boot.StaticResources.Clusters, inline.Clusters...)
		boot.StaticResources.Listeners = inline.Listeners
	}
	return boot, b.err
}

// regexBounds lets the allow-lists of headers be expressions of their length.
// They match in linear time, as all of RE2's do.
func regexBounds() *bootstrapv3.LayeredRuntime {
	bound := structpb.NewNumberValue(1 << 16)
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{
		Name: "dragoman",
		LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: &structpb.Struct{Fields: map[string]*structpb.Value{
			"re2.max_program_size.error_level": bound, "re2.max_program_size.warn_level": bound,
		}}},
	}}}
}

func dynamic() *bootstrapv3.Bootstrap_DynamicResources {
	return &bootstrapv3.Bootstrap_DynamicResources{
		LdsConfig: adsSource(),
		CdsConfig: adsSource(),
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:                   corev3.ApiConfigSource_GRPC,
			TransportApiVersion:       corev3.ApiVersion_V3,
			SetNodeOnFirstMessageOnly: true,
			GrpcServices:              []*corev3.GrpcService{grpcService(envoy.XDSCluster)},
		},
	}
}

// serviceCluster reaches a part of Dragoman over HTTP/2. The keepalive is what
// finds a frozen process: its socket stays open and nothing else times out.
func (b *builder) serviceCluster(name string, e Endpoint) *clusterv3.Cluster {
	address := socketAddress(e.Host, e.Port)
	if e.Socket != "" {
		address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: e.Socket}}}
	}
	kind := clusterv3.Cluster_STATIC
	if _, err := netip.ParseAddr(e.Host); err != nil && e.Socket == "" {
		kind = clusterv3.Cluster_STRICT_DNS
	}
	return &clusterv3.Cluster{
		Name:                 name,
		ConnectTimeout:       seconds(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: kind},
		LoadAssignment:       assignment(name, address),
		CircuitBreakers:      breakers(),
		TypedExtensionProtocolOptions: b.protocol(&httpv3.HttpProtocolOptions{
			UpstreamProtocolOptions: explicitHTTP2(&corev3.Http2ProtocolOptions{
				ConnectionKeepalive:         &corev3.KeepaliveSettings{Interval: seconds(5 * time.Second), Timeout: seconds(10 * time.Second)},
				InitialStreamWindowSize:     u32(1 << 20),
				InitialConnectionWindowSize: u32(16 << 20),
				MaxOutboundFrames:           u32(outboundFrames),
			}),
		}),
	}
}

// overload sheds load before the kernel does: first unused heap is returned,
// then the streams that hold most are reset.
func (b *builder) overload(s Bootstrap) *overloadv3.OverloadManager {
	connections := s.Connections
	if connections == 0 {
		connections = 50_000
	}
	m := &overloadv3.OverloadManager{
		ResourceMonitors: []*overloadv3.ResourceMonitor{{
			Name: "envoy.resource_monitors.global_downstream_max_connections",
			ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: b.any(
				&connectionsv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: connections})},
		}},
	}
	if s.HeapLimit == 0 {
		return m
	}
	const heap = "envoy.resource_monitors.fixed_heap"
	m.ResourceMonitors = append(m.ResourceMonitors, &overloadv3.ResourceMonitor{
		Name:       heap,
		ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: b.any(&heapv3.FixedHeapConfig{MaxHeapSizeBytes: s.HeapLimit})},
	})
	threshold := func(v float64) []*overloadv3.Trigger {
		return []*overloadv3.Trigger{{Name: heap, TriggerOneof: &overloadv3.Trigger_Threshold{Threshold: &overloadv3.ThresholdTrigger{Value: v}}}}
	}
	scaled := []*overloadv3.Trigger{{Name: heap, TriggerOneof: &overloadv3.Trigger_Scaled{
		Scaled: &overloadv3.ScaledTrigger{ScalingThreshold: 0.9, SaturationThreshold: 0.98},
	}}}
	m.Actions = []*overloadv3.OverloadAction{
		{Name: "envoy.overload_actions.shrink_heap", Triggers: threshold(0.85)},
		{Name: "envoy.overload_actions.reset_high_memory_stream", Triggers: scaled},
		{Name: "envoy.overload_actions.stop_accepting_requests", Triggers: threshold(0.97)},
	}
	m.BufferFactoryConfig = &overloadv3.BufferFactoryConfig{MinimumAccountToTrackPowerOfTwo: 20}
	return m
}

func sanType(host string) tlsv3.SubjectAltNameMatcher_SanType {
	if _, err := netip.ParseAddr(host); err == nil {
		return tlsv3.SubjectAltNameMatcher_IP_ADDRESS
	}
	return tlsv3.SubjectAltNameMatcher_DNS
}
