// Package fetch reads images and files by URL, for providers that need their
// bytes. The URLs are written by clients, so that every fetch is guarded
// against use as a way into the operator's network.
//
// Promises: only public addresses are connected to. That is judged on the
// address dialled, whatever its name resolves to at that moment, for every
// redirect anew. A fetch ends within its time, and no more is read than is
// allowed, whatever the server says of its length. What is told to clients
// names the rule that was broken and nothing of the network: a name that does
// not resolve and one that resolves to a private address read alike.
//
// Refuses: plain http, user names and passwords, other ports, other kinds of
// data than are listed, data that is not what the server calls it, compressed
// answers. It keeps no cookies, sends no credentials, no Referer and no header
// of the client's, and uses no proxy.
//
// Concurrency: a Fetcher may be shared freely. It starts no goroutines of its
// own: of several callers with one URL the first fetches in its own goroutine
// and the others wait for it.
package fetch
