// Package matrix holds every client surface against every provider dialect on a
// real Envoy, with the vendors' own SDKs as clients.
//
// Promises: what a combination must give follows from the [Question] and from
// what the scripted provider heard, never from the gateway; what a surface or a
// provider cannot express stands in one table with the reason. Everyday runs
// take text and tools of every pair and a seeded sample of the rest, of which
// the seed is printed; LONG=1 takes all, MATRIX_SEED repeats a sample.
//
// Refuses: to know any wire format. A client is a [Driver], which asks its SDK
// and tells what came of it in the words of [Outcome]; a provider is a [Target]
// of the simulator, whose requests are read by simulator.Hear.
//
// The seam for clients that are no Go code: Question and Outcome are plain JSON,
// so that a Driver may pass them to a process of its own, a line each.
//
// Concurrency: Drivers may be asked by many goroutines at once.
package matrix
