package simulator

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// latest is what was heard in the request that was recorded last.
func (s *stage) latest(t *testing.T) *Heard {
	t.Helper()
	records := s.Records()
	h, err := Hear(records[len(records)-1].Request)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const pixel = "iVBORw0KGgo="

func TestWhatAnthropicsClientSendsIsHeard(t *testing.T) {
	s := serve(t, Config{Record: 1})
	client := s.claude("any")
	p := askWeather()
	p.System = []anthropic.TextBlockParam{{Text: "Be kind.", CacheControl: anthropic.NewCacheControlEphemeralParam()}}
	p.Messages = []anthropic.MessageParam{
		anthropic.NewUserMessage(anthropic.NewTextBlock("See"), anthropic.NewImageBlockBase64("image/png", pixel),
			anthropic.NewDocumentBlock(anthropic.URLPDFSourceParam{URL: "https://example.com/a.pdf"})),
		anthropic.NewAssistantMessage(anthropic.NewToolUseBlock("toolu_1", map[string]any{"city": "Lom"}, "weather")),
		anthropic.NewUserMessage(anthropic.NewToolResultBlock("toolu_1", "no such city", true)),
	}
	p.Thinking = anthropic.ThinkingConfigParamUnion{OfAdaptive: &anthropic.ThinkingConfigAdaptiveParam{}}
	p.OutputConfig.Effort = "high"
	if _, err := client.Messages.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	want := &Heard{
		Dialect: "anthropic", Model: "acme-1", System: []string{"Be kind."}, MaxTokens: 4096, CacheMarks: 1,
		Turns: []Turn{
			{"user", []HeardPart{
				{Kind: "text", Text: "See"}, {Kind: "image", MediaType: "image/png", Bytes: 8, Sum: "04f5aeef"}, {Kind: "file", URL: "https://example.com/a.pdf"},
			}},
			{"assistant", []HeardPart{{Kind: "call", ID: "toolu_1", Name: "weather", Arguments: json.RawMessage(`{"city":"Lom"}`)}}},
			{"user", []HeardPart{{Kind: "result", ID: "toolu_1", Text: "no such city", Error: true}}},
		},
		Tools: []HeardTool{
			{Name: "weather", Schema: json.RawMessage(`{"properties":{"city":{"type":"string"}},"type":"object"}`)},
			{Name: "clock", Schema: json.RawMessage(`{"properties":{},"type":"object"}`)},
		},
		Reasoning: &HeardReasoning{Mode: "adaptive", Effort: "high"},
	}
	if diff := cmp.Diff(want, s.latest(t)); diff != "" {
		t.Errorf("-want +heard:\n%s", diff)
	}
}

func TestWhatTheOfficialClientSendsIsHeard(t *testing.T) {
	s := serve(t, Config{Record: 1})
	client := s.official("any")
	p := responses.ResponseNewParams{
		Model: "acme-1", Instructions: openai.String("Be kind."), MaxOutputTokens: openai.Int(500), Store: openai.Bool(false),
		Reasoning: shared.ReasoningParam{Effort: "low", Summary: "auto"}, Include: []responses.ResponseIncludable{"reasoning.encrypted_content"},
		Text: responses.ResponseTextConfigParam{Format: responses.ResponseFormatTextConfigUnionParam{OfJSONObject: &shared.ResponseFormatJSONObjectParam{}}},
		Input: responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
			responses.ResponseInputItemParamOfMessage(responses.ResponseInputMessageContentListParam{
				{OfInputImage: &responses.ResponseInputImageParam{ImageURL: openai.String("data:image/png;base64," + pixel), Detail: "low"}},
				{OfInputFile: &responses.ResponseInputFileParam{FileData: openai.String("data:application/pdf;base64," + pixel), Filename: openai.String("a.pdf")}},
			}, "user"),
		}},
	}
	got, err := client.Responses.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(got.OutputText()), &object); err != nil {
		t.Errorf("the answer is no JSON object: %s", got.OutputText())
	}
	want := &Heard{
		Dialect: "openai-responses", Model: "acme-1", System: []string{"Be kind."}, MaxTokens: 500, JSON: true,
		Turns: []Turn{{"user", []HeardPart{
			{Kind: "image", MediaType: "image/png", Bytes: 8, Sum: "04f5aeef", Detail: "low"},
			{Kind: "file", Name: "a.pdf", MediaType: "application/pdf", Bytes: 8, Sum: "04f5aeef"},
		}}},
		Reasoning: &HeardReasoning{Effort: "low", Summary: "auto", Encrypted: true},
	}
	if diff := cmp.Diff(want, s.latest(t)); diff != "" {
		t.Errorf("-want +heard:\n%s", diff)
	}
	chat := question("See")
	chat.ReasoningEffort, chat.Seed, chat.FrequencyPenalty = "minimal", openai.Int(7), openai.Float(0.5)
	if _, err := client.Chat.Completions.New(t.Context(), chat); err != nil {
		t.Fatal(err)
	}
	seed, half := int64(7), 0.5
	want = &Heard{
		Dialect: "openai-chat", Model: "acme-1", Turns: []Turn{{"user", []HeardPart{{Kind: "text", Text: "See"}}}},
		Reasoning: &HeardReasoning{Effort: "minimal"}, Seed: &seed, FrequencyPenalty: &half,
	}
	if diff := cmp.Diff(want, s.latest(t)); diff != "" {
		t.Errorf("-want +heard:\n%s", diff)
	}
	counted, err := client.Responses.InputTokens.Count(t.Context(), responses.InputTokenCountParams{
		Model: openai.String("acme-1"), Input: responses.InputTokenCountParamsInputUnion{OfString: openai.String("Tell me of camels")},
	})
	if err != nil || counted.InputTokens != 5 {
		t.Errorf("counted %+v, %v", counted, err)
	}
}

func FuzzEveryDialectAnswersAnyBody(f *testing.F) {
	paths := []string{"/v1/embeddings", "/v1/messages/count_tokens"}
	for _, g := range tongues {
		paths = append(paths, g.path)
		f.Add(g.body("x"))
		f.Add(g.body(`[[sim:{"echo":true}]]`, `"stream":true`, `"tools":[{"type":"function","name":"a","input_schema":{"type":"object","properties":{"a":{"$ref":"#"}}}}]`))
	}
	for _, c := range conversation {
		f.Add(c.body)
	}
	f.Add(`{"model":"m","input":[[1],"x"]}`)
	f.Add(`{"model":"m","input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAAAx"},{"role":"assistant","content":"x"}]}`)
	f.Add(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"thinking"},{"type":"tool_result","content":[{}]}]},{}]}`)
	p := New(Config{Name: "acme", Now: noon})
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range paths {
			r := Request{Method: http.MethodPost, Path: path, Header: http.Header{"Anthropic-Version": {"1"}}, Body: []byte(body)}
			x, _ := p.exchange(&r, noon())
			pl := x.plan()
			if pl.mute || pl.stream != nil || pl.ending != endWhole || pl.header.Get("Content-Type") != "application/json" {
				continue
			}
			if got := pl.body.first(min(pl.sent, 1<<20)); pl.status >= 400 && !json.Valid(got) {
				t.Errorf("%s: %q is answered with %s", path, body, got)
			}
		}
	})
}
