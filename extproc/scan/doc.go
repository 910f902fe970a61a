// Package scan is the JSON scanner of the request path: it validates a whole
// text in one pass and lets the caller look at chosen members on the way,
// without building values.
//
// Promises: RFC 8259, checked over every byte that a [Walk] passes; time
// linear in the text; no allocation unless a walked member name contains
// escapes or the text is wrong; errors that carry the byte offset and what was
// expected there; nesting up to [Depth] levels, a precise error below that.
//
// Where RFC 8259 leaves room, the stricter reading holds, so that no second
// parser can see another text than this one did: a byte order mark, bytes
// after the value and strings that are not UTF-8 are refused. An escaped lone
// surrogate (\ud800) is accepted, because encoders of UTF-16 languages write
// it, and decodes to U+FFFD. Members that occur twice are the caller's to judge
// with [Walk.Guard].
//
// Refuses: decoding into Go structures, streaming input, comments and every
// other extension of JSON.
//
// Concurrency: a Walk belongs to one goroutine; it never writes to the text.
package scan
