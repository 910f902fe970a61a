// Package meter counts what the service does, for Prometheus.
//
// Promises: every label comes from a closed set: the enums and names of
// label.go and records.go, chain.Reason, llm.Kind, or the catalog's providers;
// anything else is "other". So no client can make a new series. Events on the
// request path touch counters made ahead of time and allocate nothing.
//
// Refuses: model names, keys, ids and URLs as labels; a registry of its own.
//
// Concurrency: a Meter may be used by all streams at once. The providers' set
// is an immutable value behind an atomic pointer. A nil *Meter counts nothing.
package meter
