package xds

import (
	"context"
	"maps"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	statusv3 "google.golang.org/genproto/googleapis/rpc/status"
)

// sotwWire speaks the state-of-the-world protocol: each request repeats the
// version held and the nonce of the last answer.
type sotwWire struct {
	stream         discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	node           *corev3.Node
	names          [numKinds][]string
	version, nonce [numKinds]string
}

func openSotw(ctx context.Context, client discoveryv3.AggregatedDiscoveryServiceClient, node string, _ *subscriber) (wire, error) {
	stream, err := client.StreamAggregatedResources(ctx)
	return &sotwWire{stream: stream, node: &corev3.Node{Id: node}}, err
}

func (w *sotwWire) send(kind Kind, detail *statusv3.Status) error {
	node := w.node
	w.node = nil // only the first request says it
	return w.stream.Send(&discoveryv3.DiscoveryRequest{
		Node: node, TypeUrl: kinds[kind].typeURL, ResourceNames: w.names[kind],
		VersionInfo: w.version[kind], ResponseNonce: w.nonce[kind], ErrorDetail: detail,
	})
}

func (w *sotwWire) subscribe(kind Kind, names []string) error {
	w.names[kind] = names
	return w.send(kind, nil)
}

func (w *sotwWire) next() (answer, error) {
	r, err := w.stream.Recv()
	if err != nil {
		return answer{}, err
	}
	kind, ok := kindOf(r.GetTypeUrl())
	if !ok {
		return answer{}, unexpected(r.GetTypeUrl())
	}
	// Routes and secrets that an answer leaves out were not removed by it.
	return answer{kind: kind, version: r.GetVersionInfo(), nonce: r.GetNonce(), whole: true, resources: r.GetResources()}, nil
}

func (w *sotwWire) reply(a answer, detail string) error {
	w.nonce[a.kind] = a.nonce
	if detail != "" {
		return w.send(a.kind, &statusv3.Status{Code: 3, Message: detail})
	}
	w.version[a.kind] = a.version
	return w.send(a.kind, nil)
}

// deltaWire speaks the delta protocol.
type deltaWire struct {
	stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	node   *corev3.Node
	names  [numKinds][]string
	asked  [numKinds]bool
	before *subscriber
}

func openDelta(ctx context.Context, client discoveryv3.AggregatedDiscoveryServiceClient, node string, before *subscriber) (wire, error) {
	stream, err := client.DeltaAggregatedResources(ctx)
	return &deltaWire{stream: stream, node: &corev3.Node{Id: node}, before: before}, err
}

func (w *deltaWire) send(r *discoveryv3.DeltaDiscoveryRequest) error {
	r.Node, w.node = w.node, nil
	return w.stream.Send(r)
}

func (w *deltaWire) subscribe(kind Kind, names []string) error {
	r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: kinds[kind].typeURL}
	for _, name := range names {
		if !slices.Contains(w.names[kind], name) {
			r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
		}
	}
	for _, name := range w.names[kind] {
		if !slices.Contains(names, name) {
			r.ResourceNamesUnsubscribe = append(r.ResourceNamesUnsubscribe, name)
		}
	}
	if !w.asked[kind] && w.before != nil {
		r.InitialResourceVersions = make(map[string]string)
		for name, m := range w.before.holds[kind] {
			encoded, err := cachev3.MarshalResource(m)
			if err != nil {
				return err
			}
			r.InitialResourceVersions[name] = cachev3.HashResource(encoded)
		}
	}
	w.names[kind], w.asked[kind] = names, true
	return w.send(r)
}

func (w *deltaWire) next() (answer, error) {
	r, err := w.stream.Recv()
	if err != nil {
		return answer{}, err
	}
	kind, ok := kindOf(r.GetTypeUrl())
	if !ok {
		return answer{}, unexpected(r.GetTypeUrl())
	}
	a := answer{kind: kind, version: r.GetSystemVersionInfo(), nonce: r.GetNonce(), versions: make(map[string]string), removed: r.GetRemovedResources()}
	for _, resource := range r.GetResources() {
		a.resources = append(a.resources, resource.GetResource())
		maps.Copy(a.versions, map[string]string{resource.GetName(): resource.GetVersion()})
	}
	return a, nil
}

func (w *deltaWire) reply(a answer, detail string) error {
	r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: kinds[a.kind].typeURL, ResponseNonce: a.nonce}
	if detail != "" {
		r.ErrorDetail = &statusv3.Status{Code: 3, Message: detail}
	}
	return w.send(r)
}
