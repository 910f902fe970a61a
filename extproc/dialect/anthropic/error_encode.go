package anthropic

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// errorTypes are the types under which Anthropic reports each kind.
var errorTypes = [llm.NumKinds]string{
	llm.InvalidRequest:   "invalid_request_error",
	llm.Unauthenticated:  "authentication_error",
	llm.Forbidden:        "permission_error",
	llm.NotFound:         "not_found_error",
	llm.MethodNotAllowed: "invalid_request_error",
	llm.TooLarge:         "request_too_large",
	llm.UnsupportedMedia: "invalid_request_error",
	llm.NotImplemented:   "invalid_request_error",
	llm.ContextLength:    "invalid_request_error",
	llm.Unsupported:      "invalid_request_error",
	llm.Refused:          "invalid_request_error",
	llm.RateLimited:      "rate_limit_error",
	llm.QuotaExceeded:    "billing_error",
	llm.Overloaded:       "overloaded_error",
	llm.Unavailable:      "api_error",
	llm.Timeout:          "timeout_error",
	llm.BadAnswer:        "api_error",
	llm.Internal:         "api_error",
	llm.Inexpressible:    "invalid_request_error",
}

// tooLong begins the API's message for prompts that exceed the context. Clients,
// Claude Code among them, know by it that they must shorten the conversation.
const tooLong = "prompt is too long"

// EncodeError gives a problem in the form that Anthropic's clients expect, with
// what is ours, and the provider's own words, in a member of its own.
func EncodeError(p *llm.Problem, generation string) []byte {
	message := p.Message
	if p.Kind == llm.ContextLength && !strings.Contains(strings.ToLower(message), tooLong) {
		message = tooLong + ": " + message
	}
	var o object
	o.Open()
	o.Text("type", "error")
	o.Begin("error")
	o.Text("type", errorTypes[p.Kind])
	o.Text("message", message)
	o.End()
	if generation == "" {
		o.Raw("request_id", []byte("null"))
	} else {
		o.Text("request_id", generation)
	}
	o.Begin("dragoman")
	o.Text("code", cmp.Or(p.Code, p.Kind.String()))
	o.TextIf("param", p.Param)
	o.Attempts(p.Attempts)
	if p.Kind.Status() < http.StatusInternalServerError {
		o.RawIf("vendor", p.Vendor)
	}
	o.End()
	o.End()
	return o.B
}

// EncodeStreamError gives a problem as the last event of a stream.
func EncodeStreamError(p *llm.Problem, generation string) []byte {
	body := EncodeError(p, generation)
	members.OneLine(body)
	return sse.Append(nil, "error", body)
}
