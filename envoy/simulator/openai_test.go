package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func TestTheOfficialClientEmbeds(t *testing.T) {
	s := serve(t, Config{})
	for _, client := range []openai.Client{
		s.official("any"),
		s.official("any", option.WithBaseURL(s.url+"/openai/deployments/acme-1"), option.WithQuery("api-version", "2024-10-21"), option.WithHeader("Api-Key", "any")),
	} {
		p := openai.EmbeddingNewParams{Model: "acme-1", Dimensions: openai.Int(8), Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"camel", "dromedary", "camel"}}}
		got, err := client.Embeddings.New(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		length := 0.0
		for _, v := range got.Data[0].Embedding {
			length += v * v
		}
		if len(got.Data) != 3 || len(got.Data[1].Embedding) != 8 || length < 0.99 || length > 1.01 || got.Usage.PromptTokens == 0 || got.Data[2].Index != 2 {
			t.Errorf("got %s", got.RawJSON())
		}
		if !cmp.Equal(got.Data[0].Embedding, got.Data[2].Embedding) || cmp.Equal(got.Data[0].Embedding, got.Data[1].Embedding) {
			t.Error("a vector does not tell texts apart")
		}
	}
	p := New(Config{Name: "acme", Now: noon})
	for body, want := range map[string]string{
		`{"model":"m","input":[1,2,3],"dimensions":1}`:                        `"embedding":[`,
		`{"model":"m","input":[[1,2],[3]],"dimensions":1}`:                    `"index":1`,
		`{"model":"m","input":"x","dimensions":1,"encoding_format":"base64"}`: `"embedding":"AACA`,
		`{"model":"m","input":""}`:                                            "'$.input' is invalid",
		`{"model":"m","input":[]}`:                                            "'$.input' is invalid",
		`{"model":"m","input":[{}]}`:                                          "'$.input' is invalid",
		`{"model":"m"}`:                                                       "Missing required parameter: 'input'.",
		`{"model":"m","input":"x","encoding_format":"hex"}`:                   "is not one of ['float', 'base64'] - 'encoding_format'",
		`{"model":"m","input":"x","sim":{"*":{"status":503}}}`:                "server_overloaded",
		`{"model":"m","input":"[[sim:{\"status\":503}]]"}`:                    "server_overloaded",
	} {
		if got := string(p.Body(Request{Path: "/v1/embeddings", Body: []byte(body)})); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %q in it", body, got, want)
		}
	}
}

func TestTheOfficialClientFindsADeployment(t *testing.T) {
	s := serve(t, Config{Key: "azure-key-0001", Models: []string{"acme-1"}})
	for _, c := range []struct {
		deployment, version, key string
		script, code             string
	}{
		{"acme-1", "2024-10-21", "azure-key-0001", `{}`, ""},
		{"acme-2", "2024-10-21", "azure-key-0001", `{}`, "DeploymentNotFound"},
		{"acme-1", "2024-10-21", "wrong", `{}`, "401"},
		{"acme-1", "", "azure-key-0001", `{}`, "404"},
		{"acme-1", "2024-10-21", "azure-key-0001", `{"status":429}`, "429"},
		{"acme-1", "2024-10-21", "azure-key-0001", `{"refusal":"content_filter"}`, "content_filter"},
		{"acme-1", "2024-10-21", "azure-key-0001", `{"context_length":true}`, "context_length_exceeded"},
	} {
		client := s.official("", option.WithBaseURL(s.url+"/openai/deployments/"+c.deployment), option.WithHeader("Api-Key", c.key), staged(c.script))
		if c.version != "" {
			client.Options = append(client.Options, option.WithQuery("api-version", c.version))
			client.Chat = openai.NewChatService(client.Options...)
		}
		got, err := client.Chat.Completions.New(t.Context(), question("x"))
		var problem *openai.Error
		switch {
		case c.code == "" && (err != nil || got.Model != "acme-1" || !strings.Contains(got.RawJSON(), `"prompt_filter_results"`)):
			t.Errorf("%+v: %v", c, err)
		case c.code != "" && (!errors.As(err, &problem) || problem.Code != c.code):
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestChatAnswersResultsStopsAndSchemas(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	p := weather()
	first, err := client.Chat.Completions.New(t.Context(), p, staged(`{"tools":2,"arguments":"mixed"}`))
	if err != nil {
		t.Fatal(err)
	}
	p.Messages = append(p.Messages, first.Choices[0].Message.ToParam())
	for _, c := range first.Choices[0].Message.ToolCalls {
		p.Messages = append(p.Messages, openai.ToolMessage("sunny in "+c.ID, c.ID))
	}
	next, err := client.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range first.Choices[0].Message.ToolCalls {
		if !strings.Contains(next.Choices[0].Message.Content, c.ID+" returned “sunny in "+c.ID+"”") {
			t.Errorf("the answer does not mention the result of %s: %s", c.ID, next.Choices[0].Message.Content)
		}
	}
	long := first.Choices[0].Message.ToParam()
	long.OfAssistant.ToolCalls[0].OfFunction.ID = strings.Repeat("x", 41)
	for want, messages := range map[string][]openai.ChatCompletionMessageParamUnion{
		"Expected a string with maximum length 40, but instead got a string with length 41": {p.Messages[0], long},
		"did not have response messages: " + first.Choices[0].Message.ToolCalls[1].ID:       p.Messages[:len(p.Messages)-1],
		"must be a response to a preceeding message with 'tool_calls'":                      append(p.Messages[:1:1], p.Messages[2]), //nolint:misspell // the API spells it so
	} {
		broken := p
		broken.Messages = messages
		_, err := client.Chat.Completions.New(t.Context(), broken)
		if problem := (*openai.Error)(nil); !errors.As(err, &problem) || !strings.Contains(problem.Message, want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	stop := question("x")
	stop.Stop = openai.ChatCompletionNewParamsStopUnion{OfStringArray: []string{" answering"}}
	if got, err := client.Chat.Completions.New(t.Context(), stop); err != nil || got.Choices[0].Message.Content != "Hello from acme," || got.Choices[0].FinishReason != "stop" {
		t.Errorf("got %+v, %v", got, err)
	}
	fit := question("x")
	fit.ResponseFormat.OfJSONSchema = &openai.ResponseFormatJSONSchemaParam{JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{
		Name: "x", Schema: map[string]any{"anyOf": []any{map[string]any{"type": "object", "properties": map[string]any{"n": map[string]any{"type": "integer", "minimum": 200}}}}},
	}}
	got, err := client.Chat.Completions.New(t.Context(), fit)
	var n struct{ N int }
	if err != nil || json.Unmarshal([]byte(got.Choices[0].Message.Content), &n) != nil || n.N != 200 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStreamsOfChatPutArgumentsWhereTheScriptSays(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("any")
	want := ""
	for _, shape := range []string{"", "whole", "first", "mixed", "empty"} {
		stream := client.Chat.Completions.NewStreaming(t.Context(), weather(), staged(`{"tools":2`+shaped(shape)))
		acc, chunks := openai.ChatCompletionAccumulator{}, 0
		order := ""
		for stream.Next() {
			acc.AddChunk(stream.Current())
			for _, c := range stream.Current().Choices {
				for _, call := range c.Delta.ToolCalls {
					chunks++
					order += fmt.Sprint(call.Index)
				}
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		calls := acc.Choices[0].Message.ToolCalls
		arguments := calls[0].Function.Arguments + calls[1].Function.Arguments
		if shape == "" {
			want = arguments
		}
		if (arguments != want) != (shape == "empty") || shape == "empty" && arguments != "" {
			t.Errorf("%q: arguments are %s", shape, arguments)
		}
		if counts := map[string]int{"whole": 4, "first": 2, "empty": 2}; counts[shape] != 0 && counts[shape] != chunks || shape == "mixed" != strings.Contains(order, "0101") && shape != "first" && shape != "empty" {
			t.Errorf("%q: %d chunks in the order %s", shape, chunks, order)
		}
	}
}

func shaped(shape string) string {
	if shape == "" {
		return "}"
	}
	return `,"arguments":"` + shape + `"}`
}
