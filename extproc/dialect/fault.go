package dialect

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Fault is what a provider's error says, taken out of its wire format.
type Fault struct {
	Status  int    // HTTP status; 0 or 200 for an error within a stream
	Type    string // the vendor's type or code words, joined with a space
	Message string
}

// Words by which vendors tell what their status does not. They are matched in
// lower case; the first row that matches decides.
var faultWords = []struct {
	kind  llm.Kind
	words []string
}{
	{llm.ContextLength, []string{
		"context_length_exceeded", "maximum context length", "prompt is too long", "context window", "context length",
		"too many tokens", "input is too long", "exceeds the maximum number of tokens", "maximum number of input tokens",
		"reduce the length of the messages", "maximum prompt length", "exceed_context_size", "max_prompt_tokens",
		"model only supports up to",
		"too many input tokens", "exceed context limit",
	}},
	{llm.Refused, []string{
		"content_policy_violation", "content_filter", "responsibleaipolicyviolation", "content management policy",
		"data_inspection_failed", "flagged by our moderation", "moderation_blocked", "sensitive_words_detected",
		"blocked by content filtering policy",
	}},
	{llm.Unsupported, []string{
		"unsupported_parameter", "unsupported_value", "does not support",
		"not supported", "unsupported parameter", "unrecognized request argument",
		"extra inputs are not permitted", "extra_forbidden",
		"doesn't support", "extraneous key",
	}},
	{llm.QuotaExceeded, []string{
		"insufficient_quota", "insufficient balance", "insufficient_balance", "credit balance is too low", "billing_hard_limit_reached",
		"exceeded your current quota",
	}},
	{llm.Unauthenticated, []string{ // xAI and Google say 400 for a bad key
		"api key not valid", "api_key_invalid", "api key expired", "incorrect api key", "invalid api key", "invalid_api_key",
	}},
}

// FaultWords are the words by which a fault of that kind is known, in lower
// case; nil for kinds that statuses tell.
func FaultWords(k llm.Kind) []string {
	for _, row := range faultWords {
		if row.kind == k {
			return row.words
		}
	}
	return nil
}

// streamWords tell errors within a stream apart, which have no status.
var streamWords = []struct {
	kind  llm.Kind
	words []string
}{
	{llm.RateLimited, []string{"rate_limit", "rate limit", "too_many_requests", "resource_exhausted", "throttl"}},
	{llm.Overloaded, []string{"overloaded", "service_unavailable", "engine_overloaded", "at capacity"}},
	{llm.Timeout, []string{"timeout", "timed out"}},
	{llm.Unauthenticated, []string{"authentication_error", "invalid_api_key"}},
	{llm.Forbidden, []string{"permission_error"}},
	{llm.NotFound, []string{"model_not_found", "not_found_error"}},
	{llm.InvalidRequest, []string{"invalid_request"}},
}

// Kind classifies the fault. Wordings only refine what is the request's own
// fault or a limit (400, 402, 413, 422, 429 and errors without status); an
// outage stays an outage whatever its text says.
func (f Fault) Kind() llm.Kind {
	text := strings.ToLower(f.Type + " " + f.Message)
	bare := f.Status < 400
	switch f.Status {
	case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusRequestEntityTooLarge,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusForbidden:
		bare = true
	}
	if bare {
		for _, row := range faultWords {
			if f.Status == http.StatusTooManyRequests && row.kind != llm.QuotaExceeded ||
				f.Status == http.StatusForbidden && row.kind != llm.Refused {
				continue // "too many tokens" per minute is a rate
			}
			if containsAny(text, row.words) {
				return row.kind
			}
		}
	}
	if f.Status < 400 {
		for _, row := range streamWords {
			if containsAny(text, row.words) {
				return row.kind
			}
		}
		return llm.Unavailable
	}
	return statusKind(f.Status)
}

func containsAny(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func statusKind(status int) llm.Kind {
	switch status {
	case http.StatusUnauthorized:
		return llm.Unauthenticated
	case http.StatusPaymentRequired:
		return llm.QuotaExceeded
	case http.StatusForbidden:
		return llm.Forbidden
	case http.StatusNotFound:
		return llm.NotFound
	case http.StatusMethodNotAllowed:
		return llm.MethodNotAllowed
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return llm.Timeout
	case http.StatusRequestEntityTooLarge:
		return llm.TooLarge
	case http.StatusUnsupportedMediaType:
		return llm.UnsupportedMedia
	case http.StatusTooManyRequests:
		return llm.RateLimited
	case http.StatusNotImplemented:
		return llm.NotImplemented
	case http.StatusServiceUnavailable, 529: // 529 is Anthropic's "overloaded"
		return llm.Overloaded
	}
	if status < 500 {
		return llm.InvalidRequest
	}
	return llm.Unavailable
}

// longestWait bounds what a provider may ask us to wait.
const longestWait = 24 * time.Hour

// RetryAfter reads how long a provider asks to wait: retry-after-ms
// (milliseconds), else retry-after in seconds (RFC 9110, section 10.2.3;
// fractions are accepted) or as an HTTP date, which is measured against the
// answer's own Date header and ignored without one, so that no clock is needed
// and skew does not matter. 0 = unsaid; at most a day.
func RetryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return wait(ms / 1000)
	}
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		return wait(seconds)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return wait(at.Sub(sent).Seconds())
}

func wait(seconds float64) time.Duration {
	switch {
	case !(seconds > 0): // NaN too
		return 0
	case seconds > longestWait.Seconds():
		return longestWait
	}
	return time.Duration(seconds * float64(time.Second))
}
