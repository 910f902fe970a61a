// Package redistest runs real Redis servers for tests: one, a cluster, or a
// master with its replica under Sentinels.
//
// The binary, first success wins: REDIS_SERVER → redis-server in PATH → the
// distribution's packages, as package debian gets them into the project's
// cache.
//
// Promises: the binary has answered --version with 7 or more; a server listens
// on 127.0.0.1 only, on a port that stays its own while it is down; its data
// lie in the test's directory; it ends with the test and, on Linux, with the
// test's process, however that ends.
//
// Refuses: to fall back when REDIS_SERVER is set but wrong, and to touch what
// the machine has installed, its package lists included.
//
// Concurrency: packages tested at the same time share the cache; one of them
// downloads. A Server's methods may be called from any goroutine; one at a time
// changes its process.
package redistest
