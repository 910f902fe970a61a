// Package xds is Dragoman's ADS server: it brings every connected Envoy from
// one set of resources to the next without a failed request.
//
// The flow: Publish(Resources) → consistency check → rollout (a pure state
// machine with time as an argument) → snapshot → streams. What subscribers
// answer comes back through the fleet, which knows what each of them holds,
// and lets the rollout take its next step:
//
//	clusters   old ∪ new clusters and secrets   (ACK: they are warm)
//	listeners  old ∪ new internal listeners     the edge stays as it was
//	routes     the new routes                   everything they name is there
//	edge       the new edge listener
//	serving    after RemoveAfter: listeners nobody wants, then clusters
//
// Each step changes one kind of resource and waits until every subscriber
// that counts has ACKed it, because streams order nothing between types: an
// attempt listener that comes before its provider's cluster is refused, and a
// route to a cluster that Envoy does not know ends its requests with 503.
// Envoy withholds the ACK of clusters until all of them are warm, so the wait
// includes the first DNS answer.
//
// Promises: all Envoys are offered the same resources; versions are content
// hashes, so what did not change is not pushed again; a set that names
// something missing is refused by Publish and the last good one stays; a set
// that an Envoy refuses (NACK) goes no step further, what it changed is taken
// back to what was last ACKed by all, and Status says whose words they were.
// A refused version is not sent to that stream again.
//
// Refuses: to build resources, to keep state across restarts, and to guess
// what an Envoy holds that has lost its stream for longer than RemoveAfter:
// such an Envoy may route to a removed cluster for the moment between two
// answers. The owner of the gRPC server sets its keepalive; it is what finds
// a frozen Envoy, and until then AckTimeout bounds how long each step waits.
//
// Concurrency: Run owns the rollout and is the only goroutine that publishes.
// Publish and Status may be called from anywhere, before, during and after
// Run. Stream handlers belong to the gRPC server; Run returns after the last
// of them has.
package xds
