package credential

import (
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const (
	authorization = "authorization"
	bearer        = "Bearer " // RFC 6750
)

// Headers gives the headers with which a provider is shown a static key, none
// for the zero Secret.
func Headers(p *catalog.Provider, s Secret) []Header {
	if !s.Set() {
		return nil
	}
	name, prefix := carrier(p)
	return []Header{{Name: name, Value: Value(prefix + s.Reveal())}}
}

// carrier is the header that a provider expects a key in.
func carrier(p *catalog.Provider) (name, prefix string) {
	own := llm.OpenAI
	if len(p.Dialects) > 0 {
		own = p.Dialects[0]
	}
	switch {
	case p.Platform == catalog.Azure: // Azure OpenAI REST API reference, "Authentication"
		return "api-key", ""
	case own == llm.Anthropic && p.Platform == catalog.Direct: // Anthropic API reference, "Authentication"
		return "x-api-key", ""
	case own == llm.Gemini: // Gemini API reference, "Authentication"; Vertex AI in express mode, too
		return "x-goog-api-key", ""
	default: // OpenAI and all who follow it, Bedrock's API keys
		return authorization, bearer
	}
}
