package extproc

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	groupv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/router/cluster_specifiers/priority_group/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/extproc/chain"
)

const routeType = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

// Subscription learns the order of targets as Envoy does: from the edge's
// RouteConfiguration, over ADS. One order, one version, no second opinion.
type Subscription struct {
	Conn   grpc.ClientConnInterface
	NodeID string
	Logger *slog.Logger
	// OnOrder gets every order received; it is called from Run's goroutine.
	OnOrder func(chain.Order)
}

// Run keeps the subscription until ctx is done. When xds is away the last
// order stands: Envoy keeps serving by it too.
func (s *Subscription) Run(ctx context.Context) {
	const first, most = 100 * time.Millisecond, 5 * time.Second
	for pause := first; ctx.Err() == nil; {
		got, err := s.follow(ctx)
		if got {
			pause = first
		}
		if ctx.Err() != nil {
			return
		}
		s.Logger.Debug("xds subscription ended; trying again", "error", err, "in", pause)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
		pause = min(2*pause, most)
	}
}

// follow reads one stream to its end; got tells whether anything came.
func (s *Subscription) follow(ctx context.Context) (got bool, err error) {
	st, err := discoveryv3.NewAggregatedDiscoveryServiceClient(s.Conn).StreamAggregatedResources(ctx)
	if err != nil {
		return false, fmt.Errorf("opening the stream: %w", err)
	}
	ask := &discoveryv3.DiscoveryRequest{
		Node:    &corev3.Node{Id: s.NodeID, Cluster: "dragoman"},
		TypeUrl: routeType, ResourceNames: []string{envoy.EdgeRoutes},
	}
	for {
		if err := st.Send(ask); err != nil {
			return got, fmt.Errorf("asking for routes: %w", err)
		}
		resp, err := st.Recv()
		if err != nil {
			return got, fmt.Errorf("waiting for routes: %w", err)
		}
		ask = &discoveryv3.DiscoveryRequest{
			TypeUrl: routeType, ResourceNames: ask.GetResourceNames(),
			ResponseNonce: resp.GetNonce(), VersionInfo: ask.GetVersionInfo(),
		}
		order, err := decodeOrder(resp.GetResources())
		if err != nil {
			s.Logger.Error("routes from xds are not understood; keeping the last order", "error", err)
			ask.ErrorDetail = &rpcstatus.Status{Code: int32(codes.InvalidArgument), Message: err.Error()}
			continue
		}
		ask.VersionInfo = resp.GetVersionInfo()
		if order != nil {
			got = true
			s.OnOrder(order)
		}
	}
}

// decodeOrder reads the order of every model's targets out of the edge routes.
func decodeOrder(resources []*anypb.Any) (chain.Order, error) {
	for _, r := range resources {
		rc := &routev3.RouteConfiguration{}
		if err := r.UnmarshalTo(rc); err != nil {
			return nil, fmt.Errorf("route configuration: %w", err)
		}
		if rc.GetName() == envoy.EdgeRoutes {
			return OrderOf(rc)
		}
	}
	return nil, nil // an update about other routes
}

// OrderOf reads the order out of the edge's RouteConfiguration.
func OrderOf(rc *routev3.RouteConfiguration) (chain.Order, error) {
	order := chain.Order{}
	for _, vh := range rc.GetVirtualHosts() {
		for name, on := range vh.GetMatcher().GetMatcherTree().GetExactMatchMap().GetMap() {
			if name == envoy.ExpressRoute {
				continue
			}
			providers, err := routeProviders(on)
			if err != nil {
				return nil, fmt.Errorf("route of %s: %w", name, err)
			}
			order[name] = providers
		}
	}
	return order, nil
}

// routeProviders lists the providers of a route's priority groups in order.
func routeProviders(on *xdsmatcherv3.Matcher_OnMatch) ([]string, error) {
	route := &routev3.Route{}
	if err := on.GetAction().GetTypedConfig().UnmarshalTo(route); err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	spec := &groupv3.PriorityGroupClusterSpecifier{}
	if err := route.GetRoute().GetInlineClusterSpecifierPlugin().GetExtension().GetTypedConfig().UnmarshalTo(spec); err != nil {
		return nil, fmt.Errorf("priority groups: %w", err)
	}
	var out []string
	for _, g := range spec.GetPriorityGroups() {
		for _, c := range g.GetClusters() {
			if p, ok := envoy.AttemptProvider(c.GetClusterName()); ok {
				out = append(out, p)
			}
		}
	}
	return out, nil
}
