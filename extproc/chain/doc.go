// Package chain decides which targets serve a request, in which order, and
// what a failed attempt means for the next one.
//
// The flow: Build (or Defaults.For, ahead of time) gives the chain; Classify
// judges how an attempt ended; Repeat says whether a lone target may be asked
// again; Cooling remembers who asked for a pause; Verdict turns the failures
// of all attempts into the client's one error.
//
// Promises: a chain holds only targets that stand in the routes Envoy has and
// in the catalog; one attempt per target, a lone one twice; a target that is
// known to lack what the request needs is passed over, and the chain says so;
// neither that nor a pause takes away the only target, but for what no target
// can do at all; a provider's 401, 403 or 404 never becomes the client's.
//
// Refuses: I/O, clocks, randomness: time is an argument. It does not weigh
// health; the order that xDS publishes has done that. Price decides where the
// client asks for it.
//
// Concurrency: everything but Cooling is a pure function or an immutable
// value. Cooling may be used by all streams at once.
package chain
