// Package identity tells who asks: it finds the credential among a request's
// headers and what it stands for: a key of the catalog, a key of the directory
// or, with package oidc, an issuer's token.
//
// The flow: each header is Offered to a Presented; Table.Check judges what it
// found. What Presented.JWT calls a token goes to an oidc.Verifier instead,
// where issuers are configured, and its Key through Table.Admit. Generate makes
// a new key, CatalogLine its entry.
//
// Promises: nothing passes without exactly one key that is known, has not
// expired and whose tenant is not suspended; a key is known by the SHA-256 of
// all of it and nothing shorter, so neither a hash nor a part of a key passes
// for one; a success allocates nothing; messages never repeat what was sent. A
// withdrawn key is as unknown as one that never was.
//
// Refuses: I/O, clocks; keys in query strings, which end up in logs.
//
// Concurrency: Tables and Keys are immutable; a Presented belongs to one
// request.
package identity
