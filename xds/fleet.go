package xds

import (
	"strings"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statusv3 "google.golang.org/genproto/googleapis/rpc/status"
)

// SubscriberPrefix starts the node ids of ext_proc processes. They subscribe
// to routes only, and are not waited for when clusters or listeners change.
const SubscriberPrefix = "extproc"

// maxDetail bounds what is kept of a NACK's message, in bytes.
const maxDetail = 4 << 10

// offer is what subscribers of one kind can get.
type offer struct {
	version string
	// digests are the versions of the resources, by name.
	digests map[string]string
}

// offers are what subscribers can get, and which kinds an Envoy must
// subscribe to before it holds all of it. Immutable.
type offers struct {
	kinds    [numKinds]offer
	required [numKinds]bool
}

// offersOf describes a live state.
func offersOf(s *state) *offers {
	o := &offers{}
	for k := range numKinds {
		digests := make(map[string]string, len(s[k].items))
		for name, it := range s[k].items {
			digests[name] = it.digest
		}
		o.kinds[k] = offer{version: s[k].version, digests: digests}
		// Envoy asks for the other kinds only if something names them.
		o.required[k] = k == Clusters || k == Listeners || s.needsAny(k)
	}
	return o
}

// subscription is what one stream has of one kind.
type subscription interface {
	// holds tells whether the last thing ACKed is what is offered, and nothing
	// else is under way.
	holds(offer) bool
	// version is the one ACKed last, "" if none.
	version() string
}

// streamID identifies a stream: the two protocols count apart.
type streamID struct {
	delta bool
	id    int64
}

type stream struct {
	// node is "" until the stream's first request.
	node          string
	subscriptions [numKinds]subscription
	// parked are subscriptions, of the state-of-the-world protocol, that name
	// nothing: they are not waited for.
	parked [numKinds]*wholeState
}

func (s *stream) isEnvoy() bool { return !strings.HasPrefix(s.node, SubscriberPrefix) }

// counts tells whether the rollout of a kind waits for this stream.
func (s *stream) counts(k Kind) bool {
	return s.subscriptions[k] != nil && (k == Routes || s.isEnvoy())
}

// fleet knows all streams and what each of them holds. Its methods are called
// by stream handlers and by the server; mu guards everything but wake.
type fleet struct {
	// wake is called, without mu, when something may let the rollout go on.
	wake func()

	mu       sync.Mutex
	streams  map[streamID]*stream
	anyone   bool
	refusals []Refusal // since the last takeRefusals
}

func newFleet(wake func()) *fleet {
	return &fleet{wake: wake, streams: make(map[streamID]*stream)}
}

// request finds the stream of a request. Only the first request of a stream is
// sure to carry the node. Caller must hold mu.
func (f *fleet) request(id streamID, node *corev3.Node) *stream {
	s := f.streams[id]
	if s == nil {
		s = &stream{}
		f.streams[id] = s
	}
	if s.node == "" {
		s.node = node.GetId()
	}
	f.anyone = true
	return s
}

func (f *fleet) closed(id streamID) {
	f.mu.Lock()
	delete(f.streams, id)
	f.mu.Unlock()
	f.wake()
}

// refuse keeps a NACK for the rollout. Caller must hold mu.
func (f *fleet) refuse(s *stream, kind Kind, version string, detail *statusv3.Status) {
	words := detail.GetMessage()
	if len(words) > maxDetail {
		words = words[:maxDetail]
	}
	f.refusals = append(f.refusals, Refusal{Kind: kind, Version: version, Node: s.node, Detail: strings.ToValidUTF8(words, "")})
}

func (f *fleet) takeRefusals() []Refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.refusals
	f.refusals = nil
	return taken
}

// observe tells how far the subscribers are with what is offered.
func (f *fleet) observe(o *offers) acks {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := acks{anyone: f.anyone}
	for k := range a.current {
		a.current[k] = true
	}
	for _, s := range f.streams {
		proven := s.isEnvoy()
		for k := range numKinds {
			sub := s.subscriptions[k]
			holds := sub != nil && sub.holds(o.kinds[k])
			if s.counts(k) && !holds {
				a.current[k] = false
			}
			if !holds && (sub != nil || o.required[k]) {
				proven = false
			}
		}
		a.proven = a.proven || proven
	}
	return a
}

// lagging names the nodes that hold a step back, without repetition.
func (f *fleet) lagging(o *offers, overdue []Kind) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	nodes := make(map[string]bool)
	for _, s := range f.streams {
		for _, k := range overdue {
			if s.counts(k) && !s.subscriptions[k].holds(o.kinds[k]) {
				nodes[s.node] = true
			}
		}
	}
	return sortedNames(nodes)
}
