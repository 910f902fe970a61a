// Package extproc is the service Envoy asks about every request: the router
// stage once a request, the attempt stage once an attempt, and the access logs
// that end an exchange.
//
// The flow, in the words of the design:
//
//	router stage   headers → surface, identity │ body → envelope → chain
//	               → exchange registered → one answer (routing header, chain)
//	attempt stage  exchange by id → target by attempt → request for that target
//	               response → hold → commit and leave │ translate │ fail over
//	access log     end of request → exchange settled, exactly once
//
// Promises: nothing passes without identity; a body is scanned once and every
// attempt is encoded from the pristine request; the client sees one clean
// answer and never a byte of a failed attempt; what was committed is either
// whole or visibly broken; every exchange ends exactly once.
//
// Refuses: I/O on the request path other than Envoy's stream and media by URL
// that a target takes as bytes only, per-request logging above debug, unknown exchanges (they fail; they never become an
// empty body).
//
// Concurrency: one goroutine per ext_proc stream, owned by the gRPC server.
// What streams share is the exchange table (sharded, each shard behind its own
// mutex) and immutable snapshots behind atomic pointers: a stream loads each
// once. A held attempt may be answered by its deadline timer; a compare-and-
// swap on its phase decides who answers, so no lock is held across a send.
package extproc
