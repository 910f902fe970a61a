package simulator

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
)

// claudeContext is the context length that context errors name.
const claudeContext = 200_000

// anthropicFailure spells an error in Anthropic's own words (API reference,
// "Errors").
func anthropicFailure(f *failure) []byte {
	kind, message := anthropicWords(f)
	kind, message = cmp.Or(f.code, kind), cmp.Or(f.message, message)
	out := appendString([]byte(`{"type":"error","error":{"type":`), kind)
	out = append(appendString(append(out, `,"message":`...), message), '}')
	if !f.midway {
		out = appendString(append(out, `,"request_id":`...), anthropicErrorID(f))
	}
	return append(out, '}')
}

// anthropicErrorID names a failure as an answer would be named.
func anthropicErrorID(f *failure) string {
	d := dice(crc32.Checksum([]byte(f.subject+f.detail), castagnoli)) ^ dice(f.status)
	if f.route.form == onVertex {
		return "req_vrtx_" + d.name(24)
	}
	return "req_" + d.name(24)
}

func anthropicFailureHeaders(h http.Header, f *failure) {
	h.Set("Request-Id", anthropicErrorID(f))
	h.Set("X-Should-Retry", strconv.FormatBool(f.status == http.StatusTooManyRequests || f.status >= 500))
}

func anthropicStreamFailure(f *failure) event {
	return event{part: PartError, name: "error", data: anthropicFailure(f)}
}

func anthropicWords(f *failure) (kind, message string) {
	const bad = "invalid_request_error"
	switch f.reason {
	case wrongKey:
		if f.subject == "" {
			return "authentication_error", "x-api-key header is required"
		}
		return "authentication_error", "invalid x-api-key"
	case unknownPath:
		return "not_found_error", "Not Found"
	case wrongMethod:
		return bad, "Method Not Allowed"
	case notJSON:
		return bad, "The request body is not valid JSON."
	case missingField:
		return bad, f.subject + ": Field required"
	case invalidRequest:
		return bad, f.detail
	case unknownModel:
		return "not_found_error", "model: " + f.subject
	case badScript:
		return bad, f.subject + ": " + f.detail
	case payloadTooLarge:
		return "request_too_large", "Request exceeds the maximum size"
	case promptTooLong:
		return bad, fmt.Sprintf("prompt is too long: %d tokens > %d maximum", max(f.prompt, claudeContext+1), claudeContext)
	case unsupportedParameter:
		return bad, f.subject + extraInputs
	case contentRefused:
		return bad, "Output blocked by content filtering policy"
	}
	return anthropicStatus(f)
}

// anthropicStatus has the words for a status of which nothing else is known.
func anthropicStatus(f *failure) (kind, message string) {
	switch f.status {
	case http.StatusUnauthorized:
		return "authentication_error", "invalid x-api-key"
	case http.StatusPaymentRequired:
		return "billing_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."
	case http.StatusForbidden:
		return "permission_error", "Your API key does not have permission to use the specified resource."
	case http.StatusNotFound:
		return "not_found_error", "model: " + f.subject
	case http.StatusRequestEntityTooLarge:
		return "request_too_large", "Request exceeds the maximum size"
	case http.StatusTooManyRequests:
		return "rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute (model: " + f.subject + "). " +
			"For details, refer to: https://docs.claude.com/en/api/rate-limits."
	case http.StatusServiceUnavailable, 529:
		return "overloaded_error", "Overloaded"
	case http.StatusGatewayTimeout:
		return "timeout_error", "Request timed out."
	}
	if f.status >= 500 {
		return "api_error", "Internal server error"
	}
	return "invalid_request_error", "The request failed with status " + strconv.Itoa(f.status) + "."
}

// googleStatus are the names of google.rpc.Code that Google's front gives with
// statuses of HTTP (AIP-193).
var googleStatus = map[int]string{
	http.StatusUnauthorized: "UNAUTHENTICATED", http.StatusForbidden: "PERMISSION_DENIED", http.StatusNotFound: "NOT_FOUND",
	http.StatusTooManyRequests: "RESOURCE_EXHAUSTED", http.StatusInternalServerError: "INTERNAL", http.StatusServiceUnavailable: "UNAVAILABLE",
	http.StatusMethodNotAllowed: "INVALID_ARGUMENT",
}

// vertexClaudeFailure is Google's error object where Google's front refuses,
// and Anthropic's where the model's service does.
func vertexClaudeFailure(f *failure) []byte {
	message := ""
	switch {
	case f.status == http.StatusUnauthorized:
		message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. " +
			"See https://developers.google.com/identity/sign-in/web/devconsole-project."
	case f.status == http.StatusForbidden:
		message = "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/publishers/anthropic/models/" + f.subject +
			"' (or it may not exist)."
	case f.status == http.StatusNotFound:
		message = "Publisher Model `publishers/anthropic/models/" + f.subject + "` was not found or your project does not have access to it. " +
			"Please ensure you are using a valid model version."
	case f.status == http.StatusTooManyRequests:
		message = "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model with base model: " + f.subject +
			". Please submit a quota increase request. https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai."
	case f.status == http.StatusInternalServerError:
		message = "Internal error encountered."
	case f.status == http.StatusServiceUnavailable:
		message = "The service is currently unavailable."
	case f.reason == wrongMethod:
		message = "Request method is not supported."
	}
	if googleStatus[f.status] == "" || f.midway {
		return anthropicFailure(f)
	}
	out := fmt.Appendf(nil, `{"error":{"code":%d,"message":`, f.status)
	out = appendString(out, cmp.Or(f.message, message))
	return append(appendString(append(out, `,"status":`...), cmp.Or(f.code, googleStatus[f.status])), "}}"...)
}
