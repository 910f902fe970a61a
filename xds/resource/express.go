package resource

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	codecv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/upstream_codec/v3"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource/guard"
)

// expressCluster is the provider's endpoint for requests the router stage has
// rewritten itself. Its upstream filters do what the attempt listener does for
// other lanes: hide internal headers, hold and classify the answer.
func (b *builder) expressCluster(p *catalog.Provider) *clusterv3.Cluster {
	c := b.endpoint(envoy.ExpressCluster(p.Name), p)
	o := upstream(p)
	o.HttpFilters = append(o.HttpFilters,
		b.filter("envoy.filters.http.lua", &luav3.Lua{DefaultSourceCode: inline(guard.Answer())}),
		// Ends every upstream filter chain.
		b.filter("envoy.filters.http.upstream_codec", &codecv3.UpstreamCodec{}),
	)
	c.TypedExtensionProtocolOptions = b.protocol(o)
	return c
}
