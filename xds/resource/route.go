package resource

import (
	"time"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	groupv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/router/cluster_specifiers/priority_group/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
	"github.com/dragoman-gateway/dragoman/xds/resource/guard"
)

// edgeRoutes has one route per model, found by an exact match on the routing
// header: Envoy walks plain routes linearly, and there may be hundreds.
func (b *builder) edgeRoutes() *routev3.RouteConfiguration {
	m := make(map[string]*xdsmatcherv3.Matcher_OnMatch, len(b.c.Models)+1)
	express := b.modelRoute(envoy.ExpressRoute, b.expressDefault())
	// What the answer's guard may hold, and what is kept for the next attempt.
	express.RequestBodyBufferLimit = wrapperspb.UInt64(guard.AnswerBuffer)
	m[envoy.ExpressRoute] = b.onMatch(express)
	for _, model := range b.c.Models {
		m[model.Name] = b.onMatch(b.modelRoute(model.Name, groups(model)))
	}
	return &routev3.RouteConfiguration{
		Name: envoy.EdgeRoutes,
		VirtualHosts: []*routev3.VirtualHost{{
			Name:    "edge",
			Domains: []string{"*"},
			Matcher: &xdsmatcherv3.Matcher{
				MatcherType: &xdsmatcherv3.Matcher_MatcherTree_{MatcherTree: &xdsmatcherv3.Matcher_MatcherTree{
					Input:    b.headerInput(envoy.RouteHeader),
					TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: &xdsmatcherv3.Matcher_MatcherTree_MatchMap{Map: m}},
				}},
				OnNoMatch: b.undecided(),
			},
			// The attempt stage reads which attempt it serves.
			IncludeRequestAttemptCount: true,
			RetryPolicy:                b.retryPolicy(),
			ResponseHeadersToRemove:    strippedResponseHeaders,
			ResponseHeadersToAdd:       b.gatewayFacts(),
			TypedPerFilterConfig:       b.cors(),
		}},
		// Clusters come by CDS and may follow their routes by a moment.
		ValidateClusters:    wrapperspb.Bool(false),
		InternalOnlyHeaders: []string{envoy.RouteHeader, envoy.StreamHeader},
	}
}

func (b *builder) onMatch(r *routev3.Route) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
		Action: &xdscorev3.TypedExtensionConfig{Name: "route", TypedConfig: b.any(r)},
	}}
}

// undecided is the route of a request before the router stage has chosen one,
// which reads its mode from it. The CORS filter stands before that stage and
// reads its policy from a route that leads to a cluster: without one it lets no
// page in. This one has no endpoints, so a request that would stay on it is
// refused, and the router stage's own answers name no provider.
//
// The router stage gets answers only where the request has a length and wants no
// upgrade: Envoy ends the connection right behind its own answer to a broken
// chunk or an upgrade, and that answer would lose its body in waiting.
func (b *builder) undecided() *xdsmatcherv3.Matcher_OnMatch {
	undecided := []*groupv3.PriorityGroup{group("nowhere", envoy.NowhereCluster)}
	measured := b.modelRoute("measured", undecided)
	measured.TypedPerFilterConfig = b.answersToo()
	m := &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: &xdsmatcherv3.Matcher_MatcherList{
		Matchers: []*xdsmatcherv3.Matcher_MatcherList_FieldMatcher{{
			Predicate: &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_AndMatcher{
				AndMatcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_PredicateList{Predicate: []*predicate{
					b.hasHeader("content-length"),
					{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_NotMatcher{NotMatcher: b.hasHeader("upgrade")}},
				}},
			}},
			OnMatch: b.onMatch(measured),
		}},
	}}}
	if len(b.c.Listen.CORSOrigins) > 0 {
		m.OnNoMatch = b.onMatch(b.modelRoute("undecided", undecided))
	}
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Matcher{Matcher: m}}
}

type predicate = xdsmatcherv3.Matcher_MatcherList_Predicate

// hasHeader matches requests with a header that is not empty.
func (b *builder) hasHeader(name string) *predicate {
	anything := &xdsmatcherv3.RegexMatcher{
		EngineType: &xdsmatcherv3.RegexMatcher_GoogleRe2{GoogleRe2: &xdsmatcherv3.RegexMatcher_GoogleRE2{}}, Regex: ".+",
	}
	return &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
		SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
			Input: b.headerInput(name),
			Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{ValueMatch: &xdsmatcherv3.StringMatcher{
				MatchPattern: &xdsmatcherv3.StringMatcher_SafeRegex{SafeRegex: anything},
			}},
		},
	}}
}

func (b *builder) headerInput(name string) *xdscorev3.TypedExtensionConfig {
	return &xdscorev3.TypedExtensionConfig{
		Name: "envoy.matching.inputs.request_headers", TypedConfig: b.any(&matcherv3.HttpRequestHeaderMatchInput{HeaderName: name}),
	}
}

// groups is the order of a model's targets as priority groups: attempt n goes
// to group n, so each holds one target.
func groups(m *catalog.Model) []*groupv3.PriorityGroup {
	gs := make([]*groupv3.PriorityGroup, 0, len(m.Targets)+1)
	for _, t := range m.Targets {
		gs = append(gs, group(t.Provider.Name, envoy.AttemptCluster(t.Provider.Name)))
	}
	return gs
}

// expressDefault only serves a request whose own chain got lost: it names the
// first provider's attempt listener, which refuses what it does not know.
func (b *builder) expressDefault() []*groupv3.PriorityGroup {
	if len(b.c.Providers) == 0 {
		return []*groupv3.PriorityGroup{group("none", "none")}
	}
	return []*groupv3.PriorityGroup{group("default", envoy.AttemptCluster(b.c.Providers[0].Name))}
}

func group(name, cluster string) *groupv3.PriorityGroup {
	return &groupv3.PriorityGroup{Name: name, Clusters: []*groupv3.ClusterWeight{{ClusterName: cluster, Weight: u32(1)}}}
}

func (b *builder) modelRoute(name string, gs []*groupv3.PriorityGroup) *routev3.Route {
	return &routev3.Route{
		Name:  name,
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_InlineClusterSpecifierPlugin{InlineClusterSpecifierPlugin: &routev3.ClusterSpecifierPlugin{
				Extension: b.extension("envoy.router.cluster_specifier_plugin.priority_group", &groupv3.PriorityGroupClusterSpecifier{
					PriorityGroups:            gs,
					OverrideMetadataNamespace: envoy.ChainNamespace,
				}),
			}},
			// No limit on the whole: a slow but living stream is never cut.
			Timeout: seconds(0),
		}},
	}
}

// retryPolicy makes the next attempt. Attempt listeners turn every failure of
// the table into a 5xx before it gets here; the status codes are for the
// express lane, whose first answer is the provider's own: a redirect would lead
// the client past the gateway, key and all. The cap comes with each request
// (x-envoy-max-retries).
func (b *builder) retryPolicy() *routev3.RetryPolicy {
	return &routev3.RetryPolicy{
		RetryOn:               "5xx,reset,connect-failure,refused-stream,retriable-status-codes,envoy-ratelimited",
		RetriableStatusCodes:  []uint32{301, 302, 303, 307, 308, 401, 402, 403, 404, 408, 429},
		NumRetries:            u32(0),
		PerTryTimeout:         seconds(b.attemptLimit()),
		RefreshClusterOnRetry: true,
		// The next target is another provider: waiting for it helps nobody.
		RetryBackOff: &routev3.RetryPolicy_RetryBackOff{
			BaseInterval: seconds(time.Millisecond), MaxInterval: seconds(2 * time.Millisecond),
		},
	}
}

// strippedResponseHeaders never reach a client from a provider.
var strippedResponseHeaders = []string{
	"set-cookie", "alt-svc", "strict-transport-security", "server-timing", "nel", "report-to", "via",
	"x-envoy-upstream-service-time", "x-envoy-ratelimited", "x-envoy-overloaded", "x-envoy-degraded",
	"x-envoy-immediate-health-check-fail", "x-envoy-attempt-count", envoy.LocalReplyHeader, envoy.KeysHeader,
}

// gatewayFacts tell the client who served it, in every lane and without a
// round trip: Envoy knows them from the exchange's metadata.
func (b *builder) gatewayFacts() []*corev3.HeaderValueOption {
	id := "%DYNAMIC_METADATA(" + envoy.ExchangeNamespace + ":" + envoy.FactExchange + ")%"
	ifAbsent := func(key, value string) *corev3.HeaderValueOption {
		h := setHeader(key, value)
		h.AppendAction = corev3.HeaderValueOption_ADD_IF_ABSENT
		return h
	}
	facts := []*corev3.HeaderValueOption{
		setHeader(envoy.GenerationHeader, id),
		setHeader("x-request-id", id),
		setHeader("request-id", id),
		// The attempt stage knows better where an attempt was not worth making,
		// and which model a fallback became.
		ifAbsent(envoy.AttemptsHeader, "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
		ifAbsent(envoy.DroppedHeader, "%DYNAMIC_METADATA("+envoy.AnswerNamespace+":"+envoy.FactDropped+")%"),
		ifAbsent(envoy.ModelHeader, "%DYNAMIC_METADATA("+envoy.ExchangeNamespace+":"+envoy.FactModel+")%"),
		setHeader(envoy.ProviderHeader, "%METADATA(CLUSTER:"+envoy.ExchangeNamespace+":"+envoy.FactProvider+")%"),
	}
	if len(b.c.Budgets) > 0 || !b.c.Open { // others may stand in the store
		for _, name := range envoy.LimitHeaders {
			facts = append(facts, setHeader(name, "%DYNAMIC_METADATA("+envoy.LimitsNamespace+":"+name+")%"))
		}
	}
	return facts
}

func (b *builder) cors() map[string]*anypb.Any {
	if len(b.c.Listen.CORSOrigins) == 0 {
		return nil
	}
	p := &corsv3.CorsPolicy{
		AllowMethods:  "GET, POST, OPTIONS",
		AllowHeaders:  "*, authorization",
		ExposeHeaders: "*",
		MaxAge:        "600",
	}
	for _, o := range b.c.Listen.CORSOrigins {
		p.AllowOriginStringMatch = append(p.AllowOriginStringMatch,
			&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: o}})
	}
	return map[string]*anypb.Any{"envoy.filters.http.cors": b.any(p)}
}
