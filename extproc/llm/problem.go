package llm

import (
	"net/http"
	"time"
)

// Dialect names a wire format.
type Dialect string

// The dialects of DESIGN.md; a build serves those its dialect table holds.
const (
	OpenAI    Dialect = "openai"
	Responses Dialect = "responses"
	Anthropic Dialect = "anthropic"
	Gemini    Dialect = "gemini"
	Bedrock   Dialect = "bedrock"
	AISDK     Dialect = "aisdk"
)

// Operations other than generation have wire formats of their own: each is a
// dialect beside its family's, without streams.
const (
	Embeddings        Dialect = "embeddings" // OpenAI's
	GeminiEmbeddings  Dialect = "gemini-embeddings"
	BedrockEmbeddings Dialect = "bedrock-embeddings"
	AnthropicCount    Dialect = "anthropic-count"
	GeminiCount       Dialect = "gemini-count"
)

// Kind is the closed set of what can go wrong, as a client may see it.
type Kind uint8

// Kinds of problems. NumKinds lets tests notice a forgotten one.
const (
	InvalidRequest Kind = iota
	Unauthenticated
	Forbidden
	NotFound
	MethodNotAllowed
	TooLarge
	UnsupportedMedia
	NotImplemented
	ContextLength // the prompt exceeds the target's context
	Unsupported   // the target lacks a feature the request needs
	Refused       // the provider refused the content
	RateLimited
	QuotaExceeded
	Overloaded // nobody has room: provider overloaded or we are full
	Unavailable
	Timeout
	BadAnswer     // the provider's answer was empty or malformed
	Inexpressible // the target has no words for a field, and the client is strict
	Internal
	NumKinds
)

// Problem is an error both audiences can use: everything but Cause may reach
// the client.
type Problem struct {
	Kind    Kind
	Message string
	// Param is the request field at fault, "" if none.
	Param string
	// Code overrides the kind's code where a vendor's clients expect one.
	Code string
	// RetryAfter is how long the client should wait; 0 = unsaid.
	RetryAfter time.Duration
	// Attempts tells each target tried and why it failed.
	Attempts []Attempt
	// Vendor is the provider's own error object, raw JSON or nil. It is only
	// passed on for problems that are the client's to mend.
	Vendor []byte
	// Cause is for logs only.
	Cause error
}

// Attempt is one failed try as a client may see it.
type Attempt struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Reason   string `json:"reason"`           // closed set: chain.Reason
	Status   int    `json:"status,omitempty"` // the provider's, 0 if none came
}

// Error makes a Problem an error whose text is the client's message.
func (p *Problem) Error() string { return p.Message }

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }

var kinds = [NumKinds]struct {
	status int
	code   string
}{
	InvalidRequest:   {http.StatusBadRequest, "invalid_request"},
	Unauthenticated:  {http.StatusUnauthorized, "invalid_api_key"},
	Forbidden:        {http.StatusForbidden, "forbidden"},
	NotFound:         {http.StatusNotFound, "not_found"},
	MethodNotAllowed: {http.StatusMethodNotAllowed, "method_not_allowed"},
	TooLarge:         {http.StatusRequestEntityTooLarge, "request_too_large"},
	UnsupportedMedia: {http.StatusUnsupportedMediaType, "unsupported_media_type"},
	NotImplemented:   {http.StatusNotImplemented, "not_implemented"},
	ContextLength:    {http.StatusBadRequest, "context_length_exceeded"},
	Unsupported:      {http.StatusBadRequest, "unsupported_feature"},
	Refused:          {http.StatusBadRequest, "content_refused"},
	RateLimited:      {http.StatusTooManyRequests, "rate_limit_exceeded"},
	QuotaExceeded:    {http.StatusPaymentRequired, "quota_exceeded"},
	Overloaded:       {http.StatusServiceUnavailable, "overloaded"},
	Unavailable:      {http.StatusBadGateway, "upstream_unavailable"},
	Timeout:          {http.StatusGatewayTimeout, "upstream_timeout"},
	BadAnswer:        {http.StatusBadGateway, "upstream_bad_answer"},
	Internal:         {http.StatusInternalServerError, "internal_error"},
	Inexpressible:    {http.StatusUnprocessableEntity, "inexpressible_fields"},
}

// Status is the kind's HTTP status.
func (k Kind) Status() int { return kinds[k].status }

// String is the kind's stable code: a metric label and what clients match on.
func (k Kind) String() string { return kinds[k].code }
