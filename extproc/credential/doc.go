// Package credential turns the catalog's references into what providers want
// to see: request headers. A static key's are made once; a cloud's tokens and
// signatures come from what a background loop keeps fresh.
//
// Promises: a Secret cannot be printed, logged or marshalled, whatever the
// verb; errors and log lines name where a secret should be, never what stands
// there; Build reports every missing credential at once. Authorize does no
// I/O: it uses what is in memory, and what is over is never used. Tokens are
// fetched ahead of their end, by one caller at a time, and the last good one
// serves to its end when fetching fails.
//
// Refuses: secrets in clear text (the catalog has references only), secrets
// that are no header value, files that are no files. Keys are not cached: a
// new Set reads environment and files anew, which is how rotation works. Only
// a cloud's tokens outlive a Set, through Inherit.
//
// Concurrency: Secrets are immutable. A Set may be shared freely once Build
// and Inherit are done; Run owns all goroutines and waits for them.
package credential
