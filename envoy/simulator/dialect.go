package simulator

import (
	"iter"
	"net/http"
)

// dialect is a wire format: how requests are understood and how answers,
// streams and errors are spelt. All functions are pure.
type dialect struct {
	// route tells what a request line asks for.
	route func(method, path string) (operation, *failure)
	// key finds the credential in request headers.
	key func(http.Header) string
	// read understands a request body.
	read func(body []byte) (ask, *failure)
	// tools lists the tools of a request.
	tools func(raw []byte) []tool
	// models lists what the provider serves.
	models func(owner string, created int64, ids []string) []byte
	// headers adds what the vendor's answers carry.
	headers func(h http.Header, id string)
	// answer is a JSON answer.
	answer func(*say) document
	// events is a stream; its events are valid until the next one.
	events func(*say) iter.Seq[event]
	// failure is the body of an error answer, streamFailure an error event
	// whose data may also stand as a JSON answer of status 200.
	failure       func(*failure) []byte
	streamFailure func(*failure) event
	// garbage is a JSON text of this dialect cut off in its middle.
	garbage string
}

// operation is what a request asks a provider to do.
type operation uint8

const (
	opChat operation = iota
	opModels
)

// ask is what a provider understands of a request.
type ask struct {
	model      string
	stream     bool
	wantsUsage bool
	limit      int    // most content events; 0 = no limit
	prompt     int64  // tokens
	quote      string // beginning of the user's last message
	seed       uint64
	tools      []byte // raw
	choice     string // tool the answer must call, "*" = any, "" = none
	sim        []byte // raw scripts by provider
}

// tool is a function the client offers.
type tool struct {
	name       string
	parameters []byte // JSON Schema, raw
}

// say is what a provider answers.
type say struct {
	id, model, fingerprint string
	created                int64
	reasoning, content     prose
	calls                  []call
	finish                 string
	usage                  *counts // nil = not counted
	wantsUsage             bool
}

// call is a tool call; its arguments are streamed in fragments.
type call struct {
	id, name, arguments string
}

// fragments cuts the arguments as a stream carries them.
func (c call) fragments() prose {
	return prose{text: c.arguments, total: len(c.arguments), piece: 8}
}

// counts are the tokens of an answer.
type counts struct {
	prompt, completion, total, cached, reasoning int64
}

// Part is the role of an event in its stream.
type Part uint8

// Parts of a stream, in the order in which they come.
const (
	PartPrelude Part = iota // the role chunk
	PartContent             // text, reasoning, tool calls
	PartFinish              // carries the finish reason
	PartUsage               // the chunk that include_usage adds
	PartDone                // the end marker
	PartError               // an error or garbage that a script asks for
)

// event is one event of a stream.
type event struct {
	part Part
	name string // SSE event type, "" = none
	data []byte
}

// reason is why a provider refuses. Dialects have words for each.
type reason uint8

const (
	byStatus reason = iota // nothing but the status is known
	wrongKey
	unknownPath
	wrongMethod
	notJSON
	missingField
	unknownModel
	badScript
	promptTooLong
	unsupportedParameter
	contentRefused
	payloadTooLarge
)

// failure is an error answer in neutral words.
type failure struct {
	status  int
	reason  reason
	subject string // the model, parameter, path or key it is about
	detail  string
	// prompt is the size of the prompt in tokens, retryAfter in seconds; 0 is
	// unknown.
	prompt     int64
	retryAfter int
	// code and message override the dialect's own words.
	code, message string
}
