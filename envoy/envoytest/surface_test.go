package envoytest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// surface is an API that the gateway serves to clients.
type surface struct {
	name    string
	dialect llm.Dialect // that its clients speak
	// provider is the dialect of providers that its requests are left to.
	provider llm.Dialect
	path     func(model string, stream bool) string
	// body is a request without its closing brace.
	body func(model, text string, stream bool) string
	// done ends a whole stream, "" = no marker of its own.
	done string
}

func fixed(path string) func(string, bool) string { return func(string, bool) string { return path } }

// surfaces are all that generate.
var surfaces = []surface{
	{
		name: "chat", dialect: llm.OpenAI, provider: llm.OpenAI, path: fixed("/v1/chat/completions"), done: "data: [DONE]",
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":%q}]`, model, stream, text)
		},
	},
	{
		name: "responses", dialect: llm.Responses, provider: llm.Responses, path: fixed("/v1/responses"), done: "event: response.completed",
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"input":%q`, model, stream, text)
		},
	},
	{
		name: "messages", dialect: llm.Anthropic, provider: llm.Anthropic, path: fixed("/v1/messages"), done: "event: message_stop",
		body: func(model, text string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"max_tokens":500,"messages":[{"role":"user","content":%q}]`, model, stream, text)
		},
	},
	{
		name: "gemini", dialect: llm.Gemini, provider: llm.Gemini,
		path: func(model string, stream bool) string {
			if stream {
				return "/v1beta/models/" + url.PathEscape(model) + ":streamGenerateContent?alt=sse"
			}
			return "/v1beta/models/" + url.PathEscape(model) + ":generateContent"
		},
		body: func(_, text string, _ bool) string {
			return fmt.Sprintf(`{"contents":[{"role":"user","parts":[{"text":%q}]}]`, text)
		},
	},
	{
		name: "embeddings", dialect: llm.Embeddings, provider: llm.OpenAI, path: fixed("/v1/embeddings"),
		body: func(model, text string, _ bool) string { return fmt.Sprintf(`{"model":%q,"input":%q`, model, text) },
	},
}

// surfaceNamed finds one of them.
func surfaceNamed(tb testing.TB, name string) *surface {
	tb.Helper()
	for i := range surfaces {
		if surfaces[i].name == name {
			return &surfaces[i]
		}
	}
	tb.Fatalf("no surface %q", name)
	return nil
}

// streams tells whether the surface has streams.
func (s *surface) streams() bool { return s.dialect != llm.Embeddings }

// complaint is an error as any dialect tells it.
type complaint struct {
	kind, code, message, param, generation string
	attempts                               []triedTarget
}

// errorShape is how clients of a path read errors.
type errorShape struct {
	name string
	read func(body []byte, status int) (complaint, error)
}

var errorShapes = struct{ openAI, anthropic, gemini errorShape }{
	errorShape{"OpenAI's", readOpenAI}, errorShape{"Anthropic's", readAnthropic}, errorShape{"Google's", readGoogle},
}

// shapeOf is the shape of errors under a path.
func shapeOf(path string) errorShape {
	switch {
	case strings.HasPrefix(path, "/v1/messages"):
		return errorShapes.anthropic
	case strings.HasPrefix(path, "/v1beta/"):
		return errorShapes.gemini
	}
	return errorShapes.openAI
}

func readOpenAI(body []byte, _ int) (c complaint, err error) {
	var s openAIError
	if err = json.Unmarshal(body, &s); err == nil && s.Error.Type == "" {
		err = fmt.Errorf("no type")
	}
	c = complaint{s.Error.Type, s.Error.Code, s.Error.Message, "", s.GenerationID, s.Error.Attempts}
	if s.Error.Param != nil {
		c.param = *s.Error.Param
	}
	return c, err
}

// ours is what the gateway adds to the errors of other vendors.
type ours struct {
	Code, Param, GenerationID string
	Attempts                  []triedTarget
}

func readAnthropic(body []byte, _ int) (complaint, error) {
	var s struct {
		Type      string
		Error     struct{ Type, Message string }
		RequestID string `json:"request_id"`
		Dragoman  ours
	}
	err := json.Unmarshal(body, &s)
	if err == nil && (s.Type != "error" || s.Error.Type == "") {
		err = fmt.Errorf("types %q and %q", s.Type, s.Error.Type)
	}
	return complaint{s.Error.Type, s.Dragoman.Code, s.Error.Message, s.Dragoman.Param, s.RequestID, s.Dragoman.Attempts}, err
}

func readGoogle(body []byte, status int) (complaint, error) {
	var s struct {
		Error struct {
			Code            int
			Message, Status string
			Dragoman        ours
		}
	}
	err := json.Unmarshal(body, &s)
	if err == nil && (s.Error.Code != status || s.Error.Status == "") {
		err = fmt.Errorf("code %d and status %q under %d", s.Error.Code, s.Error.Status, status)
	}
	d := &s.Error.Dragoman
	return complaint{s.Error.Status, d.Code, s.Error.Message, d.Param, d.GenerationID, d.Attempts}, err
}

// complaint reads an answer that must be an error in that shape.
func (a *Answer) complaint(tb testing.TB, s errorShape) complaint {
	tb.Helper()
	c, err := s.read(a.Body, a.Status)
	if err != nil || c.message == "" {
		tb.Fatalf("no error in %s shape (%v): %s", s.name, err, a)
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/json" {
		tb.Errorf("the error's content type is %q", kind)
	}
	return c
}

// events reads a stream as a client of the surface does.
func (s *surface) events(stream []byte) []llm.Event {
	r := table.Codec(s.dialect).NewReader()
	return r.Close(r.Feed(nil, stream))
}

// noonWardens are wardens whose answers can be compared.
func noonWardens() []simulator.Config {
	all := wardens()
	for i := range all {
		all[i].Now = noon
	}
	return all
}
