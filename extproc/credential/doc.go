// Package credential turns the catalog's references into what providers want
// to see: request headers, made once and ready to be set.
//
// Promises: a Secret cannot be printed, logged or marshalled, whatever the
// verb; errors name where a secret should be, never what stands there; Build
// reports every missing credential at once.
//
// Refuses: secrets in clear text (the catalog has references only), secrets
// that are no header value, files that are no files. It caches nothing: a new
// Set reads environment and files anew, which is how rotation works.
//
// Concurrency: Secrets and Sets are immutable and may be shared freely.
package credential
