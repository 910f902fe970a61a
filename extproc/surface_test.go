package extproc

import (
	"net/http"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestPathsAskForWhatTheySay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path  string
		want  endpoint
		model string
	}{
		{"/v1/chat/completions", chatCompletions, ""},
		{"/v1/chat/completions?beta=true", chatCompletions, ""},
		{"/v1/chat/completions/", laterPath, ""},
		{"/V1/chat/completions", unknownPath, ""},
		{"/v1/chat/completionsx", unknownPath, ""},
		{"//v1/chat/completions", unknownPath, ""},
		{"/v1/models", listModels, ""},
		{"/v1/models/openai/gpt-4o", oneModel, "openai/gpt-4o"},
		{"/v1/models/openai%2Fgpt-4o", oneModel, "openai/gpt-4o"},
		{"/v1/models/openai%2fgpt-4o?x=1", oneModel, "openai/gpt-4o"},
		{"/v1/models/%zz", unknownPath, ""},
		{"/v1/models/", unknownPath, ""},
		{"/v1/completions", legacyPath, ""},
		{"/v1/engines/davinci/completions", legacyPath, ""},
		{"/v1/responses", laterPath, ""},
		{"/v1/messages/count_tokens", laterPath, ""},
		{"/v1/images/generations", laterPath, ""},
		{"/v1/audio/speech", laterPath, ""},
		{"/v1/batches", laterPath, ""},
		{"/v1/realtime?model=x", laterPath, ""},
		{"/v1beta/models/gemini:generateContent", laterPath, ""},
		{"/v4/ai/language-model", laterPath, ""},
		{"/healthz", healthz, ""},
		{"/readyz", readyz, ""},
		{"/", unknownPath, ""},
		{"", unknownPath, ""},
		{"*", unknownPath, ""},
	}
	for _, tt := range tests {
		if e, m := surfaceOf([]byte(tt.path)); e != tt.want || m != tt.model {
			t.Errorf("%q: %v %q, want %v %q", tt.path, e, m, tt.want, tt.model)
		}
	}
}

func TestRefusedPathsSayWhatIsServed(t *testing.T) {
	t.Parallel()
	for e, want := range map[endpoint]int{unknownPath: http.StatusNotFound, laterPath: http.StatusNotImplemented, legacyPath: http.StatusNotFound} {
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
		{"an upgrade", head{method: []byte("POST"), upgrade: []byte("websocket")}, llm.Forbidden},
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
