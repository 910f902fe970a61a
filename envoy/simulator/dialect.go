package simulator

import (
	"iter"
	"net/http"
)

// dialect is a wire format: how requests are understood and how answers,
// streams and errors are spelt. All functions are pure and, unless it says
// otherwise, there.
type dialect struct {
	// name is the dialect in Heard.
	name string
	// route finds an operation of this dialect in a request line and headers.
	route func(r *Request) (route, bool)
	// authorize checks the credential of a request.
	authorize func(r *Request, c *Config) *failure
	// read understands a request for what its route asks.
	read func(rt route, r *Request) (ask, *failure)
	// models lists what the provider serves; nil where no route asks for it.
	models func(owner string, created int64, ids []string) []byte
	// count and embed spell the answers of these operations; nil where no
	// route asks for them.
	count func(a *ask) []byte
	embed func(a *ask, e *embedding) []byte
	// headers adds what the vendor's answers carry, failureHeaders what its
	// errors do; nil is nothing.
	headers        func(h http.Header, id string)
	failureHeaders func(h http.Header, f *failure)
	// embedHeaders adds what embeddings carry; nil is nothing.
	embedHeaders func(h http.Header, e *embedding)
	// revise gives a failure the status that the vendor gives it; nil leaves
	// all as they are.
	revise func(*failure)
	// blocks: a refused prompt is an answer, not an error.
	blocks bool
	// retryInBody: errors say in their body when to come back, not in a header.
	retryInBody bool
	// answer is a JSON answer.
	answer func(*say) document
	// events is a stream; its events are valid until the next one.
	events func(*say) iter.Seq[event]
	// failure is the body of an error answer, streamFailure an error event
	// whose data may also stand as a JSON answer of status 200.
	failure       func(*failure) []byte
	streamFailure func(*failure) event
	// hides tells whether reasoning is not shown as text; nil is never.
	hides func(*say) bool
	// garbage is an event of this dialect cut off in its middle.
	// garbageName is the type of that event, "" = none.
	garbage, garbageName string
	// garble spells garbage as a stream carries it; nil is garbage itself.
	garble func(rt route) []byte
}

// dialects are what every provider speaks, by request. The first one that
// knows the route answers, so those with the longer paths come first.
var dialects = []*dialect{&bedrock, &gemini, &vertexClaude, &anthropicMessages, &azure, &openAIResponses, &openAI}

// dialectOf finds who speaks to a request. Where nobody does it is OpenAI,
// whose errors are the most widely understood.
func dialectOf(r *Request) (*dialect, route, bool) {
	for _, d := range dialects {
		if rt, ok := d.route(r); ok {
			return d, rt, true
		}
	}
	return &openAI, route{}, false
}

// operation is what a request asks a provider to do.
type operation uint8

const (
	opChat operation = iota
	opModels
	opEmbeddings
	opCount
)

// route is what a request says before its body.
type route struct {
	op operation
	// method is the one that the path takes; "" is POST.
	method string
	// model and stream are set where the path tells.
	model  string
	stream bool
	// form is a choice between variants that the dialect itself understands.
	form string
	// framing is how events of a stream are written.
	framing wire
}

// wire is how the events of a stream become bytes. The zero wire is server-sent
// events.
type wire struct {
	// mediaType is the stream's content type; "" is that of server-sent events.
	mediaType string
	// bare writes an event's data as it is: the dialect has framed it.
	bare bool
	// crlf ends lines with both unless the script says otherwise.
	crlf bool
	// array makes events the elements of one JSON array, which PartDone closes,
	// or else the dialect itself.
	array bool
}

const sseType = "text/event-stream; charset=utf-8"

func (w wire) contentType() string {
	if w.mediaType == "" {
		return sseType
	}
	return w.mediaType
}

// ask is what a provider understands of a request.
type ask struct {
	route
	wantsUsage bool
	limit      int    // most content events; 0 = no limit
	prompt     int64  // tokens
	quote      string // beginning of the user's last message
	seed       uint64
	tools      func() []tool // that the client offers; nil = none
	choice     string        // tool the answer must call, "*" = any, "" = none
	// schema is the JSON Schema that the content must fit, raw; wantsJSON asks
	// for any JSON object.
	schema    []byte
	wantsJSON bool
	// stops are sequences that end the content.
	stops []string
	// results are those of tools in the last turn.
	results []result
	// inputs are the texts to embed, dimensions the length of a vector (0 = the
	// dialect's default), base64 that the client wants them so.
	inputs     []string
	dimensions int
	base64     bool
	// kinds are the kinds of numbers that vectors are wanted in, in the
	// vendor's words.
	kinds []string
	// repeats is what the answer repeats of the request, spelt by the dialect.
	repeats []byte
	// hear gives the whole request in neutral words.
	hear func() *Heard
	// raw scripts by provider, from the body, from the marker in the last turn
	// and from the header; later ones win.
	sim, marker, header []byte
}

// result is what a tool has answered.
type result struct{ id, text string }

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
	// redacted gives the reasoning in its encrypted form only.
	redacted bool
	calls    []call
	// finish is the reason in OpenAI's words, which scripts use, or a word of
	// the vendor's own.
	finish string
	// stopped is the stop sequence that ended the content, if one did.
	stopped    string
	usage      *counts // nil = not counted
	wantsUsage bool
	// blocked is the code with which a script refuses the prompt, in dialects
	// that answer so.
	blocked string
	asked   *ask
	// hidden: the reasoning is not shown as text, piece by piece.
	hidden bool
}

// counts are the tokens of an answer. The prompt includes what is read from and
// written to caches, the completion includes reasoning.
type counts struct {
	prompt, completion, total, cached, written, reasoning int64
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
	PartFrame               // opens or closes a block and says nothing itself
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
	invalidRequest // subject is the field, detail the vendor's whole sentence, word its code
)

// failure is an error answer in neutral words.
type failure struct {
	status  int
	reason  reason
	subject string // the model, parameter, path or key it is about
	detail  string
	word    string
	// prompt is the size of the prompt in tokens, retryAfter in seconds; 0 is
	// unknown.
	prompt     int64
	retryAfter int
	// code and message override the dialect's own words.
	code, message string
	// extra is what the dialect itself adds to its error.
	extra []byte
	// route is what was asked; midway that the failure stands in an answer of
	// status 200.
	route  route
	midway bool
	// sent is the number of events before it, in a stream.
	sent int
}

// invalid is a failure of status 400 in the vendor's own sentence.
func invalid(subject, sentence string) *failure {
	return &failure{status: http.StatusBadRequest, reason: invalidRequest, subject: subject, detail: sentence}
}
