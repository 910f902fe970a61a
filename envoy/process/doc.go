// Package process runs one Envoy as a child: start, watch, drain, stop.
//
// Start returns when Envoy's admin endpoint says LIVE, or fails with Envoy's
// own last words; a port that is taken is named. The bootstrap is written to a
// private directory that is gone again when Start returns. What Envoy logs is
// parsed, freed of credentials, kept in a bounded ring and forwarded to a
// slog.Logger.
//
// Promises: the child never outlives Stop, and on Linux never outlives this
// process, not even after kill -9. Refuses: hot restart (several Envoys share
// a host), passing on this process's environment (it may hold provider keys),
// and restarting an Envoy that ended: Done tells, the owner decides.
//
// Concurrency: all methods of Process may be called from any goroutine, as
// often as one likes. One goroutine per Process waits for the child; it ends
// with the child, before Done is closed.
package process
