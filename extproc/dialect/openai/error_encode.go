package openai

import (
	"bytes"
	"encoding/json"

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

type errorBody struct {
	Error      errorObject `json:"error"`
	Generation string      `json:"generationId,omitempty"`
}

type errorObject struct {
	Message  string        `json:"message"`
	Type     string        `json:"type"`
	Param    *string       `json:"param"` // null if none, as OpenAI has it
	Code     string        `json:"code"`
	Attempts []llm.Attempt `json:"attempts,omitempty"`
}

// EncodeError gives a problem in the form that OpenAI's clients expect.
func EncodeError(p *llm.Problem, generation string) []byte {
	body := errorBody{Generation: generation, Error: errorObject{
		Message: p.Message, Type: errorTypes[p.Kind], Code: p.Code, Attempts: p.Attempts,
	}}
	if p.Param != "" {
		body.Error.Param = &p.Param
	}
	if body.Error.Code == "" {
		body.Error.Code = p.Kind.String()
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // strings and integers only: it cannot fail
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// EncodeStreamError gives a problem as the last event of a stream.
func EncodeStreamError(p *llm.Problem, generation string) []byte {
	return sse.Append(nil, "", EncodeError(p, generation))
}
