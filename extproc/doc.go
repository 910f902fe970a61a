// Package extproc is the service Envoy asks about every request: the router
// stage once a request, the attempt stage once an attempt, and the access logs
// that end an exchange.
//
// The flow, in the words of the design:
//
//	router stage   headers → surface, identity │ body → envelope → chain
//	               → estimate reserved and journalled → exchange registered
//	               → one answer (routing header, chain)
//	attempt stage  exchange by id → target by attempt → request for that target
//	               response → hold → commit and leave │ translate │ fail over;
//	               what it saw of usage goes to the exchange's tally
//	access log     usage that guards found, end of request → exchange settled,
//	               exactly once: limits, journal, record; usage that comes later
//	               corrects an estimate, once
//	sweep          an exchange of which nothing is heard → settled unobserved
//	start          what an earlier process left in the journal → adopted
//
// Promises: nothing passes without identity; a body is scanned once and every
// attempt is encoded from the pristine request; the client sees one clean
// answer and never a byte of a failed attempt; what was committed is either
// whole or visibly broken; every exchange ends exactly once.
//
// Refuses: I/O on the request path other than Envoy's stream, media by URL that
// a target takes as bytes only, and three waits that are bounded: for a lease
// (quota.wait), for a place among the requests under way (placeWait), for an
// issuer's unknown key (package oidc). Questions about records read their store.
// It refuses per-request logging above debug, too, and unknown exchanges (they
// fail; they never become an empty body).
//
// Concurrency: one goroutine per ext_proc stream, owned by the gRPC server.
// What streams share is the exchange table (sharded, each shard behind its own
// mutex), the Books, whose parts are safe by themselves, and immutable snapshots
// behind atomic pointers: a stream loads each once. An exchange's mutex guards
// what it spends and is held while it is settled. A held attempt may be answered by its deadline timer; a compare-and-
// swap on its phase decides who answers, so no lock is held across a send.
package extproc
