package resource

import (
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Pieces gives what an existing Envoy needs to serve Dragoman beside its own
// listeners, as part of a bootstrap: merged into another, with lists appended
// and the other's values kept, it replaces nothing. Where the catalog says
// listen.external, the edge's listener is among it and does not come by xDS.
func Pieces(c *catalog.Catalog, boot Bootstrap) (proto.Message, error) {
	whole, err := boot.Build(nil)
	if err != nil {
		return nil, err
	}
	pieces := &bootstrapv3.Bootstrap{
		Node:                whole.Node,
		StaticResources:     &bootstrapv3.Bootstrap_StaticResources{Clusters: whole.StaticResources.Clusters},
		DynamicResources:    whole.DynamicResources,
		BootstrapExtensions: whole.BootstrapExtensions,
		LayeredRuntime:      whole.LayeredRuntime,
	}
	if c.Listen.External {
		b := &builder{c: c, o: boot.Options}
		pieces.StaticResources.Listeners = []*listenerv3.Listener{b.edgeListener(nil)}
		err = b.failure()
	}
	return pieces, err
}
