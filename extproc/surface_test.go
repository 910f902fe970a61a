package extproc

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestPathsAskForWhatTheySay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path string
		want asked
	}{
		{"/v1/chat/completions", asked{endpoint: chatCompletions, dialect: llm.OpenAI}},
		{"/v1/chat/completions?beta=true", asked{endpoint: chatCompletions, dialect: llm.OpenAI}},
		{"/v1/chat/completions/", asked{dialect: llm.OpenAI}},
		{"/v1/messages/", asked{dialect: llm.Anthropic}},
		{"/v1/chat/completions/chatcmpl-1", asked{endpoint: statePath, dialect: llm.OpenAI}},
		{"/v1/batches/", asked{endpoint: laterPath, dialect: llm.OpenAI}},
		{"/v1/responses/input_tokens", asked{endpoint: laterPath, dialect: llm.OpenAI}},
		{"/v1/responses/compact", asked{endpoint: laterPath, dialect: llm.OpenAI}},
		{"/V1/chat/completions", asked{dialect: llm.OpenAI}},
		{"/v1/chat/completionsx", asked{dialect: llm.OpenAI}},
		{"//v1/chat/completions", asked{dialect: llm.OpenAI}},
		{"/v1/models", asked{endpoint: listModels, dialect: llm.OpenAI}},
		{"/v1beta/models?pageSize=3", asked{endpoint: listModels, dialect: llm.Gemini}},
		{"/v1/models/openai/gpt-4o", asked{endpoint: oneModel, model: "openai/gpt-4o", dialect: llm.OpenAI}},
		{"/v1/models/openai%2Fgpt-4o", asked{endpoint: oneModel, model: "openai/gpt-4o", dialect: llm.OpenAI}},
		{"/v1/models/openai%2fgpt-4o?x=1", asked{endpoint: oneModel, model: "openai/gpt-4o", dialect: llm.OpenAI}},
		{"/v1/models/ollama/llama3:8b", asked{endpoint: oneModel, model: "ollama/llama3:8b", dialect: llm.OpenAI}},
		{"/v1beta/models/gemini-3-pro", asked{endpoint: oneModel, model: "gemini-3-pro", dialect: llm.Gemini}},
		{"/v1/models/%zz", asked{dialect: llm.OpenAI}},
		{"/v1/models/", asked{dialect: llm.OpenAI}},
		{"/v1/completions", asked{endpoint: legacyPath, dialect: llm.OpenAI}},
		{"/v1/engines/davinci/completions", asked{endpoint: legacyPath, dialect: llm.OpenAI}},
		{"/v1/responses", asked{endpoint: responses, dialect: llm.Responses}},
		{"/v1/responses/resp_1", asked{endpoint: statePath, dialect: llm.OpenAI}},
		{"/v1/messages?beta=true", asked{endpoint: messages, dialect: llm.Anthropic}},
		{"/v1/messages/count_tokens", asked{endpoint: countMessages, dialect: llm.AnthropicCount}},
		{"/v1/messages/batches", asked{endpoint: laterPath, dialect: llm.Anthropic}},
		{"/v1/embeddings", asked{endpoint: embeddings, dialect: llm.Embeddings}},
		{"/v1/images/generations", asked{endpoint: laterPath, dialect: llm.OpenAI}},
		{"/v1/audio/speech", asked{endpoint: laterPath, dialect: llm.OpenAI}},
		{"/v1/batches", asked{endpoint: laterPath, dialect: llm.OpenAI}},
		{"/v1/realtime?model=x", asked{endpoint: laterPath, dialect: llm.OpenAI}},
		{"/v1beta/models/gemini:generateContent", asked{endpoint: generateContent, model: "gemini", dialect: llm.Gemini}},
		{"/v1/models/google%2Fgemini:generateContent", asked{endpoint: generateContent, model: "google/gemini", dialect: llm.Gemini}},
		{"/v1beta/models/google/g:streamGenerateContent?alt=sse&key=x", asked{endpoint: generateContent, model: "google/g", stream: true, dialect: llm.Gemini}},
		{"/v1beta/models/g:streamGenerateContent", asked{endpoint: generateContent, model: "g", stream: true, array: true, dialect: llm.Gemini}},
		{"/v1beta/models/g:countTokens", asked{endpoint: countContent, model: "g", dialect: llm.GeminiCount}},
		{"/v1beta/models/g:embedContent", asked{endpoint: laterPath, model: "g", dialect: llm.Gemini}},
		{"/v1beta/cachedContents", asked{endpoint: laterPath, dialect: llm.Gemini}},
		{"/v4/ai/language-model", asked{endpoint: laterPath, dialect: llm.OpenAI}},
		{"/healthz", asked{endpoint: healthz, dialect: llm.OpenAI}},
		{"/readyz", asked{endpoint: readyz, dialect: llm.OpenAI}},
		{"/", asked{dialect: llm.OpenAI}},
		{"", asked{dialect: llm.OpenAI}},
		{"*", asked{dialect: llm.OpenAI}},
	}
	for _, tt := range tests {
		if got := surfaceOf([]byte(tt.path)); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.path, got, tt.want)
		}
	}
}

func TestEveryEndpointHasANameAndADialect(t *testing.T) {
	t.Parallel()
	for e := range numEndpoints {
		if e.String() == "" || endpoints[e].dialect == "" {
			t.Errorf("endpoint %d: %+v", e, endpoints[e])
		}
	}
}

func TestRefusedPathsSayWhatIsServed(t *testing.T) {
	t.Parallel()
	for e, want := range map[endpoint]int{unknownPath: http.StatusNotFound, laterPath: http.StatusNotImplemented, legacyPath: http.StatusNotFound, statePath: http.StatusNotFound} {
		p := e.refuse([]byte("/v1/x"))
		if p.Kind.Status() != want || p.Message == "" {
			t.Errorf("%v: %d %q", e, p.Kind.Status(), p.Message)
		}
	}
}

func TestRequestsAreJudgedBeforeTheirBody(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		head head
		want llm.Kind // NumKinds where it passes
	}{
		{"a plain request", head{method: []byte("POST"), contentType: []byte("application/json; charset=utf-8"), contentLength: 9}, llm.NumKinds},
		{"no content type", head{method: []byte("POST")}, llm.NumKinds},
		{"a vendor's JSON", head{method: []byte("POST"), contentType: []byte("application/vnd.x+json")}, llm.NumKinds},
		{"GET", head{method: []byte("GET")}, llm.MethodNotAllowed},
		{"a form", head{method: []byte("POST"), contentType: []byte("multipart/form-data")}, llm.UnsupportedMedia},
		{"an upgrade", head{method: []byte("POST"), upgrade: []byte("websocket")}, llm.NotImplemented},
		{"gzip", head{method: []byte("POST"), contentEncoding: []byte("gzip")}, llm.UnsupportedMedia},
		{"a length over the limit", head{method: []byte("POST"), contentLength: 11}, llm.TooLarge},
	}
	for _, tt := range tests {
		got := llm.NumKinds
		if p := tt.head.checkPost(10); p != nil {
			got = p.Kind
		}
		if got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAnUnknownPathIsNamedWithoutItsQuery(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/nothing?key=secret", "/v1/files?key=secret", "/v1/engines?key=secret", "/v1/responses/r?key=secret"} {
		asked := surfaceOf([]byte(path))
		if p := asked.endpoint.refuse([]byte(path)); strings.Contains(p.Message, "secret") || !strings.Contains(p.Message, strings.TrimSuffix(path, "?key=secret")) {
			t.Errorf("%s: %s", path, p.Message)
		}
	}
}

func TestASlashAtTheEndIsNamedAsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/chat/completions/?key=secret": "Unknown path /v1/chat/completions/. Leave out the slash at its end: /v1/chat/completions.",
		"/v1/models//":                     "Unknown path /v1/models//. Leave out the slash at its end: /v1/models.",
	} {
		asked := surfaceOf([]byte(path))
		if p := asked.endpoint.refuse([]byte(path)); p.Message != want || p.Kind != llm.NotFound {
			t.Errorf("%s: %v %s", path, p.Kind, p.Message)
		}
	}
	if p := unknownPath.refuse([]byte("/v1/nothing/")); !strings.Contains(p.Message, "This gateway serves POST /v1/chat/completions") {
		t.Error(p.Message)
	}
}

func TestNamesInAHeaderAreVisibleAndShort(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		names []string
		want  string
	}{
		"plain":           {[]string{"top_k", "tools.0.strict"}, "top_k, tools.0.strict"},
		"a line end":      {[]string{"a\r\nset-cookie: b"}, "a??set-cookie: b"},
		"other letters":   {[]string{"größe"}, "gr??e"},
		"too many":        {append(slices.Repeat([]string{strings.Repeat("x", 400)}, 2), strings.Repeat("y", 400)), strings.Repeat("x", 400) + ", " + strings.Repeat("x", 400) + ", ..."},
		"one that is all": {[]string{strings.Repeat("x", 2000)}, strings.Repeat("x", 1000) + "..."},
	} {
		if got := joinShort(tt.names); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
