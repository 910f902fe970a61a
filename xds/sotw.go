package xds

import (
	"context"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
)

// wholeState is a subscription in the state-of-the-world protocol: every
// answer holds all resources and has one version.
type wholeState struct {
	nonce, sent string // of the last answer
	acked       string // "" while unknown
	refused     string // the version of the last answer if it was NACKed, else ""
}

var (
	_ subscription     = (*wholeState)(nil)
	_ sotwv3.Callbacks = (*fleet)(nil)
)

func (w *wholeState) version() string { return w.acked }

func (w *wholeState) holds(o offer) bool { return w.acked == o.version && w.sent == o.version }

// OnStreamOpen is part of go-control-plane's callbacks. A stream is known from
// its first request on, which names the node.
func (f *fleet) OnStreamOpen(context.Context, int64, string) error { return nil }

// OnStreamClosed forgets the stream.
func (f *fleet) OnStreamClosed(id int64, _ *corev3.Node) { f.closed(streamID{id: id}) }

// OnStreamResponse notes what is about to be sent.
func (f *fleet) OnStreamResponse(_ context.Context, id int64, _ *discoveryv3.DiscoveryRequest, answer *discoveryv3.DiscoveryResponse) {
	kind, ok := kindOf(answer.GetTypeUrl())
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w := wholeStateOf(f.request(streamID{id: id}, nil), kind)
	w.nonce, w.sent, w.refused = answer.GetNonce(), answer.GetVersionInfo(), ""
}

// nobody names no resource.
const nobody = "\x00"

// OnStreamRequest reads what a request says about the last answer. An ACK
// repeats nonce and version. A NACK has an error; so that it is not answered
// with the same resources again, and again, the request is made to claim the
// version that it refuses: then the next answer comes with the next version.
func (f *fleet) OnStreamRequest(id int64, request *discoveryv3.DiscoveryRequest) error {
	kind, ok := kindOf(request.GetTypeUrl())
	f.mu.Lock()
	s := f.request(streamID{id: id}, request.GetNode())
	switch {
	case ok && kind.byName() && len(request.GetResourceNames()) == 0:
		// Envoy subscribes to the routes of a listener before it knows whether
		// it can have the listener. If not it names none, for which the cache
		// would give all; and it answers what it has no use for by asking
		// again, at once.
		s.parked[kind], s.subscriptions[kind] = wholeStateOf(s, kind), nil
		request.ResourceNames = []string{nobody}
	case ok && s.parked[kind] != nil:
		// Whatever it held, it does not now; an ACK will follow.
		w := s.parked[kind]
		w.acked = ""
		s.parked[kind], s.subscriptions[kind] = nil, w
	case ok:
		w := wholeStateOf(s, kind)
		if nonce := request.GetResponseNonce(); nonce != "" && nonce == w.nonce {
			f.answered(s, kind, w, request)
		}
	}
	f.mu.Unlock()
	f.wake()
	return nil
}

// answered handles a request that is about the last answer. Caller must hold
// mu.
func (f *fleet) answered(s *stream, kind Kind, w *wholeState, request *discoveryv3.DiscoveryRequest) {
	switch {
	case request.GetErrorDetail() != nil:
		// Envoy keeps what it could take of a refused answer, so it holds no
		// version at all.
		w.acked, w.refused = "", w.sent
		f.refuse(s, kind, w.sent, request.GetErrorDetail())
		request.VersionInfo = w.sent
	case w.refused == w.sent:
		// A change of the subscription after a NACK: it still claims the
		// version before.
		request.VersionInfo = w.sent
	case request.GetVersionInfo() == w.sent:
		w.acked = w.sent
	}
}

// wholeStateOf gives the subscription, a new one if there is none. Caller must
// hold mu.
func wholeStateOf(s *stream, kind Kind) *wholeState {
	if w := s.parked[kind]; w != nil {
		return w
	}
	w, ok := s.subscriptions[kind].(*wholeState)
	if !ok {
		w = &wholeState{}
		s.subscriptions[kind] = w
	}
	return w
}
