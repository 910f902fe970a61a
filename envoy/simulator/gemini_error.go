package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// geminiWords are the status, message and details of an error.
type geminiWords struct {
	status, message string
	details         []byte // raw list
}

// geminiStatuses are the canonical codes of HTTP statuses (google.rpc.Code).
var geminiStatuses = map[int]string{
	http.StatusBadRequest: "INVALID_ARGUMENT", http.StatusUnauthorized: "UNAUTHENTICATED", http.StatusForbidden: "PERMISSION_DENIED",
	http.StatusNotFound: "NOT_FOUND", http.StatusConflict: "ABORTED", http.StatusTooManyRequests: "RESOURCE_EXHAUSTED",
	499: "CANCELLED", http.StatusInternalServerError: "INTERNAL", http.StatusNotImplemented: "UNIMPLEMENTED",
	http.StatusServiceUnavailable: "UNAVAILABLE", 529: "UNAVAILABLE", http.StatusGatewayTimeout: "DEADLINE_EXCEEDED",
	http.StatusRequestTimeout: "DEADLINE_EXCEEDED",
}

// geminiFailure spells an error (AIP-193). Where a stream would be an array, an
// error is one, too.
func geminiFailure(f *failure) []byte {
	out := geminiError(f)
	if f.route.framing.array {
		return append(append([]byte{'['}, out...), "\n]\n"...)
	}
	return out
}

func geminiError(f *failure) []byte {
	w := geminiReasonOf(f)
	if w.status == "" {
		w.status = geminiStatuses[f.status]
	}
	if w.status == "" {
		w.status = "UNKNOWN"
	}
	if f.code != "" {
		w.status = f.code
	}
	if f.message != "" {
		w.message = f.message
	}
	out := fmt.Appendf(nil, `{"error":{"code":%d,"message":%s,"status":%s`, f.status, appendString(nil, w.message), appendString(nil, w.status))
	if w.details != nil {
		out = append(append(out, `,"details":`...), w.details...)
	}
	return append(out, "}}"...)
}

// geminiStreamFailure is an error in a stream that has begun with status 200;
// it ends the array.
func geminiStreamFailure(f *failure) event {
	out := geminiError(f)
	if f.route.framing.array {
		out = append(out, "\n]\n"...)
	}
	return event{part: PartError, data: out}
}

func geminiReasonOf(f *failure) geminiWords {
	vertex := f.route.onVertex()
	switch f.reason {
	case wrongKey:
		return geminiKeyWords(f, vertex)
	case unknownPath, wrongMethod:
		return geminiWords{message: "The requested URL was not found on this server."}
	case notJSON:
		return geminiWords{message: "Invalid JSON payload received. Unexpected token.\n\n^"}
	case missingField:
		return geminiWords{message: "* GenerateContentRequest." + f.subject + ": " + f.subject + " is not specified\n"}
	case unknownModel:
		return geminiWords{message: geminiUnknownModel(f)}
	case badScript:
		return geminiWords{message: f.subject + ": " + f.detail}
	case payloadTooLarge:
		return geminiWords{message: "Request payload size exceeds the limit: 20971520 bytes."}
	case promptTooLong:
		return geminiWords{message: fmt.Sprintf("The input token count (%d) exceeds the maximum number of tokens allowed (%d).",
			max(f.prompt, geminiContext+1), geminiContext)}
	case unsupportedParameter:
		return geminiWords{message: fmt.Sprintf("Invalid JSON payload received. Unknown name %q: Cannot find field.", f.subject)}
	case contentRefused:
		return geminiWords{message: "The prompt could not be submitted. This prompt contains sensitive words that violate Google's " +
			"Responsible AI practices. Try rephrasing the prompt."}
	case invalidRequest:
		return geminiWords{message: f.detail, details: f.extra}
	}
	return geminiStatus(f)
}

func geminiKeyWords(f *failure, vertex bool) geminiWords {
	switch {
	case vertex:
		return geminiWords{
			message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid " +
				"authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
			details: []byte(`[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_TYPE_UNSUPPORTED",` +
				`"metadata":{"service":"aiplatform.googleapis.com"}}]`),
		}
	case f.subject == "":
		return geminiWords{message: "Method doesn't allow unregistered callers (callers without established identity). Please use API Key " +
			"or other form of API consumer identity to call this API."}
	}
	return geminiWords{
		message: "API key not valid. Please pass a valid API key.",
		details: []byte(`[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com",` +
			`"metadata":{"service":"generativelanguage.googleapis.com"}},{"@type":"type.googleapis.com/google.rpc.LocalizedMessage",` +
			`"locale":"en-US","message":"API key not valid. Please pass a valid API key."}]`),
	}
}

func geminiUnknownModel(f *failure) string {
	if f.route.onVertex() {
		return "Publisher Model `publishers/google/models/" + f.subject + "` was not found or your project does not have access to it. " +
			"Please ensure you are using a valid model version. For more information, see: " +
			"https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
	}
	return "models/" + f.subject + " is not found for API version v1beta, or is not supported for " + f.route.verb() +
		". Call ListModels to see the list of available models and their supported methods."
}

// geminiStatus has the words for a status of which nothing else is known.
func geminiStatus(f *failure) geminiWords {
	switch f.status {
	case http.StatusBadRequest:
		return geminiWords{message: "Request contains an invalid argument."}
	case http.StatusUnauthorized:
		return geminiKeyWords(f, true)
	case http.StatusForbidden:
		return geminiWords{message: "The caller does not have permission"}
	case http.StatusNotFound:
		return geminiWords{message: geminiUnknownModel(f)}
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return geminiWords{message: "Deadline expired before operation could complete."}
	case http.StatusTooManyRequests:
		return geminiQuota(f)
	case http.StatusServiceUnavailable, 529:
		return geminiWords{message: "The model is overloaded. Please try again later."}
	}
	if f.status >= 500 {
		return geminiWords{message: "An internal error has occurred. Please retry or report in " +
			"https://developers.generativeai.google/guide/troubleshooting"}
	}
	return geminiWords{message: "The request failed with status " + strconv.Itoa(f.status) + "."}
}

// geminiQuota says when to come back in its details, not in a header.
func geminiQuota(f *failure) geminiWords {
	if f.route.onVertex() {
		return geminiWords{message: "Resource exhausted. Please try again later. Please refer to " +
			"https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."}
	}
	w := geminiWords{message: "You exceeded your current quota, please check your plan and billing details. For more information on this " +
		"error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."}
	violation := `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":` +
		`"generativelanguage.googleapis.com/generate_requests_per_model","quotaId":"GenerateRequestsPerMinutePerProjectPerModel",` +
		`"quotaDimensions":{"model":` + string(appendString(nil, f.subject)) + `,"location":"global"},"quotaValue":"3"}]}`
	help := `{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"Learn more about Gemini API quotas",` +
		`"url":"https://ai.google.dev/gemini-api/docs/rate-limits"}]}`
	details := []string{violation, help}
	if f.retryAfter > 0 {
		w.message += fmt.Sprintf("\nPlease retry in %ds.", f.retryAfter)
		details = append(details, fmt.Sprintf(`{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"%ds"}`, f.retryAfter))
	}
	w.details = []byte("[" + strings.Join(details, ",") + "]")
	return w
}
