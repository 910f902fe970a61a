package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Script says how a provider answers. The zero Script is a pleasant, healthy
// answer. Fields are named in JSON and in query form as tagged; durations are
// strings such as "50ms", sizes are bytes.
//
// At most one of the ways to break off or to damage an answer may be set; they
// combine with Status, whose error body is then what breaks.
type Script struct {
	// Status answers with an error of this HTTP status (300 to 599).
	Status int `sim:"status"`
	// Code and Message override those of any error the script asks for.
	Code    string `sim:"code"`
	Message string `sim:"message"`
	// RetryAfter is the header of that name, in seconds; Headers can carry the
	// other form, a date.
	RetryAfter int `sim:"retry_after"`
	// ContextLength refuses the prompt as longer than the model's context.
	ContextLength bool `sim:"context_length"`
	// Unsupported refuses the request parameter of this name.
	Unsupported string `sim:"unsupported"`
	// Refusal refuses the content with this code: content_policy_violation or
	// content_filter.
	Refusal string `sim:"refusal"`

	// Hang stops answering at a Place and waits for the client to leave.
	Hang Place `sim:"hang"`
	// Reset ends the connection at a Place with a TCP RST; what the client has
	// not taken by then may be lost. On HTTP/2, where other streams share the
	// connection, it is RST_STREAM.
	Reset Place `sim:"reset"`
	// Close ends the connection at a Place with a FIN: the message is
	// incomplete. On HTTP/2 it is Reset.
	Close Place `sim:"close"`
	// Truncate cuts the answer in half inside a complete HTTP message: half
	// the JSON, or a stream without finish reason and end marker.
	Truncate bool `sim:"truncate"`
	// ErrorFirst answers 200 and then an error: as the first event of a
	// stream, or as the JSON body.
	ErrorFirst bool `sim:"error_first"`
	// ErrorAfterRole sends the error 50 ms after the prelude.
	ErrorAfterRole bool `sim:"error_after_role"`
	// ErrorMid sends the error after half of the content events.
	ErrorMid bool `sim:"error_mid"`
	// Malformed puts a chunk that is not JSON before the first event and goes
	// on; a JSON answer is broken JSON.
	Malformed bool `sim:"malformed"`
	// MalformedMid is Malformed after half of the content events.
	MalformedMid bool `sim:"malformed_mid"`
	// HTML answers with a web page, as a proxy in between does.
	HTML bool `sim:"html"`
	// Empty answers with an empty body.
	Empty bool `sim:"empty"`

	// NoDone leaves the stream's end marker out after the finish, where the
	// vendor has one.
	NoDone bool `sim:"no_done"`
	// NoUsage counts nothing, even where the client asks.
	NoUsage bool `sim:"no_usage"`
	// WrongType swaps the content types of streams and JSON answers.
	WrongType bool `sim:"wrong_type"`
	// Chunked sends JSON answers without a Content-Length.
	Chunked bool `sim:"chunked"`

	// Events is the number of content events, at most 10 million.
	Events int `sim:"events"`
	// Text is what to say instead of the default.
	Text string `sim:"text"`
	// Silent says nothing at all: prelude and finish only.
	Silent bool `sim:"silent"`
	// Echo says what was received, as the JSON of Echo; credentials are masked.
	Echo bool `sim:"echo"`
	// TokensBytes is the size of the content of one event, at most 64 KiB.
	TokensBytes int `sim:"tokens_bytes"`
	// Size is the size of the whole content, at most 64 MiB.
	Size int `sim:"size"`
	// Tools is the number of parallel tool calls, at most 128. Their names are
	// the request's tools in turn, their arguments fit the schemas.
	Tools int `sim:"tools"`
	// Arguments is how a stream carries those of calls: in pieces (default),
	// "whole", "first", "last", "mixed" or "empty", which is none at all.
	Arguments string `sim:"arguments"`
	// Reasoning is the number of reasoning deltas before the content.
	Reasoning int `sim:"reasoning"`
	// Redacted gives the reasoning encrypted only or, where the vendor has no
	// form for that, counts it only.
	Redacted bool `sim:"redacted"`
	// Finish overrides the finish reason: one of OpenAI's words, which every
	// dialect translates, or a word of the vendor's own.
	Finish string `sim:"finish"`
	// Usage overrides single counts.
	Usage *Usage `sim:"usage"`
	// Headers are sent with the answer, over what the provider itself sets.
	Headers Headers `sim:"headers"`

	// First is the time before the headers.
	First time.Duration `sim:"first"`
	// FirstEvent is the time between headers and first event or byte.
	FirstEvent time.Duration `sim:"first_event"`
	// Pause is the time between events; with Write, between the writes of a
	// JSON answer.
	Pause time.Duration `sim:"pause"`
	// EOL ends the lines of a stream: lf (default), crlf or cr.
	EOL string `sim:"eol"`
	// Write is the number of bytes per write, flushed each; 0 writes events.
	Write Split `sim:"write"`
	// Batch is the number of events per write, default 1.
	Batch int `sim:"batch"`
	// Comments is the number of ": ping" comments before each event.
	Comments int `sim:"comments"`
}

// Place is where in an answer it breaks off.
type Place string

// Places. An answer in JSON has no prelude: there it means its first byte.
const (
	Before  Place = "before"  // not a byte is sent; not for Hang
	AtHead  Place = "headers" // Hang: nothing is sent; else after the headers
	AtBody  Place = "body"    // after the headers; Hang only
	Prelude Place = "prelude" // after the role chunk
	Mid     Place = "mid"     // after half of the content
)

// Split is a number of bytes per write, or Odd.
type Split int

// Odd splits at odd places, the same ones for the same request.
const Odd Split = -1

// Headers are extra response headers, in JSON a string or a list of strings
// each, in query form "Name: value".
type Headers http.Header

// Usage overrides counts of tokens; nil leaves one as it is.
type Usage struct {
	Prompt     *int64 `json:"prompt_tokens,omitempty"`
	Completion *int64 `json:"completion_tokens,omitempty"`
	Total      *int64 `json:"total_tokens,omitempty"`
	Cached     *int64 `json:"cached_tokens,omitempty"`
	Written    *int64 `json:"cache_write_tokens,omitempty"`
	Reasoning  *int64 `json:"reasoning_tokens,omitempty"`
}

// Bounds that keep one request from taking the machine.
const (
	maxEvents   = 10_000_000
	maxPiece    = 64 << 10
	maxSize     = 64 << 20
	maxStream   = 1 << 30
	maxTools    = 128
	maxSeconds  = 1 << 30
	maxDuration = 24 * time.Hour
)

// breakage is the one way in which an answer breaks off or is damaged.
type breakage uint8

const (
	whole breakage = iota
	hangs
	resets
	closes
	truncated
	errorFirst
	errorAfterRole
	errorMid
	garbledFirst
	garbledMid
	page
	empty
)

// breakages lists what the script asks for, by field name.
func (s *Script) breakages() (names []string, last breakage) {
	for _, b := range [...]struct {
		name string
		set  bool
		is   breakage
	}{
		{"hang", s.Hang != "", hangs},
		{"reset", s.Reset != "", resets},
		{"close", s.Close != "", closes},
		{"truncate", s.Truncate, truncated},
		{"error_first", s.ErrorFirst, errorFirst},
		{"error_after_role", s.ErrorAfterRole, errorAfterRole},
		{"error_mid", s.ErrorMid, errorMid},
		{"malformed", s.Malformed, garbledFirst},
		{"malformed_mid", s.MalformedMid, garbledMid},
		{"html", s.HTML, page},
		{"empty", s.Empty, empty},
	} {
		if b.set {
			names, last = append(names, b.name), b.is
		}
	}
	return names, last
}

// heal clears every breakage, so that another can take its place.
func (s *Script) heal() {
	s.Hang, s.Reset, s.Close = "", "", ""
	s.Truncate, s.ErrorFirst, s.ErrorAfterRole, s.ErrorMid = false, false, false, false
	s.Malformed, s.MalformedMid, s.HTML, s.Empty = false, false, false, false
}

// place is where the breakage happens, for those that have a choice.
func (s *Script) place() Place {
	switch {
	case s.Hang == AtHead:
		return Before
	case s.Hang == AtBody:
		return AtHead
	case s.Hang != "":
		return s.Hang
	case s.Reset != "":
		return s.Reset
	}
	return s.Close
}

// Validate names the first field whose value makes no sense.
func (s *Script) Validate() error {
	for _, b := range [...]struct {
		name     string
		n, limit int
	}{
		{"retry_after", s.RetryAfter, maxSeconds},
		{"events", s.Events, maxEvents},
		{"tokens_bytes", s.TokensBytes, maxPiece},
		{"size", s.Size, maxSize},
		{"tools", s.Tools, maxTools},
		{"reasoning", s.Reasoning, maxEvents},
		{"batch", s.Batch, maxEvents},
		{"comments", s.Comments, 1000},
	} {
		if b.n < 0 || b.n > b.limit {
			return fmt.Errorf("%s: %d is not within 0 and %d", b.name, b.n, b.limit)
		}
	}
	for name, d := range map[string]time.Duration{"first": s.First, "first_event": s.FirstEvent, "pause": s.Pause} {
		if d < 0 || d > maxDuration {
			return fmt.Errorf("%s: %s is not within 0 and %s", name, d, maxDuration)
		}
	}
	if int64(s.Events)*int64(s.TokensBytes) > maxStream {
		return fmt.Errorf("events: of tokens_bytes each they make more than %d bytes", maxStream)
	}
	if s.Status != 0 && (s.Status < 300 || s.Status > 599 || s.Status == http.StatusNotModified) {
		return fmt.Errorf("status: %d is no error with a body, want 300 to 599 but 304", s.Status)
	}
	if s.Write < Odd || s.Write > maxSize {
		return errors.New(`write: want a number of bytes or "odd"`)
	}
	return s.validateWords()
}

func (s *Script) validateWords() error {
	for _, w := range [...]struct {
		name, value string
		allowed     []string
	}{
		{"hang", string(s.Hang), []string{"headers", "body", "prelude", "mid"}},
		{"reset", string(s.Reset), []string{"before", "headers", "prelude", "mid"}},
		{"close", string(s.Close), []string{"before", "headers", "prelude", "mid"}},
		{"arguments", s.Arguments, []string{argumentsWhole, argumentsFirst, argumentsLast, argumentsMixed, argumentsEmpty}},
		{"eol", s.EOL, []string{"lf", "crlf", "cr"}},
		{"refusal", s.Refusal, []string{"content_policy_violation", "content_filter"}},
	} {
		if w.value != "" && !slices.Contains(w.allowed, w.value) {
			return fmt.Errorf("%s: %q is none of %q", w.name, w.value, w.allowed)
		}
	}
	if names, _ := s.breakages(); len(names) > 1 {
		return fmt.Errorf("%s and %s exclude each other", names[0], names[1])
	}
	if s.sources() > 1 {
		return errors.New("text, silent, echo and size exclude each other")
	}
	return nil
}

// sources counts the fields that say where the content comes from.
func (s *Script) sources() (n int) {
	for _, set := range [...]bool{s.Text != "", s.Silent, s.Echo, s.Size > 0} {
		if set {
			n++
		}
	}
	return n
}
