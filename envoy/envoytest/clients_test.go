package envoytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	claude "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// heard is what a program gets of an answer through its vendor's own client.
type heard struct {
	Text, Finish string
	Calls        []string // "name arguments", in order
	Err          error
	Status       int
	Header       http.Header
}

// listener notes status and headers of the last answer.
type listener struct {
	next   http.RoundTripper
	status int
	header http.Header
}

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err == nil {
		l.status, l.header = resp.StatusCode, resp.Header
	}
	return resp, err
}

// ask sends a body with the vendor's client for the surface and hears its
// answer.
func (s *surface) ask(t *testing.T, g *Gateway, stream bool, body string) (h heard) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	l := &listener{next: g.Client.Transport}
	client := &http.Client{Transport: l}
	switch s.dialect {
	case llm.OpenAI, llm.Responses:
		options := []option.RequestOption{option.WithBaseURL(g.URL + "/v1"), option.WithAPIKey(clientKey), option.WithHTTPClient(client), option.WithMaxRetries(0)}
		for name, value := range members {
			if name != "stream" {
				options = append(options, option.WithJSONSet(name, value))
			}
		}
		if s.dialect == llm.OpenAI {
			h.chat(t, stream, openai.NewClient(options...))
		} else {
			h.responses(t, stream, openai.NewClient(options...))
		}
	case llm.Anthropic:
		options := []claude.RequestOption{claude.WithoutEnvironmentDefaults(), claude.WithBaseURL(g.URL), claude.WithAPIKey(clientKey), claude.WithHTTPClient(client), claude.WithMaxRetries(0)}
		for name, value := range members {
			if name != "stream" {
				options = append(options, claude.WithJSONSet(name, value))
			}
		}
		h.messages(t, stream, anthropic.NewClient(options...))
	default:
		h.google(t, stream, &googleCall{url: g.URL, client: client, members: members})
	}
	h.Status, h.Header = l.status, l.header
	return h
}

func (h *heard) chat(t *testing.T, stream bool, client openai.Client) {
	t.Helper()
	var whole *openai.ChatCompletion
	if stream {
		events := client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{})
		acc := openai.ChatCompletionAccumulator{}
		for events.Next() {
			acc.AddChunk(events.Current())
		}
		h.Err, whole = events.Err(), &acc.ChatCompletion
	} else {
		whole, h.Err = client.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{})
	}
	if whole == nil || len(whole.Choices) == 0 {
		return
	}
	h.Text, h.Finish = whole.Choices[0].Message.Content, whole.Choices[0].FinishReason
	for _, c := range whole.Choices[0].Message.ToolCalls {
		h.Calls = append(h.Calls, c.Function.Name+" "+c.Function.Arguments)
	}
}

func (h *heard) responses(t *testing.T, stream bool, client openai.Client) {
	t.Helper()
	whole := &responses.Response{}
	if stream {
		events := client.Responses.NewStreaming(t.Context(), responses.ResponseNewParams{})
		for events.Next() {
			switch e := events.Current(); e.Type {
			case "response.output_text.delta": // what is there if the end never comes
				h.Text += e.Delta
			case "response.completed", "response.incomplete":
				whole = &e.Response
			case "error", "response.failed":
				h.Err = fmt.Errorf("%s: %s %s", e.Type, e.Message, e.Response.Error.Message)
			}
		}
		h.Err = errors.Join(h.Err, events.Err())
	} else {
		whole, h.Err = client.Responses.New(t.Context(), responses.ResponseNewParams{})
	}
	if whole == nil || whole.Status == "" {
		return
	}
	h.Text, h.Finish = whole.OutputText(), string(whole.Status)
	for _, item := range whole.Output {
		if item.Type == "function_call" {
			h.Calls = append(h.Calls, item.Name+" "+item.AsFunctionCall().Arguments)
		}
	}
}

func (h *heard) messages(t *testing.T, stream bool, client anthropic.Client) {
	t.Helper()
	whole := &anthropic.Message{}
	if stream {
		events := client.Messages.NewStreaming(t.Context(), anthropic.MessageNewParams{})
		for events.Next() {
			if err := whole.Accumulate(events.Current()); err != nil {
				h.Err = err
			}
		}
		h.Err = errors.Join(h.Err, events.Err())
	} else {
		whole, h.Err = client.Messages.New(t.Context(), anthropic.MessageNewParams{})
	}
	if whole == nil {
		return
	}
	h.Finish = string(whole.StopReason)
	for _, b := range whole.Content {
		h.Text += b.Text
		if b.Type == "tool_use" {
			h.Calls = append(h.Calls, b.Name+" "+string(b.Input))
		}
	}
}

// googleCall is what Google's client is set up and called with.
type googleCall struct {
	url     string
	client  *http.Client
	members map[string]json.RawMessage
}

func (h *heard) google(t *testing.T, stream bool, c *googleCall) {
	t.Helper()
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		Backend: genai.BackendGeminiAPI, APIKey: clientKey, HTTPClient: c.client, HTTPOptions: genai.HTTPOptions{BaseURL: c.url + "/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var model string
	var contents []*genai.Content
	extra := map[string]any{}
	for name, value := range c.members {
		switch name {
		case "model":
			err = json.Unmarshal(value, &model)
		case "contents":
			err = json.Unmarshal(value, &contents)
		default:
			var v any
			err = json.Unmarshal(value, &v)
			extra[name] = v
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	config := &genai.GenerateContentConfig{HTTPOptions: &genai.HTTPOptions{ExtraBody: extra}}
	var answers iter.Seq2[*genai.GenerateContentResponse, error]
	if stream {
		answers = client.Models.GenerateContentStream(t.Context(), model, contents, config)
	} else {
		answers = func(yield func(*genai.GenerateContentResponse, error) bool) {
			yield(client.Models.GenerateContent(t.Context(), model, contents, config))
		}
	}
	for answer, err := range answers {
		if err != nil {
			h.Err = err
			break
		}
		h.candidates(answer.Candidates)
	}
}

func (h *heard) candidates(all []*genai.Candidate) {
	for _, c := range all {
		h.Finish += string(c.FinishReason)
		if c.Content == nil {
			continue
		}
		for _, p := range c.Content.Parts {
			h.Text += p.Text
			if p.FunctionCall != nil {
				arguments, _ := json.Marshal(p.FunctionCall.Args) // it was JSON
				h.Calls = append(h.Calls, p.FunctionCall.Name+" "+string(arguments))
			}
		}
	}
}

// words are what a client's error says; OpenAI's own says it aside.
func words(err error) string {
	if e := (*openai.Error)(nil); errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
