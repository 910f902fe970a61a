package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// anthropicMessages is the Messages API as Anthropic serves it (API reference,
// "Messages", "Count tokens", "List models").
var anthropicMessages = dialect{
	name:           "anthropic",
	route:          anthropicRoute,
	authorize:      anthropicAuthorize,
	read:           anthropicRead,
	models:         anthropicModels,
	count:          anthropicCount,
	headers:        anthropicHeaders,
	failureHeaders: anthropicFailureHeaders,
	answer:         anthropicAnswer,
	events:         anthropicEvents,
	hides:          (*say).thoughtOmitted,
	failure:        anthropicFailure,
	streamFailure:  anthropicStreamFailure,
	garbageName:    "content_block_delta",
	garbage:        `{"type":"content_block_delta","index":0,"delta":{"type":"text_de`,
}

// vertexClaude is the Messages API as Google serves it (Vertex AI, "Use
// Anthropic's Claude models"): the model stands in the path, the version in the
// body, and what Google's own front refuses has Google's form.
var vertexClaude = dialect{
	name:          "vertex-anthropic",
	route:         vertexClaudeRoute,
	authorize:     vertexClaudeAuthorize,
	read:          anthropicRead,
	count:         anthropicCount,
	headers:       func(h http.Header, id string) { h.Set("Request-Id", "req_vrtx_"+id) },
	answer:        anthropicAnswer,
	events:        anthropicEvents,
	hides:         (*say).thoughtOmitted,
	failure:       vertexClaudeFailure,
	streamFailure: anthropicStreamFailure,
	garbageName:   anthropicMessages.garbageName,
	garbage:       anthropicMessages.garbage,
}

// onVertex is the form of routes that Google serves.
const onVertex = "vertex"

func anthropicRoute(r *Request) (route, bool) {
	path, _, _ := strings.Cut(r.Path, "?")
	switch {
	case strings.HasSuffix(path, "/messages"):
		return route{op: opChat}, true
	case strings.HasSuffix(path, "/messages/count_tokens"):
		return route{op: opCount}, true
	case strings.HasSuffix(path, "/models") && r.Header.Get("Anthropic-Version") != "":
		return route{op: opModels, method: http.MethodGet}, true
	}
	return route{}, false
}

func vertexClaudeRoute(r *Request) (route, bool) {
	path, _, _ := strings.Cut(r.Path, "?")
	_, rest, found := strings.Cut(path, "/publishers/anthropic/models/")
	model, verb, two := strings.Cut(rest, ":")
	if !found || !two || verb != "rawPredict" && verb != "streamRawPredict" {
		return route{}, false
	}
	if model == "count-tokens" {
		return route{op: opCount, form: onVertex}, true
	}
	if plain, err := url.PathUnescape(model); err == nil {
		model = plain
	}
	return route{op: opChat, model: model, form: onVertex}, true
}

// anthropicAuthorize takes a key of the console or a bearer token.
func anthropicAuthorize(r *Request, c *Config) *failure {
	key := r.Header.Get("X-Api-Key")
	if key == "" {
		key = openAIKey(r.Header)
	}
	return c.compare(key)
}

func vertexClaudeAuthorize(r *Request, c *Config) *failure { return c.compare(openAIKey(r.Header)) }

func anthropicHeaders(h http.Header, id string) {
	h.Set("Request-Id", "req_"+id)
	h.Set("Anthropic-Organization-Id", "00000000-0000-4000-8000-000000000000")
	h.Set("Anthropic-Ratelimit-Requests-Limit", "4000")
	h.Set("Anthropic-Ratelimit-Requests-Remaining", "3999")
	h.Set("Anthropic-Ratelimit-Requests-Reset", "2026-08-01T12:00:00Z")
}

func anthropicCount(a *ask) []byte {
	return fmt.Appendf(nil, `{"input_tokens":%d}`, a.prompt)
}

func anthropicModels(_ string, created int64, ids []string) []byte {
	out := []byte(`{"data":[`)
	at := time.Unix(created, 0).UTC().Format(time.RFC3339)
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		name := appendString(nil, id)
		out = fmt.Appendf(out, `{"type":"model","id":%s,"display_name":%s,"created_at":"%s"}`, name, name, at)
	}
	out = append(out, `],"has_more":false,"first_id":`...)
	first, last := "", ""
	if len(ids) > 0 {
		first, last = ids[0], ids[len(ids)-1]
	}
	out = appendOrNull(out, first)
	return append(appendOrNull(append(out, `,"last_id":`...), last), '}')
}
