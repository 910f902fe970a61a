package xds

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statusv3 "google.golang.org/genproto/googleapis/rpc/status"
)

// conversation is one stream with a fleet, at the level of its messages.
type conversation struct {
	t     *testing.T
	fleet *fleet
	offer *offers
}

func converse(t *testing.T, words string) *conversation {
	t.Helper()
	s := mustState(t, words)
	return &conversation{t: t, fleet: newFleet(func() {}), offer: offersOf(&s)}
}

func (c *conversation) current(k Kind) bool { return c.fleet.observe(c.offer).current[k] }

func (c *conversation) expectCurrent(want bool, when string) {
	c.t.Helper()
	if got := c.current(Clusters); got != want {
		c.t.Errorf("%s: are clusters current? %v, want %v", when, got, want)
	}
}

// asks sends a state-of-the-world request and gives it as the cache sees it.
func (c *conversation) asks(r *discoveryv3.DiscoveryRequest) *discoveryv3.DiscoveryRequest {
	c.t.Helper()
	r.TypeUrl = kinds[Clusters].typeURL
	if err := c.fleet.OnStreamRequest(1, r); err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *conversation) answers(version, nonce string) {
	c.fleet.OnStreamResponse(c.t.Context(), 1, nil, &discoveryv3.DiscoveryResponse{TypeUrl: kinds[Clusters].typeURL, VersionInfo: version, Nonce: nonce})
}

func TestWhatCountsAsAnACK(t *testing.T) {
	c := converse(t, "a")
	version := c.offer.kinds[Clusters].version
	c.asks(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: "envoy-1"}, VersionInfo: version, ResponseNonce: "of another stream"})
	c.expectCurrent(false, "a returning Envoy claims the version, but may have refused it")
	c.answers("old", "1")
	c.answers(version, "2")
	c.asks(&discoveryv3.DiscoveryRequest{VersionInfo: "old", ResponseNonce: "1"})
	c.expectCurrent(false, "an ACK of the answer before")
	c.asks(&discoveryv3.DiscoveryRequest{VersionInfo: version, ResponseNonce: "2"})
	c.expectCurrent(true, "an ACK of the last answer")
	c.answers("next", "3")
	c.expectCurrent(false, "another answer is under way")
}

func TestAChangedSubscriptionAfterANACKIsNoACK(t *testing.T) {
	c := converse(t, "a")
	version := c.offer.kinds[Clusters].version
	c.asks(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: "envoy-1"}})
	c.answers(version, "1")
	long := strings.Repeat("x", maxDetail-1) + "ü"
	nack := c.asks(&discoveryv3.DiscoveryRequest{ResponseNonce: "1", ErrorDetail: &statusv3.Status{Message: long}})
	again := c.asks(&discoveryv3.DiscoveryRequest{ResponseNonce: "1"})
	for _, r := range []*discoveryv3.DiscoveryRequest{nack, again} {
		if r.GetVersionInfo() != version {
			t.Errorf("the cache sees version %q and would answer with %q at once", r.GetVersionInfo(), version)
		}
	}
	c.expectCurrent(false, "after a NACK")
	refusals := c.fleet.takeRefusals()
	if len(refusals) != 1 || refusals[0].Detail != long[:maxDetail-1] {
		t.Errorf("%d refusals, want 1 with Envoy's words cut to whole letters", len(refusals))
	}
}

func TestOnlyEnvoysAreWaitedForButForRoutes(t *testing.T) {
	c := converse(t, "a")
	c.asks(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: "extproc-1"}})
	c.expectCurrent(true, "an ext_proc process that subscribes to clusters")
	if c.fleet.observe(c.offer).proven {
		t.Error("an ext_proc process proves that Envoys take the resources")
	}
	err := c.fleet.OnStreamRequest(1, &discoveryv3.DiscoveryRequest{TypeUrl: kinds[Routes].typeURL, ResourceNames: []string{"edge"}})
	if err != nil || c.current(Routes) {
		t.Errorf("an ext_proc process that has not ACKed routes is not waited for (%v)", err)
	}
}

func TestOtherTypesAreNobodysConcern(t *testing.T) {
	c := converse(t, "a")
	const runtime = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
	node := &corev3.Node{Id: "envoy-1"}
	if err := c.fleet.OnStreamRequest(1, &discoveryv3.DiscoveryRequest{Node: node, TypeUrl: runtime}); err != nil {
		t.Error(err)
	}
	c.fleet.OnStreamResponse(t.Context(), 1, nil, &discoveryv3.DiscoveryResponse{TypeUrl: runtime})
	if err := c.fleet.OnStreamDeltaRequest(1, &discoveryv3.DeltaDiscoveryRequest{Node: node, TypeUrl: runtime}); err != nil {
		t.Error(err)
	}
	c.fleet.OnStreamDeltaResponse(1, nil, &discoveryv3.DeltaDiscoveryResponse{TypeUrl: runtime})
	for k := range numKinds {
		if !c.current(k) {
			t.Errorf("a stream without %s is waited for", k)
		}
	}
}

// says sends a delta request.
func (c *conversation) says(r *discoveryv3.DeltaDiscoveryRequest) error {
	r.TypeUrl = kinds[Clusters].typeURL
	return c.fleet.OnStreamDeltaRequest(1, r)
}

// gives notes a delta answer with resources as they are offered.
func (c *conversation) gives(nonce string, names ...string) {
	answer := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: kinds[Clusters].typeURL, Nonce: nonce}
	for _, name := range names {
		answer.Resources = append(answer.Resources, &discoveryv3.Resource{Name: name, Version: c.offer.kinds[Clusters].digests[name]})
	}
	c.fleet.OnStreamDeltaResponse(1, nil, answer)
}

func TestADeltaClientHoldsWhatItHasACKedPieceByPiece(t *testing.T) {
	c := converse(t, "a")
	must := func(r *discoveryv3.DeltaDiscoveryRequest) {
		t.Helper()
		if err := c.says(r); err != nil {
			t.Error(err)
		}
	}
	must(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "envoy-1"}, ResourceNamesSubscribe: []string{wildcard}})
	c.gives("1", "to-a")
	must(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: "1"})
	c.expectCurrent(false, "one of two")
	c.gives("2", "api-a")
	c.gives("3")
	must(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: "2"})
	c.expectCurrent(false, "both, but an answer is under way")
	must(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: "3"})
	c.expectCurrent(true, "both")
	must(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesUnsubscribe: []string{wildcard}, ResourceNamesSubscribe: []string{"to-a", "none"}})
	c.expectCurrent(true, "what it subscribes to now, as far as it exists")
	must(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesUnsubscribe: []string{"to-a"}})
	must(&discoveryv3.DeltaDiscoveryRequest{ResourceNamesSubscribe: []string{"to-a"}})
	c.expectCurrent(false, "what it has let go must come again")
}

func TestADeltaClientOfWhichNothingIsSureIsSentAway(t *testing.T) {
	c := converse(t, "a")
	if err := c.says(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "envoy-1"}}); err != nil {
		t.Fatal(err)
	}
	c.gives("1", "to-a", "api-a")
	if err := c.says(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: "1", ErrorDetail: &statusv3.Status{Message: "no"}}); err != nil {
		t.Errorf("a NACK ended the stream: %v", err)
	}
	c.gives("2", "to-a")
	if err := c.says(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: "2"}); err == nil {
		t.Error("api-a was refused and would never be sent again, yet the stream goes on")
	}
}
