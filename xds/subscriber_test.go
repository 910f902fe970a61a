package xds

import (
	"context"
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// wire is one ADS stream in either protocol. Used by one goroutine, but for
// next, which another one may call.
type wire interface {
	// subscribe asks for resources by name, for all if there are none.
	subscribe(kind Kind, names []string) error
	// next blocks until an answer comes.
	next() (answer, error)
	// reply ACKs an answer, or refuses it if detail is not empty.
	reply(a answer, detail string) error
}

// answer is what a stream got: what there is now, or how it changed.
type answer struct {
	kind           Kind
	version, nonce string
	whole          bool
	resources      []*anypb.Any
	versions       map[string]string
	removed        []string
}

// subscriber is a client that behaves as Envoy does: it asks for clusters,
// then listeners, then the routes that listeners name; it ACKs what it takes.
type subscriber struct {
	t     *testing.T
	wire  wire
	done  chan struct{}
	close context.CancelFunc
	// commands run in the subscriber's own goroutine, which owns the rest.
	commands chan func()

	holds [numKinds]map[string]proto.Message
	asked [numKinds]string
	// refuses gives the words with which an answer is refused, "" to take it.
	refuses func(kind Kind, words string) string
	// mute keeps the ACKs of a kind back.
	mute    [numKinds]bool
	kept    []answer
	journal []string
}

// protocol opens a stream as node. held are the versions by resource that a
// client tells a delta server when it comes back.
type protocol func(ctx context.Context, client discoveryv3.AggregatedDiscoveryServiceClient, node string, held *subscriber) (wire, error)

// subscribe starts a subscriber. It ends with the test, or when it leaves.
func subscribe(t *testing.T, conn *grpc.ClientConn, open protocol, node string, before *subscriber, set ...func(*subscriber)) *subscriber {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w, err := open(ctx, discoveryv3.NewAggregatedDiscoveryServiceClient(conn), node, before)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	s := &subscriber{t: t, wire: w, done: make(chan struct{}), close: cancel, commands: make(chan func())}
	for k := range s.holds {
		s.holds[k] = make(map[string]proto.Message)
	}
	if before != nil {
		s.holds = before.holds
	}
	for _, f := range set {
		f(s)
	}
	go s.run(ctx)
	t.Cleanup(s.leave)
	if strings.HasPrefix(node, SubscriberPrefix) {
		s.do(func() { s.ask(Routes, "dragoman-edge") })
	} else {
		s.do(func() { s.ask(Clusters) })
	}
	return s
}

// leave ends the stream and waits for the subscriber's goroutines.
func (s *subscriber) leave() {
	s.close()
	<-s.done
}

// do runs f in the subscriber's goroutine and waits for it.
func (s *subscriber) do(f func()) {
	ran := make(chan struct{})
	select {
	case s.commands <- func() { f(); close(ran) }:
		<-ran
	case <-s.done:
		s.t.Error("the subscriber's stream has ended")
	}
}

func (s *subscriber) run(ctx context.Context) {
	defer close(s.done)
	answers := make(chan answer)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			a, err := s.wire.next()
			if err != nil {
				return
			}
			select {
			case answers <- a:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { s.close(); <-ended }()
	for {
		select {
		case a := <-answers:
			s.take(a)
		case f := <-s.commands:
			f()
		case <-ended:
			return
		}
	}
}
