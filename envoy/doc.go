// Package envoy is Dragoman's contract with Envoy: the names both sides must
// spell alike (listeners, clusters, routes, headers, metadata), the pinned
// release, and how its binary is had, started and stopped.
//
// Promises: every name that appears in a configuration and in code is declared
// here once. Refuses: to know anything of catalogs, requests or models.
// Everything but Process is a constant or a pure function.
package envoy
