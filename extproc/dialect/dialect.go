// Package dialect declares what a wire format must be able to do for the hub,
// and lists the formats this build speaks (package dialect/table is the one
// place that imports them all).
//
// The flow of a translated exchange:
//
//	client bytes ─Scan→ Envelope ─Decode→ llm.Request ─Encode→ provider bytes
//	provider bytes ─Reader→ llm.Event… ─Writer→ client bytes
//
// and of one whose two ends agree: client bytes ─Scan→ Envelope ─Patch→
// provider bytes, and nothing on the way back but Probe and Check.
//
// Laws, fuzzed for every dialect: a Reader or Probe fed in any chunking gives
// the same events; decode∘encode is the identity on what the dialect can say;
// output is byte-stable; nothing panics; memory is bounded.
//
// What all dialects share beside the flow lives here, too: the gateway options
// of a request (Options), what vendors' errors mean (Fault, RetryAfter) and what
// an answer must at least be (CheckObject, IsError). What codecs are built of
// has packages of its own: envelope and patch for requests that are scanned and
// patched, stream and fault for what providers send, members for JSON.
//
// Concurrency: Codecs are immutable; Readers, Writers and Probes belong to one
// goroutine.
package dialect

import (
	"net/http"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Codec is one wire format. All functions are pure. Those of a half that this
// build does not need are nil: nobody asks the gateway in Bedrock's dialect, and
// an operation without streams has none.
type Codec struct {
	Name llm.Dialect
	Surface
	Wire
}

// Surface is the half of a codec that faces clients.
type Surface struct {
	// Scan reads a request once: it validates the whole JSON text and finds
	// what the router stage decides on. The Envelope's spans index into body.
	// Dialects whose path names the model leave Model and Stream empty.
	Scan func(body []byte) (Envelope, *llm.Problem)
	// DecodeRequest reads a request that Scan has accepted.
	DecodeRequest func(body []byte) (*llm.Request, *llm.Problem)
	// EncodeAnswer appends the JSON answer that events make.
	EncodeAnswer func(dst []byte, events []llm.Event, r Reply) []byte
	NewWriter    func(Reply) Writer
	// EncodeError gives the JSON body in which clients of this dialect expect
	// a problem; the status is the problem's own.
	EncodeError func(p *llm.Problem, generation string) []byte
	// EncodeStreamError is the same as an event of a stream that has begun.
	EncodeStreamError func(p *llm.Problem, generation string) []byte
}

// Wire is the half of a codec that faces providers.
type Wire struct {
	// Path is the provider's path below its base path for a request, with its
	// query.
	Path func(e *Envelope, t Target) string
	// Headers are sent with every request in this dialect.
	Headers []Header
	// Patch changes body for a target of the same dialect: the pieces, one
	// after the other, are the new body. Most of them lie in the old one, which
	// must not change while they are in use.
	Patch func(body []byte, e *Envelope, t Target) [][]byte
	// EncodeRequest appends the request for a target to dst and names the
	// fields (JSON paths) that this dialect cannot express.
	EncodeRequest func(dst []byte, r *llm.Request, t Target) (out []byte, dropped []string, p *llm.Problem)
	// Inlines tells that media must come as bytes: EncodeRequest gets none by
	// URL but those that Fetches accepts.
	Inlines bool
	// Fetches tells whether the provider itself reads this URL, such as one of
	// the vendor's own storage; nil = none. It only matters with Inlines.
	Fetches func(url string) bool

	// NewProbe watches the start of a stream in the leave lane.
	NewProbe func() Probe
	// CheckAnswer judges a JSON answer with status 200 without decoding it:
	// nil if it is a whole answer of this dialect. complete is false when body
	// is only its first bytes: then only what can be known is judged.
	CheckAnswer func(body []byte, complete bool) *llm.Problem

	// FindUsage gives the usage object of a whole JSON answer, nil if it has
	// none. DecodeUsage reads such an object, or several one after the other as
	// a stream reported them; nil if they count nothing.
	FindUsage   func(body []byte) []byte
	DecodeUsage func(raw []byte) *llm.Usage
	// FinishAt is where a whole JSON answer has its word for why it ends: members'
	// names from the outside in; of an array, the last element counts.
	FinishAt []string
	// Finishes are the words for why an answer ends, in the letter case of the
	// dialect's vendor; "" is what an answer means that says nothing.
	Finishes map[string]llm.FinishReason

	// StreamType is the media type of streams, "" = text/event-stream.
	StreamType string
	NewReader  func() Reader
	// DecodeAnswer reads a JSON answer as the events a stream would carry.
	DecodeAnswer func(body []byte) ([]llm.Event, *llm.Problem)
	// DecodeError reads a provider's error answer (status >= 400, or an error
	// object under 200). header is read for Retry-After and for what else the
	// vendor says there.
	DecodeError func(status int, header http.Header, body []byte) *llm.Problem
}

// Header is a static request header; the name is in lower case.
type Header struct{ Name, Value string }

// Span is a half-open range of bytes of the request body; the zero Span means
// absent.
type Span struct{ From, To int }

// Set tells whether the span is present.
func (s Span) Set() bool { return s.To > s.From }

// Envelope is what the router stage needs of a request.
type Envelope struct {
	Model     string
	Stream    bool
	MaxTokens int64 // of output for one choice; 0 = not given
	N         int64 // choices, at least 1
	// WantsUsage is set when the client itself asked for usage in the stream.
	WantsUsage bool
	Options    Options
	// Needs is what a target must be able to do.
	Needs llm.Needs
	// Uses is what of the dialect's members providers differ in.
	Uses Uses
	// Spans are members for Patch, by the dialect's own meaning.
	Spans [8]Span
}

// Options are the gateway options of a request: providerOptions.gateway, or
// top-level models. They are removed before a provider sees the request.
type Options struct {
	Order  []string // provider names or presets, tried first in this order
	Only   []string // provider names or presets, nothing else is tried
	Models []string // fallback models after the requested one
	Sort   string   // "cost", "ttft", "tps" or ""
	// OnRefusal lets a content refusal go on to the fallback models.
	OnRefusal bool
	// Strict refuses (422) to leave out a field that a target has no words for.
	Strict bool
	User   string   // end user for reports, at most 256 bytes
	Tags   []string // for reports and limits, at most 10 of 64 bytes
}

// Empty tells whether the request leaves the order to the gateway.
func (o *Options) Empty() bool {
	return len(o.Order) == 0 && len(o.Only) == 0 && len(o.Models) == 0 && o.Sort == ""
}

// Target is what a dialect must know of the target it writes for.
type Target struct {
	ID       string // the provider's id for the model
	BasePath string // of the provider's base URL
	// AddUsage asks for usage in a stream whose client did not.
	AddUsage bool
	// Platform is where the vendor's API is hosted, APIVersion what the platform
	// wants in its query.
	Platform   Platform
	APIVersion string
	// MaxOutput is the most output in tokens the target can make, 0 = unknown.
	MaxOutput int64
	// Betas are the client's own anthropic-beta words, comma-separated; only set
	// for a client of that dialect.
	Betas string
	// Quirks are the provider's departures from the dialect, nil = none.
	Quirks *llm.Quirks
	// Genuine: the provider is the vendor that defines the dialect. Its newest
	// member names hold there and it refuses members outside its own API;
	// compatible providers know the older names and common extensions.
	Genuine bool
}

// Platform is a host of other vendors' models that wraps their dialects.
type Platform string

// Platforms. Each changes paths, and Vertex the body of Anthropic's dialect.
const (
	Direct Platform = ""
	Azure  Platform = "azure"
	Vertex Platform = "vertex"
)

// Reply is what a dialect must know of the client it answers.
type Reply struct {
	Generation string // exchange id
	Model      string // public name of the model that served
	Stream     bool
	WantsUsage bool
	// Created is the exchange's start in seconds since 1970, for providers that
	// do not say when they answered.
	Created int64
	// FreeText names the tools that the client declared to take free text and
	// that were sent as functions (llm.Request.FreeText): a writer whose dialect
	// has such tools turns calls to them back.
	FreeText []string
	// Base64: the client wants vectors as base64 (llm.Embed.Base64).
	Base64 bool
	// Array: the client of a Gemini stream asked for one JSON array instead of
	// server-sent events.
	Array bool
}

// Seen is what a Probe has met so far.
type Seen uint8

// What a Probe can see.
const (
	Prelude Seen = iota // nothing that carries content yet
	Content             // the first content event, or a finish
	Failure             // an error event before any content
	Garbage             // bytes that are no stream of this dialect
)

// Probe looks for the first content event of a stream.
type Probe interface {
	// Feed takes the next bytes, cut anywhere. After anything but Prelude it
	// need not be called again. The problem is set with Failure and Garbage.
	Feed(chunk []byte) (Seen, *llm.Problem)
	// Close says what an end of the stream here means: Failure unless content
	// was seen.
	Close() (Seen, *llm.Problem)
}

// Reader turns a provider's stream into events.
type Reader interface {
	// Feed appends the events that chunk completes to dst.
	Feed(dst []llm.Event, chunk []byte) []llm.Event
	// Close appends what the end of the stream completes: an Error event if no
	// finish has passed.
	Close(dst []llm.Event) []llm.Event
}

// Writer turns events into the client's stream.
type Writer interface {
	// Write appends the bytes of an event to dst; nothing for an event that
	// this dialect has no words for.
	Write(dst []byte, ev llm.Event) []byte
	// Close appends the end marker (or, after an Error event, nothing).
	Close(dst []byte) []byte
}
