package chain

// Reason is the closed set of how an attempt can end. Its text is a metric
// label and the "reason" of an attempt in the client's error.
type Reason uint8

// Reasons. NumReasons lets tests notice a forgotten one.
const (
	// None: the attempt did not fail.
	None Reason = iota
	// ConnectFailure: no connection stood in time, or no address was found.
	ConnectFailure
	// Reset: the connection broke before the first content.
	Reset
	// FirstTokenTimeout: no first content of a stream by the deadline.
	FirstTokenTimeout
	// AnswerTimeout: no whole JSON answer by the deadline.
	AnswerTimeout
	// RateLimited: status 429, or an error that says so.
	RateLimited
	// ProviderError: status 5xx.
	ProviderError
	// Overloaded: status 503 or 529, or Envoy's own limit.
	Overloaded
	// Auth: status 401 or 403. The operator's to mend.
	Auth
	// NotFound: status 404. The operator's to mend.
	NotFound
	// Payment: status 402. The operator's to mend.
	Payment
	// RequestTimeout: status 408.
	RequestTimeout
	// ContextLength: the prompt exceeds the target's context.
	ContextLength
	// UnsupportedFeature: the target lacks what the request needs.
	UnsupportedFeature
	// InvalidRequest: any other 4xx. The client's to mend.
	InvalidRequest
	// StreamError: an error event before any content.
	StreamError
	// EmptyAnswer: an end without content.
	EmptyAnswer
	// MalformedAnswer: bytes that are no answer of the dialect, or no HTTP.
	MalformedAnswer
	// Redirect: status 3xx. The operator's to mend: none is followed.
	Redirect
	// Refused: the provider refused the content.
	Refused
	// Internal: the failure is ours.
	Internal
	// Aborted: the client left; no failure of the provider.
	Aborted
	// BrokenReset: the connection broke after the first content. Of a broken
	// answer the client has a part: no attempt follows.
	BrokenReset
	// BrokenError: an error event after the first content, or bytes that are no
	// event.
	BrokenError
	// BrokenEnd: an end after the first content and before the finish.
	BrokenEnd
	// BrokenIdle: after the first content nothing more for the idle time limit.
	BrokenIdle
	// BrokenTimeout: the whole request's time limit cut the answer.
	BrokenTimeout
	NumReasons
)

var reasonNames = [NumReasons]string{
	None:               "none",
	ConnectFailure:     "connect_failure",
	Reset:              "reset",
	FirstTokenTimeout:  "timeout_first_token",
	AnswerTimeout:      "timeout_answer",
	RateLimited:        "rate_limited",
	ProviderError:      "provider_error",
	Overloaded:         "overloaded",
	Auth:               "auth",
	NotFound:           "not_found",
	Payment:            "payment",
	RequestTimeout:     "request_timeout",
	ContextLength:      "context_length",
	UnsupportedFeature: "unsupported_feature",
	InvalidRequest:     "invalid_request",
	StreamError:        "stream_error",
	EmptyAnswer:        "empty_answer",
	MalformedAnswer:    "malformed_answer",
	Redirect:           "redirect",
	Refused:            "refused",
	Internal:           "internal",
	Aborted:            "aborted",
	BrokenReset:        "broken_reset",
	BrokenError:        "broken_error",
	BrokenEnd:          "broken_end",
	BrokenIdle:         "broken_idle",
	BrokenTimeout:      "broken_timeout",
}

// String is the reason's stable name.
func (r Reason) String() string {
	if r >= NumReasons {
		return reasonNames[Internal]
	}
	return reasonNames[r]
}
