package gemini

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
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
	code := cmp.Or(p.Code, p.Kind.String())
	var o object
	o.Open()
	o.Begin("error")
	o.Integer("code", int64(status))
	o.Text("message", p.Message)
	o.Text("status", statuses[p.Kind])
	o.details(p, code)
	o.Begin("dragoman")
	o.Text("code", code)
	o.TextIf("generationId", generation)
	o.TextIf("param", p.Param)
	o.Attempts(p.Attempts)
	if len(p.Vendor) > 0 {
		from := len(o.B)
		o.Raw("vendor", p.Vendor)
		members.OneLine(o.B[from:])
	}
	o.End()
	o.End()
	o.End()
	return o.B
}

// details writes why (ErrorInfo), where (BadRequest) and when to come back
// (RetryInfo).
func (o *object) details(p *llm.Problem, code string) {
	o.BeginArray("details")
	o.Open()
	o.Text("@type", typeURL+"ErrorInfo")
	o.Text("reason", strings.ToUpper(code))
	o.Text("domain", "dragoman")
	o.End()
	if p.Param != "" && p.Kind.Status() == http.StatusBadRequest {
		o.Open()
		o.Text("@type", typeURL+"BadRequest")
		o.BeginArray("fieldViolations")
		o.Open()
		o.Text("field", p.Param)
		o.Text("description", p.Message)
		o.End()
		o.EndArray()
		o.End()
	}
	if p.RetryAfter > 0 {
		o.Open()
		o.Text("@type", typeURL+"RetryInfo")
		o.Text("retryDelay", strconv.FormatFloat(p.RetryAfter.Seconds(), 'f', -1, 64)+"s")
		o.End()
	}
	o.EndArray()
}

// EncodeStreamError gives a problem within a stream: a bare object on its own
// line, which is what the vendor's SDKs take for an error. In an array the
// Writer puts it in its place.
func EncodeStreamError(p *llm.Problem, generation string) []byte {
	return append(EncodeError(p, generation), "\n\n"...)
}
