package credential

import (
	"bytes"
	"time"
)

func (s *Set) entry(provider string) *entry {
	if s == nil {
		return nil
	}
	return s.entries[provider]
}

// Headers gives the headers of a provider's static key; none for a provider
// that wants none, has another kind of credential, or is not known. They are
// shared and must not be changed.
func (s *Set) Headers(provider string) []Header {
	if e := s.entry(provider); e != nil {
		return e.headers
	}
	return nil
}

// Names gives the names of the headers Authorize may give for a provider: what
// must be removed before another target sees the request. Shared, not to be
// changed.
func (s *Set) Names(provider string) []string {
	if e := s.entry(provider); e != nil {
		return e.names
	}
	return nil
}

// Authorize gives the headers that authorize a call to a provider; none for a
// provider that wants none or is not known. They may be shared and must not be
// changed. The call may be nil for everything but AWS's signatures. It does no
// I/O: without a token that holds at now the error is a Problem of kind
// Unauthenticated, which makes the next attempt, and a fetch is asked for.
func (s *Set) Authorize(provider string, c *Call, now time.Time) ([]Header, error) {
	e := s.entry(provider)
	if e == nil {
		return nil, nil
	}
	if e.source == nil {
		return e.headers, nil
	}
	t, err := e.source.token(now)
	if err != nil {
		return nil, err
	}
	if t.headers != nil {
		return t.headers, nil
	}
	return e.signer.sign(t, c, now)
}

// Redact takes a provider's secrets out of a text: its key, or its current
// token and the one before, which a slow call may have been made with. The
// text comes back as it is if there are none in it.
func (s *Set) Redact(provider string, text []byte) []byte {
	e := s.entry(provider)
	if e == nil {
		return text
	}
	text = without(text, e.secrets)
	if e.source == nil {
		return text
	}
	for _, t := range []*token{e.source.current.Load(), e.source.previous.Load()} {
		if t != nil {
			text = without(text, t.secrets)
		}
	}
	return text
}

func without(text []byte, secrets [][]byte) []byte {
	for _, secret := range secrets {
		if bytes.Contains(text, secret) {
			text = bytes.ReplaceAll(text, secret, []byte(Redacted))
		}
	}
	return text
}
