package resource

import (
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Piece is a part of Envoy's configuration for an existing envoy.yaml.
type Piece struct {
	Where   string // in words: where it belongs, and why
	Message proto.Message
}

// Pieces gives what an existing Envoy needs to serve Dragoman beside its own
// listeners: merged into its bootstrap, nothing of it is replaced but a source
// of listeners and clusters, of which an Envoy has one.
func Pieces(c *catalog.Catalog, boot Bootstrap) ([]Piece, error) {
	whole, err := boot.Build(nil)
	if err != nil {
		return nil, err
	}
	b := &builder{c: c, o: boot.Options}
	edge := b.edgeListener(nil)
	if b.err != nil {
		return nil, b.err
	}
	// The operator's own listener replaces the one from xds.
	whole.StaticResources.Listeners = nil
	return []Piece{
		{
			"bootstrap: internal listeners carry the attempts; clusters reach ext_proc and xds;\n" +
				"# listeners and clusters of providers come over ADS. Add these to your envoy.yaml.\n" +
				"# (If your Envoy has an xDS server of its own, use `dragoman envoy static` instead.)",
			&bootstrapv3.Bootstrap{
				BootstrapExtensions: whole.BootstrapExtensions,
				StaticResources:     &bootstrapv3.Bootstrap_StaticResources{Clusters: whole.StaticResources.Clusters},
				DynamicResources:    whole.DynamicResources,
				Node:                &corev3.Node{Id: boot.NodeID, Cluster: "dragoman"},
			},
		},
		{
			"the listener, if you want to place it yourself under static_resources.listeners: set `listen: {external: true}`\n" +
				"# is not needed, Envoy prefers a static listener of the same name. Filters, access logs, local replies and the\n" +
				"# retry rules hang together: keep them whole, add your own filters before dragoman.router_stage.",
			edge,
		},
	}, nil
}
