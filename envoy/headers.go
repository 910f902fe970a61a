package envoy

import (
	"bytes"
	"strings"
)

// HeaderList is a list of header names that are allowed, by exact name or, with
// a trailing *, by any end. It is not changed after NewHeaderList.
type HeaderList struct {
	Names []string
	exact map[string]bool
	stems [][]byte
}

// NewHeaderList makes a list of names in lower case.
func NewHeaderList(names ...string) *HeaderList {
	l := &HeaderList{Names: names, exact: map[string]bool{}}
	for _, name := range names {
		if stem, open := strings.CutSuffix(name, "*"); open {
			l.stems = append(l.stems, []byte(stem))
		} else {
			l.exact[name] = true
		}
	}
	return l
}

// Has tells whether a name, given in lower case, is allowed.
func (l *HeaderList) Has(name []byte) bool {
	if l.exact[string(name)] {
		return true
	}
	for _, stem := range l.stems {
		if bytes.HasPrefix(name, stem) {
			return true
		}
	}
	return false
}

// Which headers pass. Everything else ends at the edge, before a byte is sent
// to ext_proc, in the router stage, or on the way back: a provider can echo what
// it was sent, our credential included, in any header.
var (
	// ClientHeaders are what the edge lets in: what ext_proc reads, and what may
	// reach a provider.
	ClientHeaders = NewHeaderList(
		":*", "accept", "anthropic-beta", "anthropic-version", "api-key", "authorization", "connection", "content-encoding",
		"content-length", "content-type", "expect", "openai-beta", "origin", "te", "transfer-encoding", "upgrade", "user-agent",
		"x-api-key", "x-forwarded-proto", "x-goog-api-key", "x-request-id",
	)
	// CORSHeaders are let in too where browsers may call.
	CORSHeaders = NewHeaderList("access-control-request-headers", "access-control-request-method")
	// ProviderHeaders are those of them that go on, and Envoy's own that end in
	// the attempt listener.
	ProviderHeaders = NewHeaderList(
		":*", "accept", "anthropic-beta", "anthropic-version", "content-type", "openai-beta", "user-agent",
		"x-forwarded-proto", "x-request-id",
	)
	// AnswerHeaders are what of a provider's answer reaches a client.
	AnswerHeaders = NewHeaderList(
		":*", "cache-control", "connection", "content-encoding", "content-length", "content-type", "date", "retry-after",
		"retry-after-ms", "transfer-encoding", "x-should-retry",
	)
)

// LimitHeaders tell clients how much their limits still let through, in the
// words of OpenAI's and Anthropic's API references ("Rate limits").
var LimitHeaders = []string{
	"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
	"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
	"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset",
	"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset",
	"anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset",
	"anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset",
}
