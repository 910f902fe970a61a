package xds

import (
	"context"
	"maps"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	deltav3 "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// wildcard is the name that subscribes to all resources of a kind.
const wildcard = "*"

// increments is a subscription in the delta protocol: answers hold what
// changed for this stream, so no version says what it holds; its resources do.
type increments struct {
	everything bool
	names      map[string]bool
	// known are the digests of what was ACKed, by name; "" for a resource whose
	// update was refused.
	known map[string]string
	// sent are the answers neither ACKed nor NACKed, by nonce.
	sent  map[string]*discoveryv3.DeltaDiscoveryResponse
	acked string
	// matched is the offer that known was last found equal to, "" if it has
	// changed since.
	matched string
}

var (
	_ subscription      = (*increments)(nil)
	_ deltav3.Callbacks = (*fleet)(nil)
)

func (i *increments) version() string { return i.acked }

func (i *increments) holds(o offer) bool {
	if len(i.sent) > 0 {
		return false
	}
	if i.matched != o.version && i.equals(o.digests) {
		i.matched, i.acked = o.version, o.version
	}
	return i.matched == o.version
}

func (i *increments) equals(offered map[string]string) bool {
	if i.everything {
		return maps.Equal(i.known, offered)
	}
	for name := range i.names {
		have, known := i.known[name]
		want, there := offered[name]
		if have != want || known != there {
			return false
		}
	}
	return true
}

// OnDeltaStreamOpen is part of go-control-plane's callbacks.
func (f *fleet) OnDeltaStreamOpen(context.Context, int64, string) error { return nil }

// OnDeltaStreamClosed forgets the stream.
func (f *fleet) OnDeltaStreamClosed(id int64, _ *corev3.Node) {
	f.closed(streamID{delta: true, id: id})
}

// OnStreamDeltaResponse notes what is about to be sent.
func (f *fleet) OnStreamDeltaResponse(id int64, _ *discoveryv3.DeltaDiscoveryRequest, answer *discoveryv3.DeltaDiscoveryResponse) {
	kind, ok := kindOf(answer.GetTypeUrl())
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := incrementsOf(f.request(streamID{delta: true, id: id}, nil), kind)
	i.sent[answer.GetNonce()] = answer
}

// errUnsure ends a delta stream so that its client comes back and says what it
// holds.
var errUnsure = status.Error(codes.Aborted, "what an earlier refusal left is unknown: subscribe again")

// OnStreamDeltaRequest reads subscriptions, ACKs and NACKs. go-control-plane
// takes what it sent for held, also when it was refused: a resource of a
// refused answer that later answers leave as it is would never be sent again.
// So the stream ends with the first ACK after which such a resource is left.
func (f *fleet) OnStreamDeltaRequest(id int64, request *discoveryv3.DeltaDiscoveryRequest) error {
	kind, ok := kindOf(request.GetTypeUrl())
	var err error
	f.mu.Lock()
	s := f.request(streamID{delta: true, id: id}, request.GetNode())
	if ok {
		first := s.subscriptions[kind] == nil
		i := incrementsOf(s, kind)
		i.subscribe(request, first)
		if answer := i.sent[request.GetResponseNonce()]; answer != nil {
			delete(i.sent, request.GetResponseNonce())
			i.settle(answer, request.GetErrorDetail() == nil)
			if request.GetErrorDetail() != nil {
				f.refuse(s, kind, answer.GetSystemVersionInfo(), request.GetErrorDetail())
			} else if i.unsure() {
				err = errUnsure
			}
		}
	}
	f.mu.Unlock()
	f.wake()
	return err
}

// unsure tells whether it is unknown which version of a resource is held.
func (i *increments) unsure() bool {
	for _, digest := range i.known {
		if digest == "" {
			return len(i.sent) == 0
		}
	}
	return false
}

// subscribe applies a request's names. A first request without any asks for
// everything, and one of a client that lost its stream says what it has.
func (i *increments) subscribe(request *discoveryv3.DeltaDiscoveryRequest, first bool) {
	if first {
		i.everything = len(request.GetResourceNamesSubscribe()) == 0
		maps.Copy(i.known, request.GetInitialResourceVersions())
	}
	for _, name := range request.GetResourceNamesSubscribe() {
		if name == wildcard {
			i.everything = true
		} else {
			i.names[name] = true
		}
		i.matched = ""
	}
	for _, name := range request.GetResourceNamesUnsubscribe() {
		if name == wildcard {
			i.everything = false
		} else {
			delete(i.names, name)
			delete(i.known, name)
		}
		i.matched = ""
	}
}

// settle notes what the client made of an answer. Of a refused one it may have
// taken any part.
func (i *increments) settle(answer *discoveryv3.DeltaDiscoveryResponse, acked bool) {
	i.matched = ""
	for _, r := range answer.GetResources() {
		i.known[r.GetName()] = ""
		if acked {
			i.known[r.GetName()] = r.GetVersion()
		}
	}
	for _, name := range answer.GetRemovedResources() {
		delete(i.known, name)
		if !acked {
			i.known[name] = ""
		}
	}
	i.acked = ""
	if acked {
		i.acked = answer.GetSystemVersionInfo()
	}
}

func incrementsOf(s *stream, kind Kind) *increments {
	i, ok := s.subscriptions[kind].(*increments)
	if !ok {
		i = &increments{
			names: make(map[string]bool),
			known: make(map[string]string),
			sent:  make(map[string]*discoveryv3.DeltaDiscoveryResponse),
		}
		s.subscriptions[kind] = i
	}
	return i
}
