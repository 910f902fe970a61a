// Package resource builds Envoy's configuration from a catalog: pure functions
// from values to protos, one file per Envoy noun.
//
// The picture: one edge listener whose connection manager carries the router
// stage; per provider an attempt listener (internal, in the same Envoy) whose
// connection manager carries the attempt stage, the guard and the route to the
// provider; clusters for both, and an express cluster for requests the router
// stage has rewritten itself. ext_proc filters stand on connection managers
// only: in a cluster's upstream chain they can crash Envoy 1.40.
//
// Promises: the same catalog and options give the same bytes; every name used
// is built; what is ordered (filters, routes, access logs) is ordered in one
// place with a reason a line. Refuses: I/O, clocks, secrets (credentials never
// stand in Envoy's configuration).
//
// Concurrency: none; a Set is not changed after Build returns it.
package resource
