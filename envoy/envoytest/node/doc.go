// Package node runs JavaScript clients for tests, with the npm packages that a
// package.json and its lock name.
//
// Promises: Install needs neither a Node.js nor packages on the machine; what
// is missing is fetched once, from PyPI and npm, pinned by hash, into the
// user's cache directory. Refuses to run packages' own install scripts, and to
// fall back on a Node.js that is too old: without the right one the error says
// what to do.
//
// Concurrency: everything may be called from several goroutines and processes;
// what two of them fetch at once is put in place by a rename, and the second is
// thrown away.
package node
