// Package envoytest runs the whole gateway around a real Envoy for tests:
// scripted providers, ext_proc, xDS and Envoy, on ports and sockets of their
// own, and holds the integration suite.
//
// Promises: Start returns when the edge serves, and everything it started has
// ended when the test has; what Envoy and Dragoman logged is shown only where
// a test fails. Refuses to skip: where Envoy cannot be had, the test fails and
// says what to do.
//
// Concurrency: a Gateway may be used by many goroutines; Offer and the Child's
// signals are for one at a time. Gateways don't share anything, so tests that
// use them may run side by side.
package envoytest
