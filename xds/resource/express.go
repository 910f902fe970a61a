package resource

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
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
	// The whole answer's time limit. It is the cluster's, not the request's:
	// the next target has its own.
	limit := p.Timeouts.Answer
	if r := p.Timeouts.Request; r > 0 {
		limit = min(limit, r)
	}
	o.CommonHttpProtocolOptions.MaxStreamDuration = seconds(limit)
	// Answers pass them from the last to the first.
	o.HttpFilters = append(o.HttpFilters,
		b.filter("envoy.filters.http.lua", &luav3.Lua{DefaultSourceCode: inline(guard.Answer())}),
		b.filter("envoy.filters.http.header_mutation", expressHeaders()),
		// Ends every upstream filter chain.
		b.filter("envoy.filters.http.upstream_codec", &codecv3.UpstreamCodec{}),
	)
	c.TypedExtensionProtocolOptions = b.protocol(o)
	return c
}

// expressHeaders hides what is ours from the provider, and from the client
// what a provider would say in our name. Request headers are shared by all
// attempts of a request: what is removed here stays removed, so the attempt
// clusters set the exchange's id anew, from metadata.
func expressHeaders() *headermutationv3.HeaderMutation {
	m := &headermutationv3.Mutations{
		RequestMutations: []*mutationv3.HeaderMutation{
			removePrefix(envoy.HeaderPrefix), removePrefix("x-envoy-"), removePrefix("x-forwarded-"),
			{Action: &mutationv3.HeaderMutation_Remove{Remove: "x-request-id"}},
			setAction("accept-encoding", "identity"),
		},
		ResponseMutations: []*mutationv3.HeaderMutation{
			keepOnly(envoy.AnswerHeaders.Names),
			// For the guard, which takes it away again.
			setAction(envoy.KeysHeader, "%REQ(AUTHORIZATION)% %REQ(X-API-KEY)% %REQ(API-KEY)% %REQ(X-GOOG-API-KEY)% %REQ(X-AMZ-SECURITY-TOKEN)%"),
		},
	}
	return &headermutationv3.HeaderMutation{Mutations: m}
}

func setAction(name, value string) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Append{Append: setHeader(name, value)}}
}
