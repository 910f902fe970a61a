package simulator

import (
	"strings"
	"testing"

	"google.golang.org/genai"
)

func geminiWeather() *genai.GenerateContentConfig {
	return &genai.GenerateContentConfig{Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{
		{Name: "weather", Description: "the weather", Parameters: &genai.Schema{
			Type:       genai.TypeObject,
			Properties: map[string]*genai.Schema{"city": {Type: genai.TypeString}, "days": {Type: genai.TypeInteger, Nullable: genai.Ptr(true)}},
			Required:   []string{"city"},
		}},
		{Name: "clock", ParametersJsonSchema: map[string]any{
			"type": "object", "additionalProperties": false, "properties": map[string]any{"zone": map[string]any{"const": "UTC"}},
		}},
	}}}}
}

// answerCalls adds the model's turn and a response to each of its calls.
func answerCalls(contents []*genai.Content, model *genai.Content) []*genai.Content {
	responses := &genai.Content{Role: "user"}
	for _, part := range model.Parts {
		if part.FunctionCall != nil {
			responses.Parts = append(responses.Parts, genai.NewPartFromFunctionResponse(part.FunctionCall.Name, map[string]any{"output": "it is " + part.FunctionCall.Name}))
		}
	}
	return append(append(contents[:len(contents):len(contents)], model), responses)
}

func TestGoogleClientCallsFunctionsInParallelAndReplaysThem(t *testing.T) {
	for _, model := range []string{"gemini-2.5-flash", "gemini-3-pro-preview"} {
		backends(t, Config{}, func(t *testing.T, client *genai.Client) {
			t.Helper()
			ask := genai.Text("How is the weather, and when?")
			config := geminiWeather()
			config.HTTPOptions = sim(`{"tools":3,"reasoning":2}`)
			whole, err := client.Models.GenerateContent(t.Context(), model, ask, config)
			if err != nil {
				t.Fatal(err)
			}
			calls := whole.FunctionCalls()
			if len(calls) != 3 || calls[0].Name != "weather" || calls[1].Name != "clock" || calls[2].Name != "weather" {
				t.Fatalf("got %+v", calls)
			}
			if calls[0].Args["city"] == "" || calls[1].Args["zone"] != "UTC" || calls[0].ID != "" {
				t.Errorf("arguments are %v and %v", calls[0].Args, calls[1].Args)
			}
			if whole.Candidates[0].FinishReason != genai.FinishReasonStop {
				t.Errorf("finished by %s", whole.Candidates[0].FinishReason)
			}
			streamed := gather(t.Context(), client, model, ask, config)
			if streamed.err != nil || len(streamed.calls) != 3 || streamed.finish != genai.FinishReasonStop {
				t.Fatalf("streamed %+v", streamed)
			}
			for i, part := range streamed.calls {
				if signed := len(part.ThoughtSignature) > 0; signed != (i == 0) {
					t.Errorf("call %d: signed is %v", i, signed)
				}
			}
			config.HTTPOptions = nil
			for how, turn := range map[string]*genai.Content{"whole": whole.Candidates[0].Content, "streamed": streamed.model} {
				next, err := client.Models.GenerateContent(t.Context(), model, answerCalls(ask, turn), config)
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if text := next.Text(); !strings.Contains(text, "The tool call weather#2 returned “it is weather”.") || !strings.Contains(text, "clock#1 returned “it is clock”") {
					t.Errorf("%s: %q", how, text)
				}
			}
		})
	}
}

func TestGeminiVerifiesThoughtSignatures(t *testing.T) {
	replay := func(model string, change func(*genai.Content)) func(*testing.T, *genai.Client) error {
		return func(t *testing.T, client *genai.Client) error {
			t.Helper()
			ask, config := genai.Text("How is the weather?"), geminiWeather()
			config.HTTPOptions = sim(`{"tools":2,"reasoning":1}`)
			first, err := client.Models.GenerateContent(t.Context(), model, ask, config)
			if err != nil {
				t.Fatal(err)
			}
			turn := first.Candidates[0].Content
			contents := answerCalls(ask, turn)
			change(turn)
			config.HTTPOptions = nil
			_, err = client.Models.GenerateContent(t.Context(), model, contents, config)
			return err
		}
	}
	signed := func(c *genai.Content) *genai.Part {
		for _, part := range c.Parts {
			if len(part.ThoughtSignature) > 0 {
				return part
			}
		}
		return &genai.Part{}
	}
	strip := func(c *genai.Content) { signed(c).ThoughtSignature = nil }
	for name, c := range map[string]struct {
		send           func(*testing.T, *genai.Client) error
		direct, vertex string
	}{
		"unchanged": {replay("gemini-3-pro-preview", func(*genai.Content) {}), "", ""},
		"missing": {
			replay("gemini-3-pro-preview", strip),
			"Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing " +
				"thought_signature may lead to degraded model performance. Additional data, function call `default_api:weather` , position 2. " +
				"Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
			"Unable to submit request because function call `weather` in the 2. content block is missing a `thought_signature`. " +
				"Learn more: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures",
		},
		"missing where it is no duty": {replay("gemini-2.5-pro", strip), "", ""},
		"changed": {
			replay("gemini-2.5-pro", func(c *genai.Content) { signed(c).ThoughtSignature[7] ^= 1 }), "Corrupted thought signature.",
			"Unable to submit request because Thought signature is not valid.. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini",
		},
		"of another call": {
			replay("gemini-3-pro-preview", func(c *genai.Content) { signed(c).FunctionCall.Args["city"] = "elsewhere" }), "Corrupted thought signature.",
			"Unable to submit request because Thought signature is not valid.. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini",
		},
		"the documented stand-in": {replay("gemini-3-pro-preview", func(c *genai.Content) {
			signed(c).ThoughtSignature, _ = decodeBase64("skip_thought_signature_validator")
		}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			backends(t, Config{}, func(t *testing.T, client *genai.Client) {
				t.Helper()
				err := c.send(t, client)
				want := c.direct
				if client.ClientConfig().Backend == genai.BackendVertexAI {
					want = c.vertex
				}
				if want == "" && err != nil {
					t.Fatal(err)
				}
				if want != "" {
					googleError(t, err, genai.APIError{Code: 400, Status: "INVALID_ARGUMENT", Message: want})
				}
			})
		})
	}
}

func TestGoogleClientGetsThoughtsAndReplaysThem(t *testing.T) {
	backends(t, Config{Record: 1}, func(t *testing.T, client *genai.Client) {
		t.Helper()
		config := &genai.GenerateContentConfig{
			ThinkingConfig: &genai.ThinkingConfig{IncludeThoughts: true, ThinkingBudget: genai.Ptr[int32](1024)}, HTTPOptions: sim(`{"reasoning":4}`),
		}
		got := gather(t.Context(), client, "gemini-2.5-flash", genai.Text("Think"), config)
		if got.err != nil || len(strings.Fields(got.thoughts)) != 4 || got.usage.ThoughtsTokenCount != 4 {
			t.Fatalf("got %+v", got)
		}
		if got.usage.TotalTokenCount != got.usage.PromptTokenCount+got.usage.CandidatesTokenCount+4 {
			t.Errorf("usage is %+v", got.usage)
		}
		if last := got.model.Parts[len(got.model.Parts)-1]; len(last.ThoughtSignature) == 0 || last.Text != "" {
			t.Errorf("the last part is %+v", last)
		}
		whole, err := client.Models.GenerateContent(t.Context(), "gemini-2.5-flash", genai.Text("Think"), config)
		if err != nil || !whole.Candidates[0].Content.Parts[0].Thought || whole.Candidates[0].Content.Parts[0].Text != got.thoughts {
			t.Fatalf("%v: %+v", err, whole.Candidates[0].Content.Parts[0])
		}
		for _, turn := range []*genai.Content{got.model, whole.Candidates[0].Content} {
			again := []*genai.Content{genai.NewContentFromText("Think", "user"), turn, genai.NewContentFromText("Go on", "user")}
			if _, err := client.Models.GenerateContent(t.Context(), "gemini-2.5-flash", again, nil); err != nil {
				t.Error(err)
			}
		}
		config.ThinkingConfig.IncludeThoughts = false
		hidden := gather(t.Context(), client, "gemini-2.5-flash", genai.Text("Think"), config)
		if hidden.thoughts != "" || hidden.usage.ThoughtsTokenCount != 4 || hidden.text != got.text {
			t.Errorf("hidden thoughts: %+v", hidden)
		}
	})
}
