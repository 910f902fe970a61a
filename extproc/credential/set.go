package credential

import (
	"errors"
	"fmt"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Headers gives the headers with which a provider is shown its credential,
// none for the zero Secret.
func Headers(p *catalog.Provider, s Secret) []Header {
	if !s.Set() {
		return nil
	}
	name, prefix := carrier(p.Dialect)
	return []Header{{Name: name, Value: Value(prefix + s.Reveal())}}
}

// carrier is the header that the vendors behind a dialect expect a key in.
func carrier(d llm.Dialect) (name, prefix string) {
	switch d {
	case llm.Anthropic: // Anthropic API reference, "Authentication"
		return "x-api-key", ""
	case llm.Gemini: // Gemini API reference, "Authentication"
		return "x-goog-api-key", ""
	default: // RFC 6750; OpenAI and all who follow it, Bedrock's API keys
		return "authorization", "Bearer "
	}
}

// Set holds the headers of all providers. A nil Set holds none.
type Set struct{ headers map[string][]Header }

// Build resolves the credential of every provider of the catalog. The error
// joins all that are wrong, in the order of the providers' names. A provider
// without a reference wants no credential.
func Build(c *catalog.Catalog, env Env) (*Set, error) {
	s := &Set{headers: make(map[string][]Header, len(c.Providers))}
	var errs []error
	for _, p := range c.Providers {
		secret, err := resolve(p.Credential, env)
		if err != nil {
			errs = append(errs, fmt.Errorf("the credential of provider %s: %w", p.Name, err))
			continue
		}
		s.headers[p.Name] = Headers(p, secret)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

// Headers gives the headers of a provider's credential; none for a provider
// that wants none or is not known. They are shared and must not be changed.
func (s *Set) Headers(provider string) []Header {
	if s == nil {
		return nil
	}
	return s.headers[provider]
}

// Format prints how many providers the set is for, whatever the verb.
func (s *Set) Format(f fmt.State, _ rune) {
	n := 0
	if s != nil {
		n = len(s.headers)
	}
	_, _ = fmt.Fprintf(f, "credentials of %d providers", n)
}
