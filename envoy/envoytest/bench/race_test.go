//go:build race

package bench

// instrumented: the race detector slows ext_proc, but not Envoy, so costs say
// nothing.
const instrumented = true
