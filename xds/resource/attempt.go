package resource

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource/guard"
)

// attemptListener is one provider's internal listener. HTTP/2 inside Envoy
// carries all attempts over few connections and costs less than HTTP/1.1.
func (b *builder) attemptListener(p *catalog.Provider) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:                          envoy.AttemptListener(p.Name),
		ListenerSpecifier:             &listenerv3.Listener_InternalListener{InternalListener: &listenerv3.Listener_InternalListenerConfig{}},
		PerConnectionBufferLimitBytes: u32(b.o.bufferLimit()),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(b.attemptManager(p))},
		}}}},
	}
}

func (b *builder) attemptManager(p *catalog.Provider) *hcmv3.HttpConnectionManager {
	return &hcmv3.HttpConnectionManager{
		CodecType:            hcmv3.HttpConnectionManager_HTTP2,
		StatPrefix:           envoy.AttemptListener(p.Name),
		RouteSpecifier:       &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: b.attemptRoutes(p)},
		HttpFilters:          b.attemptFilters(p),
		GenerateRequestId:    wrapperspb.Bool(false),
		Http2ProtocolOptions: b.http2(),
		StreamIdleTimeout:    seconds(max(p.Timeouts.StreamIdle(), p.Timeouts.Answer+slack)),
		LocalReplyConfig:     b.attemptReplies(),
		AccessLog:            b.accessLog(envoy.AttemptLog, tells()),
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout: seconds(time.Hour),
		},
	}
}

// attemptFilters are in request order; answers pass them from the last to the
// first: the guard reads usage, drops and completes, then the attempt stage
// holds, leaves or translates.
func (b *builder) attemptFilters(p *catalog.Provider) []*hcmv3.HttpFilter {
	return []*hcmv3.HttpFilter{
		b.filter("dragoman.attempt_stage", b.attemptStage(p)),
		b.filter("envoy.filters.http.lua", &luav3.Lua{DefaultSourceCode: inline(guard.Stream())}),
		b.filter("envoy.filters.http.router", &routerv3.Router{SuppressEnvoyHeaders: true}),
	}
}

// attemptStage streams answers: STREAMED with bodies sent ahead of the header
// answer lets the server hold, and afterwards leave without losing a byte.
func (b *builder) attemptStage(p *catalog.Provider) *extprocv3.ExternalProcessor {
	return &extprocv3.ExternalProcessor{
		GrpcService: grpcService(envoy.ExtProcCluster,
			headerValue(envoy.RoleKey, envoy.RoleAttempt), headerValue(envoy.ProviderKey, p.Name)),
		ProcessingMode: &extprocv3.ProcessingMode{
			RequestHeaderMode:   extprocv3.ProcessingMode_SEND,
			RequestBodyMode:     extprocv3.ProcessingMode_NONE,
			RequestTrailerMode:  extprocv3.ProcessingMode_SKIP,
			ResponseHeaderMode:  extprocv3.ProcessingMode_SEND,
			ResponseBodyMode:    extprocv3.ProcessingMode_STREAMED,
			ResponseTrailerMode: extprocv3.ProcessingMode_SKIP,
		},
		SendBodyWithoutWaitingForHeaderResponse: true,
		MessageTimeout:                          seconds(holdLimit(p.Timeouts)),
		MutationRules:                           mutationRules(),
		StatusOnError:                           unavailable(),
		AllowContentLengthHeader:                true,
		MetadataOptions: &extprocv3.MetadataOptions{ReceivingNamespaces: &extprocv3.MetadataOptions_MetadataNamespaces{
			Untyped: []string{envoy.GuardNamespace, envoy.ExchangeNamespace},
		}},
	}
}

// attemptRoutes has one route for streams and one for JSON answers, as their
// time limits differ. Limits until the headers are per-try limits, so that a
// long answer is not cut.
func (b *builder) attemptRoutes(p *catalog.Provider) *routev3.RouteConfiguration {
	t := p.Timeouts
	stream := b.attemptRoute(p, t.FirstToken, t.StreamIdle())
	stream.Match.Headers = []*routev3.HeaderMatcher{{
		Name:                 envoy.StreamHeader,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true},
	}}
	return &routev3.RouteConfiguration{
		Name: envoy.AttemptListener(p.Name),
		VirtualHosts: []*routev3.VirtualHost{{
			Name:    "provider",
			Domains: []string{"*"},
			Routes:  []*routev3.Route{stream, b.attemptRoute(p, t.Answer, t.Answer+slack)},
			// What providers never see; the attempt stage removes the rest.
			RequestHeadersToRemove: internalRequestHeaders,
			RequestHeadersToAdd:    []*corev3.HeaderValueOption{setHeader("accept-encoding", "identity")},
			// Only Envoy may say that an answer is its own: local replies get
			// the mark after this.
			ResponseHeadersToRemove: []string{envoy.LocalReplyHeader},
		}},
	}
}

// internalRequestHeaders are set inside Envoy or by Dragoman and end here.
var internalRequestHeaders = []string{
	"x-request-id", "x-forwarded-proto", "x-forwarded-for", "x-envoy-attempt-count", "x-envoy-internal",
	"x-envoy-external-address", envoy.FailedHeader, envoy.LengthHeader, "x-envoy-expected-rq-timeout-ms", envoy.RouteHeader, envoy.StreamHeader,
}

func (b *builder) attemptRoute(p *catalog.Provider, limit, idle time.Duration) *routev3.Route {
	return &routev3.Route{
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		// Some providers refuse chunked requests. A route's additions come
		// before its virtual host's removals.
		RequestHeadersToAdd: []*corev3.HeaderValueOption{setHeader("content-length", "%REQ("+envoy.LengthHeader+")%")},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: envoy.ProviderCluster(p.Name)},
			// The host is the operator's, whatever the client wrote.
			HostRewriteSpecifier: &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: p.BaseURL.Authority()},
			// Of the whole attempt; 0 = none: a slow but living stream goes on.
			Timeout:     seconds(p.Timeouts.Request),
			IdleTimeout: seconds(idle),
			RetryPolicy: &routev3.RetryPolicy{PerTryTimeout: seconds(limit), NumRetries: u32(0)},
		}},
	}
}

func (b *builder) filter(name string, m proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.any(m)}}
}

func inline(source string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: source}}
}
