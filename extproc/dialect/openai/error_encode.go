package openai

import (
	"cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// errorTypes are the types under which OpenAI reports each kind.
var errorTypes = [llm.NumKinds]string{
	llm.InvalidRequest:   "invalid_request_error",
	llm.Unauthenticated:  "authentication_error",
	llm.Forbidden:        "permission_error",
	llm.NotFound:         "invalid_request_error",
	llm.MethodNotAllowed: "invalid_request_error",
	llm.TooLarge:         "invalid_request_error",
	llm.UnsupportedMedia: "invalid_request_error",
	llm.NotImplemented:   "invalid_request_error",
	llm.ContextLength:    "invalid_request_error",
	llm.Unsupported:      "invalid_request_error",
	llm.Refused:          "invalid_request_error",
	llm.RateLimited:      "rate_limit_error",
	llm.QuotaExceeded:    "insufficient_quota",
	llm.Overloaded:       "server_error",
	llm.Unavailable:      "server_error",
	llm.Timeout:          "server_error",
	llm.BadAnswer:        "server_error",
	llm.Internal:         "server_error",
	llm.Inexpressible:    "invalid_request_error",
}

// EncodeError gives a problem in the form that OpenAI's clients expect.
func EncodeError(p *llm.Problem, generation string) []byte {
	var o object
	o.Open()
	o.Begin("error")
	o.Text("message", p.Message)
	o.Text("type", errorTypes[p.Kind])
	if p.Param == "" {
		o.Raw("param", []byte("null")) // as OpenAI has it
	} else {
		o.Text("param", p.Param)
	}
	o.Text("code", cmp.Or(p.Code, p.Kind.String()))
	o.Attempts(p.Attempts)
	o.End()
	o.TextIf("generationId", generation)
	o.End()
	return o.B
}

// EncodeStreamError gives a problem as the last event of a stream.
func EncodeStreamError(p *llm.Problem, generation string) []byte {
	return sse.Append(nil, "", EncodeError(p, generation))
}
