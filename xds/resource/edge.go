package resource

import (
	"slices"
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
)

func (b *builder) edgeListener(routes *routev3.RouteConfiguration) *listenerv3.Listener {
	l := b.c.Listen
	chain := &listenerv3.FilterChain{
		Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.any(b.edgeManager(routes))},
		}},
	}
	if l.TLS != nil {
		chain.TransportSocket = b.downstreamTLS(l.TLS)
	}
	return &listenerv3.Listener{
		Name:                          envoy.EdgeListener,
		Address:                       socketAddress(l.Address, l.Port),
		PerConnectionBufferLimitBytes: u32(b.o.bufferLimit()),
		FilterChains:                  []*listenerv3.FilterChain{chain},
	}
}

func (b *builder) edgeManager(routes *routev3.RouteConfiguration) *hcmv3.HttpConnectionManager {
	m := &hcmv3.HttpConnectionManager{
		StatPrefix:  envoy.EdgeListener,
		HttpFilters: b.edgeFilters(),
		ServerName:  "dragoman",
		// The client's address is the connection's, but for the proxies the
		// operator trusts; providers never see it.
		UseRemoteAddress:  wrapperspb.Bool(true),
		XffNumTrustedHops: b.c.Listen.TrustedHops,
		SkipXffAppend:     true,
		// Paths are compared exactly: `.` and `..` are resolved, but %2F stays,
		// as model names are escaped that way.
		NormalizePath:                 wrapperspb.Bool(true),
		PathWithEscapedSlashesAction:  hcmv3.HttpConnectionManager_KEEP_UNCHANGED,
		EarlyHeaderMutationExtensions: []*corev3.TypedExtensionConfig{b.letIn()},
		RequestHeadersTimeout:         seconds(10 * time.Second),
		RequestTimeout:                seconds(5 * time.Minute),
		StreamIdleTimeout:             seconds(b.edgeIdle()),
		DrainTimeout:                  seconds(b.c.Limits.Drain),
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:                  seconds(time.Hour),
			HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_REJECT_REQUEST,
		},
		Http2ProtocolOptions: b.http2(),
		LocalReplyConfig:     b.edgeReplyConfig(),
		AccessLog:            b.accessLog(envoy.EdgeLog, nil),
		// A stream that lives says so every 30 s; the exchange stays open.
		AccessLogOptions: &hcmv3.HttpConnectionManager_HcmAccessLogOptions{AccessLogFlushInterval: seconds(30 * time.Second)},
	}
	if b.o.Static {
		m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: routes}
	} else {
		m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: envoy.EdgeRoutes, ConfigSource: adsSource()}}
	}
	return m
}

// edgeFilters are the edge's filters in the order requests pass them.
func (b *builder) edgeFilters() []*hcmv3.HttpFilter {
	var fs []*hcmv3.HttpFilter
	if len(b.c.Listen.CORSOrigins) > 0 {
		// Before authentication: a browser's preflight carries no key.
		fs = append(fs, b.filter("envoy.filters.http.cors", &corsv3.Cors{}))
	}
	return append(fs,
		// Authenticates, so nothing that reaches a provider stands before it.
		b.filter(routerStage, b.routerStage()),
		// Always last.
		b.filter("envoy.filters.http.router", &routerv3.Router{SuppressEnvoyHeaders: true}),
	)
}

// routerStage is the name of the filter that every request passes first.
const routerStage = "dragoman.router_stage"

// translateLimit is how long ext_proc may take to translate a JSON answer.
const translateLimit = 30 * time.Second

// routerStage sends headers and body without waiting and takes one answer.
// This mode has no message timeout: the connection manager's request timeouts
// and HTTP/2 keepalive to ext_proc bound it. As a rule ext_proc ends the stage
// then, and the response never waits for it; where an express answer is to be
// translated it stays, and gets the body as it comes. That mode comes with the
// route a request has at first (undecided).
func (b *builder) routerStage() *extprocv3.ExternalProcessor {
	return &extprocv3.ExternalProcessor{
		GrpcService:    grpcService(envoy.ExtProcCluster, headerValue(envoy.RoleKey, envoy.RoleRouter)),
		ProcessingMode: routerMode(false),
		MessageTimeout: seconds(translateLimit),
		MutationRules:  mutationRules(),
		StatusOnError:  unavailable(),
		MetadataOptions: &extprocv3.MetadataOptions{
			ReceivingNamespaces: &extprocv3.MetadataOptions_MetadataNamespaces{
				Typed:   []string{envoy.ChainNamespace},
				Untyped: []string{envoy.ExchangeNamespace, envoy.LimitsNamespace},
			},
			ForwardingNamespaces: &extprocv3.MetadataOptions_MetadataNamespaces{Untyped: []string{envoy.AnswerNamespace}},
		},
		// The express lane sends a body whose length we know; some providers
		// refuse chunked requests.
		AllowContentLengthHeader: true,
	}
}

// routerMode is what the router stage gets: requests, and answers too if they
// are wanted.
func routerMode(answers bool) *extprocv3.ProcessingMode {
	m := &extprocv3.ProcessingMode{
		RequestHeaderMode:  extprocv3.ProcessingMode_SEND,
		RequestBodyMode:    extprocv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		RequestTrailerMode: extprocv3.ProcessingMode_SEND,
		ResponseHeaderMode: extprocv3.ProcessingMode_SKIP,
	}
	if answers { // trailers, so that an answer which they end is seen to end
		m.ResponseBodyMode, m.ResponseTrailerMode = extprocv3.ProcessingMode_STREAMED, extprocv3.ProcessingMode_SEND
	}
	return m
}

// answersToo makes the router stage get answers as well.
func (b *builder) answersToo() map[string]*anypb.Any {
	return map[string]*anypb.Any{routerStage: b.any(&extprocv3.ExtProcPerRoute{
		Override: &extprocv3.ExtProcPerRoute_Overrides{Overrides: &extprocv3.ExtProcOverrides{
			ProcessingMode: routerMode(true),
		}},
	})}
}

func mutationRules() *mutationv3.HeaderMutationRules {
	return &mutationv3.HeaderMutationRules{AllowAllRouting: wrapperspb.Bool(true), AllowEnvoy: wrapperspb.Bool(true)}
}

func unavailable() *typev3.HttpStatus {
	return &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable}
}

// letIn removes what no part of the gateway reads and no provider may see,
// before any route is looked at: also headers with which a client would speak
// as Dragoman or Envoy (Envoy protects its own from external clients only, and
// counts loopback as internal).
func (b *builder) letIn() *corev3.TypedExtensionConfig {
	allowed := envoy.ClientHeaders.Names
	if len(b.c.Listen.CORSOrigins) > 0 {
		allowed = slices.Concat(allowed, envoy.CORSHeaders.Names)
	}
	return b.extension("envoy.http.early_header_mutation.header_mutation", &earlyv3.HeaderMutation{
		Mutations: []*mutationv3.HeaderMutation{keepOnly(allowed)},
	})
}

func removePrefix(prefix string) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_RemoveOnMatch_{RemoveOnMatch: &mutationv3.HeaderMutation_RemoveOnMatch{
		KeyMatcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix}},
	}}}
}

// http2 keeps a stream's window at the buffer limit, so that a slow reader
// holds no more than that per stream in each hop. The connection's window has
// room for all of its streams: what slow readers leave unread counts against
// it, and once it is used up no other stream of the connection moves.
func (b *builder) http2() *corev3.Http2ProtocolOptions {
	const streams, largest = 1024, 1<<31 - 1 // RFC 9113, section 6.9.1
	window := max(b.o.bufferLimit(), 65535)
	return &corev3.Http2ProtocolOptions{
		MaxConcurrentStreams:        u32(streams),
		InitialStreamWindowSize:     u32(window),
		InitialConnectionWindowSize: u32(uint32(min(uint64(streams)*uint64(window), largest))),
		MaxOutboundFrames:           u32(outboundFrames),
	}
}

// outboundFrames is how many frames may wait for a socket before Envoy takes
// them for a flood and ends the connection with all of its streams (10,000 by
// its default). A short pause of the reader is enough for that where events are
// small: streams of one byte a write pass it within a second. Memory is bounded
// by windows and buffer limits, frames that a peer can provoke by their own
// limit (max_outbound_control_frames).
const outboundFrames = 1 << 20
