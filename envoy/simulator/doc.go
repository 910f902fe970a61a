// Package simulator is a scripted provider: it answers like a vendor's API and
// breaks, on request, in every way a provider can.
//
// Promises: the bytes of an answer depend on the request, the script, the
// provider's name and the clock in Config alone, so two runs agree and
// [Provider.Body] tells beforehand what a client must receive. What a script
// asks for happens on the wire: a reset is a TCP RST, a truncated answer is a
// complete HTTP message, a hang lasts until the client leaves. Streams and
// large answers are written as they are made; a 64 MB answer holds no 64 MB.
//
// Refuses: thinking. One choice per answer whatever n says; a request is
// checked for what a script or an answer needs (model, messages), not against
// the vendor's schema; an unknown script field is an error, never ignored.
//
// Where a script comes from, later ones winning field by field: the "*" entry
// of the request's top-level member "sim", the entry with the provider's name,
// and [Provider.SetFault] (or [Fleet.Control] over HTTP).
//
//	{"model":"m","messages":[…],"sim":{"openai":{"reset":"mid","events":20}}}
//
// The parts: script (what to do), plan (the pure answer to one request),
// perform (the only code that writes), openai (the only code that knows the
// wire format; other dialects join as siblings), recorder and fleet.
//
// Concurrency: a Provider and a Fleet serve any number of goroutines. Handlers
// start no goroutines; a Fleet owns one per listener and waits in Stop,
// Shutdown and Close for it, for the connections and for the handlers.
package simulator
