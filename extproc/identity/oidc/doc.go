// Package oidc lets requests pass with an issuer's signed token (a JSON Web
// Token, RFC 7519) in place of a key: it verifies the token and turns its
// claims into an identity.Key as the catalog's issuers say.
//
// The flow of Verify: verdicts of the last minutes are remembered by the
// token's SHA-256; of any other token the JSON is read strictly, the issuer
// found by iss, its public key by kid, then signature, times, audience and
// required claims are checked and the templates filled in. Run fetches the
// issuers' keys: by discovery (OpenID Connect Discovery 1.0 section 4) or from
// the URL the catalog gives, at the start, every quarter of an hour, and when a
// token names a key that is not known.
//
// Promises: a token whose key is known is judged without I/O, and one that was
// judged lately without an allocation. Keys that cannot be fetched anew stay
// good for Config.Outage. However many unknown keys are named, an issuer is
// asked once in 30 s because of them, by one request at a time, and who named
// one waits for at most 2 s. Memory is bounded, as are time and size of
// everything fetched. A key that the issuer withdraws takes with it what was
// remembered of its tokens. Messages say what is wrong and repeat nothing of
// the token.
//
// Refuses: unsigned tokens and shared secrets (whatever the catalog says), keys
// and URLs that a token brings along (jwk, jku, x5c, x5u), critical extensions,
// tokens without exp, kid or audience, names twice in one JSON object, redirects
// to other hosts, plain http but for loopback.
//
// Concurrency: a Verifier may be used by any number of goroutines. Run owns all
// goroutines and waits for them; without it no keys come in.
package oidc
