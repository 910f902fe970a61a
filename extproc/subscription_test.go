package extproc

import (
	"testing"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	groupv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/router/cluster_specifiers/priority_group/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
)

func packed(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// routes is a RouteConfiguration with one model's groups.
func routes(t *testing.T, name, model string, clusters ...string) *routev3.RouteConfiguration {
	t.Helper()
	spec := &groupv3.PriorityGroupClusterSpecifier{}
	for _, c := range clusters {
		spec.PriorityGroups = append(spec.PriorityGroups, &groupv3.PriorityGroup{Name: c, Clusters: []*groupv3.ClusterWeight{{ClusterName: c}}})
	}
	route := &routev3.Route{Action: &routev3.Route_Route{Route: &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_InlineClusterSpecifierPlugin{InlineClusterSpecifierPlugin: &routev3.ClusterSpecifierPlugin{
			Extension: &corev3.TypedExtensionConfig{Name: "groups", TypedConfig: packed(t, spec)},
		}},
	}}}
	on := &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
		Action: &xdscorev3.TypedExtensionConfig{Name: "route", TypedConfig: packed(t, route)},
	}}
	return &routev3.RouteConfiguration{Name: name, VirtualHosts: []*routev3.VirtualHost{{Matcher: &xdsmatcherv3.Matcher{
		MatcherType: &xdsmatcherv3.Matcher_MatcherTree_{MatcherTree: &xdsmatcherv3.Matcher_MatcherTree{
			TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: &xdsmatcherv3.Matcher_MatcherTree_MatchMap{
				Map: map[string]*xdsmatcherv3.Matcher_OnMatch{model: on, envoy.ExpressRoute: on},
			}},
		}},
	}}}}
}

func TestTheOrderIsThatOfTheRoutes(t *testing.T) {
	t.Parallel()
	edge := routes(t, envoy.EdgeRoutes, "sim/chat", envoy.AttemptCluster("beta"), envoy.AttemptCluster("alpha"), "somebody-elses")
	got, err := decodeOrder([]*anypb.Any{packed(t, routes(t, "other", "x/y", envoy.AttemptCluster("gamma"))), packed(t, edge)})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(chain.Order{"sim/chat": {"beta", "alpha"}}, got); d != "" {
		t.Error(d)
	}
}

func TestRoutesThatAreNotUnderstoodAreRefused(t *testing.T) {
	t.Parallel()
	broken := routes(t, envoy.EdgeRoutes, "sim/chat")
	on := broken.GetVirtualHosts()[0].GetMatcher().GetMatcherTree().GetExactMatchMap().GetMap()["sim/chat"]
	on.GetAction().TypedConfig = packed(t, &routev3.RouteConfiguration{})
	for name, resources := range map[string][]*anypb.Any{
		"another type":     {packed(t, &routev3.Route{})},
		"a broken action":  {packed(t, broken)},
		"garbled contents": {{TypeUrl: routeType, Value: []byte{0xff}}},
	} {
		if got, err := decodeOrder(resources); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got, err := decodeOrder([]*anypb.Any{packed(t, routes(t, "other", "x/y"))}); got != nil || err != nil {
		t.Errorf("routes of others: %v, %v", got, err)
	}
}
