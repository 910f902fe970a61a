package anthropic

import (
	"net/http"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/fault"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// typeStatus are the statuses of the API's error types ("Errors" in Anthropic's
// documentation): within a stream only the type tells.
var typeStatus = map[string]int{
	"invalid_request_error": http.StatusBadRequest, "authentication_error": http.StatusUnauthorized,
	"billing_error": http.StatusPaymentRequired, "permission_error": http.StatusForbidden,
	"not_found_error": http.StatusNotFound, "request_too_large": http.StatusRequestEntityTooLarge,
	"rate_limit_error": http.StatusTooManyRequests, "api_error": http.StatusInternalServerError,
	"timeout_error": http.StatusGatewayTimeout, "overloaded_error": statusOverloaded,
}

const statusOverloaded = 529 // the API's own

// DecodeError reads a provider's error: Anthropic's {"type":"error","error":{
// "type","message"}}, Google's of Vertex ({"error":{"code","message","status"}},
// also in an array), and those of compatible providers: an error string, an
// object that is the error itself, text.
//
// The credential and its rights are the operator's affair: the text of 401 and
// 403 goes into Cause only.
func DecodeError(status int, header http.Header, body []byte) *llm.Problem {
	r := fault.Reader{Statuses: typeStatus}
	r.Read(body)
	report := r.Report(status, header)
	return report.Problem()
}
