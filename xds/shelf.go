package xds

import (
	"context"
	"fmt"
	"log/slog"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
)

// everybody is the one node that go-control-plane's cache knows: all
// subscribers are offered the same.
const everybody = "everybody"

type oneNode struct{}

func (oneNode) ID(*corev3.Node) string { return everybody }

// shelf is what is on offer. put is called by one goroutine; the cache may be
// read by many.
type shelf struct {
	// cache does not hold answers back until a client names all resources of a
	// type (go-control-plane's ADS mode): clients may subscribe to one of many
	// route configurations. The order between types, which that mode would
	// give, comes from put.
	cache  cachev3.SnapshotCache
	state  state
	offers *offers
}

func newShelf(log *slog.Logger) *shelf {
	return &shelf{cache: cachev3.NewSnapshotCache(false, oneNode{}, libraryLog(log)), offers: &offers{}}
}

// put offers a live state and tells which kinds changed. All kinds come at
// once the first time, when no stream is open yet; after that one by one, in
// the kinds' order, because the cache would answer streams in any.
func (h *shelf) put(ctx context.Context, live *state) (changed []Kind, err error) {
	first := h.state[Clusters].version == ""
	for k := range numKinds {
		if h.state[k].version == live[k].version {
			continue
		}
		h.state[k] = live[k]
		changed = append(changed, k)
		if !first {
			if err := h.set(ctx); err != nil {
				return changed, err
			}
		}
	}
	if first {
		err = h.set(ctx)
	}
	if len(changed) > 0 {
		h.offers = offersOf(&h.state)
	}
	return changed, err
}

// set hands the state to the cache, with the digests as delta versions: they
// are computed once per resource, not once per snapshot.
func (h *shelf) set(ctx context.Context) error {
	s := &cachev3.Snapshot{VersionMap: make(map[string]map[string]string, numKinds)}
	for k := range numKinds {
		resources := make([]types.Resource, 0, len(h.state[k].items))
		digests := make(map[string]string, len(h.state[k].items))
		for name, it := range h.state[k].items {
			resources = append(resources, it.message)
			digests[name] = it.digest
		}
		s.Resources[kinds[k].index] = cachev3.NewResources(h.state[k].version, resources)
		s.VersionMap[kinds[k].typeURL] = digests
	}
	if err := h.cache.SetSnapshot(ctx, everybody, s); err != nil {
		return fmt.Errorf("offering resources: %w", err)
	}
	return nil
}
