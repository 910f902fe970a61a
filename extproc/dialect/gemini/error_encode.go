package gemini

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// statuses are the canonical codes (google.rpc.Code) under which the API
// reports each kind.
var statuses = [llm.NumKinds]string{
	llm.InvalidRequest:   "INVALID_ARGUMENT",
	llm.Unauthenticated:  "UNAUTHENTICATED",
	llm.Forbidden:        "PERMISSION_DENIED",
	llm.NotFound:         "NOT_FOUND",
	llm.MethodNotAllowed: "UNIMPLEMENTED",
	llm.TooLarge:         "INVALID_ARGUMENT",
	llm.UnsupportedMedia: "INVALID_ARGUMENT",
	llm.NotImplemented:   "UNIMPLEMENTED",
	llm.ContextLength:    "INVALID_ARGUMENT",
	llm.Unsupported:      "INVALID_ARGUMENT",
	llm.Refused:          "INVALID_ARGUMENT",
	llm.RateLimited:      "RESOURCE_EXHAUSTED",
	llm.QuotaExceeded:    "RESOURCE_EXHAUSTED",
	llm.Overloaded:       "UNAVAILABLE",
	llm.Unavailable:      "UNAVAILABLE",
	llm.Timeout:          "DEADLINE_EXCEEDED",
	llm.BadAnswer:        "INTERNAL",
	llm.Internal:         "INTERNAL",
	llm.Inexpressible:    "INVALID_ARGUMENT",
}

const typeURL = "type.googleapis.com/google.rpc."

// EncodeError gives a problem as google.rpc.Status, the form that the vendor's
// SDKs expect. What is the gateway's own stands in the member dragoman.
func EncodeError(p *llm.Problem, generation string) []byte {
	status := p.Kind.Status()
	code := p.Code
	if code == "" {
		code = p.Kind.String()
	}
	var o object
	o.open()
	o.begin("error")
	o.integer("code", int64(status))
	o.text("message", p.Message)
	o.text("status", statuses[p.Kind])
	o.details(p, code)
	o.begin("dragoman")
	o.text("code", code)
	o.textIf("generationId", generation)
	o.textIf("param", p.Param)
	o.attempts(p.Attempts)
	if len(p.Vendor) > 0 {
		o.key("vendor")
		o.b = oneLine(append(o.b, p.Vendor...), len(o.b))
	}
	o.end()
	o.end()
	o.end()
	return o.b
}

// details writes why (ErrorInfo), where (BadRequest) and when to come back
// (RetryInfo).
func (o *object) details(p *llm.Problem, code string) {
	o.beginArray("details")
	o.open()
	o.text("@type", typeURL+"ErrorInfo")
	o.text("reason", strings.ToUpper(code))
	o.text("domain", "dragoman")
	o.end()
	if p.Param != "" && p.Kind.Status() == http.StatusBadRequest {
		o.open()
		o.text("@type", typeURL+"BadRequest")
		o.beginArray("fieldViolations")
		o.open()
		o.text("field", p.Param)
		o.text("description", p.Message)
		o.end()
		o.endArray()
		o.end()
	}
	if p.RetryAfter > 0 {
		o.open()
		o.text("@type", typeURL+"RetryInfo")
		o.text("retryDelay", strconv.FormatFloat(p.RetryAfter.Seconds(), 'f', -1, 64)+"s")
		o.end()
	}
	o.endArray()
}

func (o *object) attempts(list []llm.Attempt) {
	if len(list) == 0 {
		return
	}
	o.beginArray("attempts")
	for _, a := range list {
		o.open()
		o.text("provider", a.Provider)
		o.text("model", a.Model)
		o.text("reason", string(a.Reason))
		if a.Status != 0 {
			o.integer("status", int64(a.Status))
		}
		o.end()
	}
	o.endArray()
}

// EncodeStreamError gives a problem within a stream: a bare object on its own
// line, which is what the vendor's SDKs take for an error. In an array the
// Writer puts it in its place.
func EncodeStreamError(p *llm.Problem, generation string) []byte {
	return append(EncodeError(p, generation), "\n\n"...)
}

// oneLine makes spaces of the line ends from a place on. They can only come from
// raw JSON, where they are white space between tokens.
func oneLine(text []byte, from int) []byte {
	for i, c := range text[from:] {
		if c == '\n' || c == '\r' {
			text[from+i] = ' '
		}
	}
	return text
}
