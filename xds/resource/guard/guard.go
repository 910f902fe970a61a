// Package guard carries the Lua scripts that Envoy's Lua filter runs on the
// way back from a provider, where nothing of ours sees the bytes.
//
// Stream is for attempt listeners, behind ext_proc. It obeys the orders that
// ext_proc leaves in envoy.GuardNamespace and without orders costs nothing per
// event. It promises: every byte that is not a
// usage event passes unchanged, in order and, unless it begins an event that
// may still become one, at once; a stream that ended without a finish reason
// ends in an error event of its dialect, the provider's own or else the guard's;
// one that lacks only its end marker gets it. A reset stays a reset.
//
// Answer is for the upstream filters of express clusters. It holds a JSON
// answer until it is whole and turns what another target may do better into a
// status that the router retries, leaving word of it in envoy.FailedNamespace
// for the next attempt. The client's dialect stands in envoy.ExchangeNamespace.
// An error that passes loses the gateway's own credentials, should the provider
// repeat them: they stand in envoy.KeysHeader.
//
// Both leave the usage object they find in envoy.UsageNamespace, as the provider
// wrote it, and how an answer broke off: access logs carry it. Of a JSON answer
// that nobody holds they read the end as it passes. Envoy's own filter for token
// usage reads every event as JSON, which costs twice what the guards do in all,
// and is marked as work in progress.
//
// What they ask of their surroundings:
//
//   - ext_proc removes content-length from the headers of every event stream
//     it releases: a script that replaces a chunk's bytes makes Envoy set
//     content-length to that chunk's size, and headers still held by ext_proc
//     would carry it to the client, who then takes the first chunk for all.
//   - an express route sets request_body_buffer_limit to AnswerBuffer: an
//     answer of unknown length that outgrows the stream's buffer becomes a 500
//     that Envoy does not retry, and without it the buffer is the listener's.
//
// They refuse to read encoded answers (any content-encoding but identity): to
// Answer one with status 200 is broken, all others pass as they are. So does
// every status but 200 and, for Answer, 4xx. A stream that
// HTTP/2 trailers end is passed on, but nothing can be added to it, and an
// unfinished event that might have become a usage event is lost with them.
//
// Concurrency: a script's state belongs to one stream; nothing is shared.
package guard

import _ "embed"

// AnswerBuffer is the request_body_buffer_limit, in bytes, of the routes to
// express clusters: the longest answer of unknown length that Answer can hold.
// One of known length is held up to 256 KiB and passes unheld beyond.
const AnswerBuffer = 16 << 20

var (
	//go:embed text.lua
	text string
	//go:embed stream.lua
	stream string
	//go:embed tails.lua
	tails string
	//go:embed answer.lua
	answer string
)

// Stream is the Lua source of the guard of event streams.
func Stream() string { return text + "\n" + stream + "\n" + tails }

// Answer is the Lua source of the guard of express answers.
func Answer() string { return answer }
