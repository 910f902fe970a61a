// Package identity tells who asks: it finds the API key among a request's
// headers and the key's entry in the catalog.
//
// The flow: each header is Offered to a Presented; Table.Check judges what it
// found. Generate makes a new key, CatalogLine its entry.
//
// Promises: nothing passes without exactly one key that is known; a key is
// known by the SHA-256 of all of it and nothing shorter, so neither a hash nor
// a part of a key passes for one; a success allocates nothing; messages never
// repeat what was sent.
//
// Refuses: I/O, clocks; keys in query strings, which end up in logs.
//
// Concurrency: a Table is immutable; a Presented belongs to one request.
package identity
