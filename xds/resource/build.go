package resource

import (
	"fmt"
	"slices"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Options are what the operator of Envoy decides, beside the catalog.
type Options struct {
	// BufferLimit is the connection buffer limit in bytes; 0 = 256 KiB. It
	// bounds what a slow reader can make Envoy hold, and must stay above the
	// 32 KiB that the attempt stage holds and the bodies express replays.
	BufferLimit uint32
	// Static inlines routes and secrets instead of naming xDS as their source.
	Static bool
	// Flush is the interval in which access logs leave Envoy; 0 = 200 ms.
	Flush time.Duration
}

func (o Options) bufferLimit() uint32 {
	if o.BufferLimit == 0 {
		return 256 << 10
	}
	return o.BufferLimit
}

// Set is one consistent set of Envoy resources; slices are sorted by name.
type Set struct {
	Listeners []*listenerv3.Listener
	Clusters  []*clusterv3.Cluster
	Routes    []*routev3.RouteConfiguration
	Secrets   []*tlsv3.Secret
}

// builder collects the first marshalling error, so that builders stay
// expressions.
type builder struct {
	c   *catalog.Catalog
	o   Options
	err error
}

// Build gives the resources of a catalog.
func Build(c *catalog.Catalog, o Options) (*Set, error) {
	b := &builder{c: c, o: o}
	s := &Set{}
	routes := b.edgeRoutes()
	for _, p := range c.Providers {
		s.Listeners = append(s.Listeners, b.attemptListener(p))
		s.Clusters = append(s.Clusters, b.attemptCluster(p))
	}
	for _, p := range c.Providers {
		s.Clusters = append(s.Clusters, b.expressCluster(p))
	}
	for _, p := range c.Providers {
		s.Clusters = append(s.Clusters, b.providerCluster(p))
	}
	s.Clusters = append(s.Clusters, nowhere())
	slices.SortFunc(s.Clusters, func(a, b *clusterv3.Cluster) int { return strings.Compare(a.Name, b.Name) })
	s.Routes = append(s.Routes, routes)
	if c.Listen.External {
		return s, b.failure()
	}
	s.Listeners = append(s.Listeners, b.edgeListener(routes))
	if c.Listen.TLS != nil {
		s.Secrets = append(s.Secrets, edgeSecret(c.Listen.TLS))
	}
	return s, b.failure()
}

func (b *builder) failure() error {
	if b.err != nil {
		return fmt.Errorf("building Envoy resources: %w", b.err)
	}
	return nil
}

// any packs deterministically: the same message gives the same bytes.
func (b *builder) any(m proto.Message) *anypb.Any {
	a := new(anypb.Any)
	if err := anypb.MarshalFrom(a, m, proto.MarshalOptions{Deterministic: true}); err != nil && b.err == nil {
		b.err = err
	}
	return a
}

func (b *builder) extension(name string, m proto.Message) *corev3.TypedExtensionConfig {
	return &corev3.TypedExtensionConfig{Name: name, TypedConfig: b.any(m)}
}

func seconds(d time.Duration) *durationpb.Duration { return durationpb.New(d) }

func u32(v uint32) *wrapperspb.UInt32Value { return wrapperspb.UInt32(v) }

func grpcService(cluster string, metadata ...*corev3.HeaderValue) *corev3.GrpcService {
	return &corev3.GrpcService{
		TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{
			ClusterName: cluster,
			// Nobody reads x-envoy-internal and x-forwarded-for there.
			SkipEnvoyHeaders: true,
		}},
		InitialMetadata: metadata,
	}
}

// adsSource names the aggregated stream of the bootstrap as the source.
func adsSource() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		// A missing answer must not keep the listener from warming forever.
		InitialFetchTimeout: seconds(5 * time.Second),
	}
}

func headerValue(key, value string) *corev3.HeaderValue {
	return &corev3.HeaderValue{Key: key, Value: value}
}

func setHeader(key, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       headerValue(key, value),
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
