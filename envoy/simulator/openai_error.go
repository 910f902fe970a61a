package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// openAIWords are the type, code, parameter and message of an error object.
type openAIWords struct{ kind, code, param, message string }

// openAIContext is the context length that context errors name.
const openAIContext = 8192

// openAIFailure spells an error object in OpenAI's own words (API reference,
// "Error codes").
func openAIFailure(f *failure) []byte {
	w := openAIReason(f)
	if f.code != "" {
		w.code = f.code
	}
	if f.message != "" {
		w.message = f.message
	}
	out := appendString([]byte(`{"error":{"message":`), w.message)
	out = appendOrNull(append(out, `,"type":`...), w.kind)
	out = appendOrNull(append(out, `,"param":`...), w.param)
	out = appendOrNull(append(out, `,"code":`...), w.code)
	return append(out, "}}"...)
}

func openAIStreamFailure(f *failure) event {
	return event{part: PartError, data: openAIFailure(f)}
}

func appendOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, s)
}

func openAIReason(f *failure) openAIWords {
	const invalid = "invalid_request_error"
	switch f.reason {
	case wrongKey:
		if f.subject == "" {
			return openAIWords{invalid, "", "", "You didn't provide an API key. You need to provide your API key in an " +
				"Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."}
		}
		return openAIWords{invalid, "invalid_api_key", "", "Incorrect API key provided: " + mask(f.subject) +
			". You can find your API key at https://platform.openai.com/account/api-keys."}
	case unknownPath:
		return openAIWords{invalid, "", "", "Invalid URL (" + f.subject + ")"}
	case wrongMethod:
		return openAIWords{invalid, "method_not_supported", "", "Only " + f.subject + " requests are accepted."}
	case notJSON:
		return openAIWords{invalid, "", "", "We could not parse the JSON body of your request."}
	case missingField:
		return openAIWords{invalid, "missing_required_parameter", f.subject, "Missing required parameter: '" + f.subject + "'."}
	case unknownModel:
		return openAIWords{invalid, "model_not_found", "", "The model `" + f.subject + "` does not exist or you do not have access to it."}
	case badScript:
		return openAIWords{invalid, "invalid_script", f.subject, f.subject + ": " + f.detail}
	case invalidRequest:
		return openAIWords{invalid, f.word, f.subject, f.detail}
	case payloadTooLarge:
		return openAIWords{invalid, "request_too_large", "", "Request body is too large."}
	case promptTooLong:
		return openAIWords{invalid, "context_length_exceeded", "messages", fmt.Sprintf(
			"This model's maximum context length is %d tokens. However, your messages resulted in %d tokens. "+
				"Please reduce the length of the messages.", openAIContext, max(f.prompt, openAIContext+1))}
	case unsupportedParameter:
		return openAIWords{
			invalid, "unsupported_parameter", f.subject,
			"Unsupported parameter: '" + f.subject + "' is not supported with this model.",
		}
	case contentRefused:
		if f.subject == "content_filter" {
			return openAIWords{"", "content_filter", "prompt", "The response was filtered due to the prompt triggering " +
				"the content management policy. Please modify your prompt and retry."}
		}
		return openAIWords{invalid, f.subject, "", "Your request was rejected as a result of our safety system."}
	}
	return openAIStatus(f)
}

// openAIStatus has the words for a status of which nothing else is known.
func openAIStatus(f *failure) openAIWords {
	switch f.status {
	case http.StatusBadRequest:
		return openAIWords{"invalid_request_error", "", "", "Your request was invalid."}
	case http.StatusUnauthorized:
		return openAIWords{"invalid_request_error", "invalid_api_key", "", "Incorrect API key provided. " +
			"You can find your API key at https://platform.openai.com/account/api-keys."}
	case http.StatusForbidden:
		return openAIWords{"invalid_request_error", "unsupported_country_region_territory", "", "Country, region, or territory not supported"}
	case http.StatusNotFound:
		return openAIReason(&failure{reason: unknownModel, subject: f.subject})
	case http.StatusRequestTimeout:
		return openAIWords{"invalid_request_error", "request_timeout", "", "Request timed out."}
	case http.StatusTooManyRequests:
		return openAIWords{"requests", "rate_limit_exceeded", "", fmt.Sprintf("Rate limit reached for %s in organization simulated "+
			"on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in %ds.", f.subject, cmp.Or(f.retryAfter, 20))}
	case http.StatusServiceUnavailable, 529:
		return openAIWords{"server_error", "server_overloaded", "", "The engine is currently overloaded, please try again later."}
	}
	if f.status >= 500 {
		return openAIWords{"server_error", "", "", "The server had an error while processing your request. Sorry about that!"}
	}
	return openAIWords{"invalid_request_error", "", "", "The request failed with status " + strconv.Itoa(f.status) + "."}
}

// mask leaves of a credential what suffices to recognise it.
func mask(key string) string {
	if len(key) < 12 {
		return strings.Repeat("*", len(key))
	}
	return key[:3] + strings.Repeat("*", len(key)-7) + key[len(key)-4:]
}
