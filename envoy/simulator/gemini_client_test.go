package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genai"
)

// google is Google's own client of the Gemini API.
func (s *stage) google(t *testing.T, key string) *genai.Client {
	t.Helper()
	return newGoogle(t, &genai.ClientConfig{
		Backend: genai.BackendGeminiAPI, APIKey: key, HTTPClient: s.http1,
		HTTPOptions: genai.HTTPOptions{BaseURL: s.url + "/"},
	})
}

// vertex is the same client of Vertex AI.
func (s *stage) vertex(t *testing.T, token string) *genai.Client {
	t.Helper()
	return newGoogle(t, &genai.ClientConfig{
		Backend: genai.BackendVertexAI, Project: "p-1", Location: "europe-west4",
		HTTPClient:  &http.Client{Transport: withToken{s.http1.Transport, token}},
		HTTPOptions: genai.HTTPOptions{BaseURL: s.url + "/", APIVersion: "v1"},
	})
}

func newGoogle(t *testing.T, c *genai.ClientConfig) *genai.Client {
	t.Helper()
	client, err := genai.NewClient(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// withToken adds a bearer token to requests.
type withToken struct {
	next  http.RoundTripper
	token string
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+w.token)
	return w.next.RoundTrip(r)
}

// backends runs a test against both APIs.
func backends(t *testing.T, c Config, test func(t *testing.T, client *genai.Client)) {
	t.Helper()
	c.Key = "right-key"
	s := serve(t, c)
	t.Run("Gemini API", func(t *testing.T) { test(t, s.google(t, "right-key")) })
	t.Run("Vertex AI", func(t *testing.T) { test(t, s.vertex(t, "right-key")) })
}

// sim adds a script to a request of Google's client.
func sim(script string) *genai.HTTPOptions {
	return &genai.HTTPOptions{ExtraBody: map[string]any{"sim": map[string]any{"*": json.RawMessage(script)}}}
}

// gathered is a stream of Google's client put together.
type gathered struct {
	text, thoughts string
	calls          []*genai.Part
	model          *genai.Content
	finish         genai.FinishReason
	usage          *genai.GenerateContentResponseUsageMetadata
	chunks         int
	err            error
}

func gather(ctx context.Context, client *genai.Client, model string, contents []*genai.Content, config *genai.GenerateContentConfig) (g gathered) {
	g.model = &genai.Content{Role: "model"}
	for chunk, err := range client.Models.GenerateContentStream(ctx, model, contents, config) {
		if err != nil {
			g.err = err
			return g
		}
		g.chunks++
		g.usage = chunk.UsageMetadata
		if len(chunk.Candidates) == 0 {
			continue
		}
		c := chunk.Candidates[0]
		if c.FinishReason != "" {
			g.finish = c.FinishReason
		}
		if c.Content == nil {
			continue
		}
		for _, part := range c.Content.Parts {
			if part.Text != "" || part.FunctionCall != nil || len(part.ThoughtSignature) > 0 {
				g.model.Parts = append(g.model.Parts, part)
			}
			switch {
			case part.FunctionCall != nil:
				g.calls = append(g.calls, part)
			case part.Thought:
				g.thoughts += part.Text
			default:
				g.text += part.Text
			}
		}
	}
	return g
}

func TestGoogleClientGetsTextInOnePieceAndStreamed(t *testing.T) {
	backends(t, Config{}, func(t *testing.T, client *genai.Client) {
		t.Helper()
		whole, err := client.Models.GenerateContent(t.Context(), "gemini-2.5-flash", genai.Text("Tell me of camels"), &genai.GenerateContentConfig{
			SystemInstruction: genai.NewContentFromText("be brief", "user"),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := "Hello from acme, answering as gemini-2.5-flash. You said: “Tell me of camels” This provider is simulated, so that is all it has to say."
		if whole.Text() != want || whole.Candidates[0].FinishReason != genai.FinishReasonStop || whole.ModelVersion != "gemini-2.5-flash" || whole.ResponseID == "" {
			t.Errorf("got %q, %+v", whole.Text(), whole)
		}
		u := whole.UsageMetadata
		if u.PromptTokenCount == 0 || u.CandidatesTokenCount == 0 || u.TotalTokenCount != u.PromptTokenCount+u.CandidatesTokenCount {
			t.Errorf("usage is %+v", u)
		}
		got := gather(t.Context(), client, "gemini-2.5-flash", genai.Text("Tell me of camels"), &genai.GenerateContentConfig{
			SystemInstruction: genai.NewContentFromText("be brief", "user"),
		})
		if got.err != nil || got.text != want || got.finish != genai.FinishReasonStop || got.chunks < 10 {
			t.Errorf("streamed %+v", got)
		}
		if diff := cmp.Diff(whole.UsageMetadata, got.usage); diff != "" {
			t.Errorf("usage of the answer (-) and the stream (+) differ:\n%s", diff)
		}
	})
}

// googleError compares an error of Google's client, but for its details.
func googleError(t *testing.T, err error, want genai.APIError) {
	t.Helper()
	var got genai.APIError
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	got.Details = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGoogleClientIsHeardInNeutralWords(t *testing.T) {
	backends(t, Config{}, func(t *testing.T, client *genai.Client) {
		t.Helper()
		png := []byte("\x89PNG\r\n\x1a\n picture")
		config := geminiWeather()
		config.SystemInstruction = genai.NewContentFromText("be brief", "user")
		config.Temperature, config.TopP, config.TopK = genai.Ptr[float32](0.5), genai.Ptr[float32](0.25), genai.Ptr[float32](8)
		config.MaxOutputTokens, config.StopSequences, config.Seed = 77, []string{"END"}, genai.Ptr[int32](5)
		config.ToolConfig = &genai.ToolConfig{FunctionCallingConfig: &genai.FunctionCallingConfig{
			Mode: genai.FunctionCallingConfigModeAny, AllowedFunctionNames: []string{"weather"},
		}}
		config.ThinkingConfig = &genai.ThinkingConfig{ThinkingBudget: genai.Ptr[int32](512)}
		config.HTTPOptions = sim(`{"echo":true}`)
		contents := []*genai.Content{
			genai.NewContentFromParts([]*genai.Part{
				genai.NewPartFromText("look"), genai.NewPartFromBytes(png, "image/png"), genai.NewPartFromURI("gs://b/doc.pdf", "application/pdf"),
			}, "user"),
			genai.NewContentFromParts([]*genai.Part{genai.NewPartFromFunctionCall("weather", map[string]any{"city": "Bern"})}, "model"),
			genai.NewContentFromParts([]*genai.Part{genai.NewPartFromFunctionResponse("weather", map[string]any{"error": "no such city"})}, "user"),
		}
		answer, err := client.Models.GenerateContent(t.Context(), "gemini-2.5-flash", contents, config)
		if err != nil {
			t.Fatal(err)
		}
		var echo Echo
		if err := json.Unmarshal([]byte(answer.Text()), &echo); err != nil {
			t.Fatal(err)
		}
		budget := int64(512)
		image, _ := mediaPart("image", "image/png", base64Text(png))
		want := &Heard{
			Dialect: "gemini", Model: "gemini-2.5-flash", System: []string{"be brief"},
			Turns: []Turn{
				{Role: "user", Parts: []HeardPart{
					{Kind: "text", Text: "look"}, image, {Kind: "file", MediaType: "application/pdf", URL: "gs://b/doc.pdf"},
				}},
				{Role: "assistant", Parts: []HeardPart{{Kind: "call", ID: "weather#1", Name: "weather", Arguments: json.RawMessage(`{"city":"Bern"}`)}}},
				{Role: "user", Parts: []HeardPart{{Kind: "result", ID: "weather#1", Name: "weather", Text: "no such city", Error: true}}},
			},
			Tools: []HeardTool{
				{Name: "weather", Description: "the weather", Schema: json.RawMessage(
					`{"properties":{"city":{"type":"string"},"days":{"type":["integer","null"]}},"required":["city"],"type":"object"}`)},
				{Name: "clock", Schema: json.RawMessage(`{"additionalProperties":false,"properties":{"zone":{"const":"UTC"}},"type":"object"}`)},
			},
			Choice: "tool:weather", MaxTokens: 77, Temperature: new(0.5), TopP: new(0.25), TopK: new(8.0), Seed: new(int64(5)), Stop: []string{"END"},
			Reasoning: &HeardReasoning{Mode: "on", Budget: &budget},
		}
		if diff := cmp.Diff(want, echo.Heard); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGoogleClientGetsStructuredOutput(t *testing.T) {
	full := map[string]any{
		"type": "object", "additionalProperties": false, "required": []any{"n"},
		"properties": map[string]any{"n": map[string]any{"type": "integer"}, "w": map[string]any{"enum": []any{"a", "b"}}},
	}
	subset := &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"n": {Type: genai.TypeInteger}, "w": {Type: genai.TypeString, Enum: []string{"a", "b"}}}}
	backends(t, Config{}, func(t *testing.T, client *genai.Client) {
		t.Helper()
		for name, config := range map[string]*genai.GenerateContentConfig{
			"JSON Schema": {ResponseMIMEType: "application/json", ResponseJsonSchema: full},
			"subset":      {ResponseMIMEType: "application/json", ResponseSchema: subset},
		} {
			got := gather(t.Context(), client, "gemini-2.5-flash", genai.Text("fill in"), config)
			var value struct {
				N *int
				W string
			}
			if got.err != nil || json.Unmarshal([]byte(got.text), &value) != nil || value.N == nil || value.W != "a" && value.W != "b" {
				t.Errorf("%s: %v, %q", name, got.err, got.text)
			}
		}
	})
}

func TestGoogleClientSeesWhyAnAnswerEnds(t *testing.T) {
	backends(t, Config{}, func(t *testing.T, client *genai.Client) {
		t.Helper()
		for script, want := range map[string]genai.FinishReason{
			`{"finish":"length"}`: genai.FinishReasonMaxTokens, `{"finish":"content_filter"}`: genai.FinishReasonSafety,
			`{"finish":"RECITATION"}`: genai.FinishReasonRecitation, `{"silent":true}`: genai.FinishReasonStop, `{"tools":1}`: genai.FinishReasonStop,
		} {
			config := &genai.GenerateContentConfig{HTTPOptions: sim(script)}
			whole, err := client.Models.GenerateContent(t.Context(), "gemini-2.5-flash", genai.Text("x"), config)
			if err != nil || whole.Candidates[0].FinishReason != want {
				t.Errorf("%s: %v %+v", script, err, whole)
			}
			if got := gather(t.Context(), client, "gemini-2.5-flash", genai.Text("x"), config); got.finish != want {
				t.Errorf("%s streamed: %+v", script, got)
			}
		}
		limited, err := client.Models.GenerateContent(t.Context(), "gemini-2.5-flash", genai.Text("x"), &genai.GenerateContentConfig{MaxOutputTokens: 3})
		if err != nil || limited.Candidates[0].FinishReason != genai.FinishReasonMaxTokens || limited.Text() != "Hello from acme," {
			t.Errorf("%v: %+v", err, limited)
		}
		for script, want := range map[string]genai.BlockedReason{
			`{"refusal":"content_filter"}`: genai.BlockedReasonSafety, `{"refusal":"content_policy_violation"}`: genai.BlockedReasonProhibitedContent,
		} {
			blocked, err := client.Models.GenerateContent(t.Context(), "gemini-2.5-flash", genai.Text("x"), &genai.GenerateContentConfig{HTTPOptions: sim(script)})
			if err != nil || len(blocked.Candidates) != 0 || blocked.PromptFeedback == nil || blocked.PromptFeedback.BlockReason != want {
				t.Errorf("%s: %v %+v", script, err, blocked)
			}
		}
	})
}

func TestGoogleClientSeesUsageAsGoogleCountsIt(t *testing.T) {
	script := `{"usage":{"prompt_tokens":100,"cached_tokens":60,"completion_tokens":30,"reasoning_tokens":10}}`
	backends(t, Config{}, func(t *testing.T, client *genai.Client) {
		t.Helper()
		got := gather(t.Context(), client, "gemini-2.5-flash", genai.Text("x"), &genai.GenerateContentConfig{HTTPOptions: sim(script)})
		u := got.usage
		if got.err != nil || u.PromptTokenCount != 100 || u.CachedContentTokenCount != 60 || u.CandidatesTokenCount != 20 || u.ThoughtsTokenCount != 10 || u.TotalTokenCount != 130 {
			t.Errorf("%v: %+v", got.err, u)
		}
		none := gather(t.Context(), client, "gemini-2.5-flash", genai.Text("x"), &genai.GenerateContentConfig{HTTPOptions: sim(`{"no_usage":true}`)})
		if none.err != nil || none.usage != nil {
			t.Errorf("%v: %+v", none.err, none.usage)
		}
	})
}

func TestGoogleClientCountsAndEmbeds(t *testing.T) {
	backends(t, Config{}, func(t *testing.T, client *genai.Client) {
		t.Helper()
		counted, err := client.Models.CountTokens(t.Context(), "gemini-2.5-flash", genai.Text("How many tokens are these?"), nil)
		if err != nil || counted.TotalTokens == 0 {
			t.Errorf("%v: %+v", err, counted)
		}
		for _, model := range []string{"text-embedding-005", "gemini-embedding-001"} {
			texts := []*genai.Content{genai.NewContentFromText("camel", "user")}
			if model == "text-embedding-005" {
				texts = append(texts, genai.NewContentFromText("dromedary", "user"))
			}
			got, err := client.Models.EmbedContent(t.Context(), model, texts, nil)
			if err != nil || len(got.Embeddings) != len(texts) || len(got.Embeddings[0].Values) != geminiDimensions(model) {
				t.Fatalf("%s: %v %+v", model, err, got)
			}
			short, err := client.Models.EmbedContent(t.Context(), model, texts[:1], &genai.EmbedContentConfig{OutputDimensionality: genai.Ptr[int32](256)})
			if err != nil || len(short.Embeddings[0].Values) != 256 {
				t.Errorf("%s: %v", model, err)
			}
		}
	})
}

func TestGoogleClientListsModels(t *testing.T) {
	s := serve(t, Config{Models: []string{"gemini-2.5-flash", "gemini-embedding-001"}})
	page, err := s.google(t, "any").Models.List(t.Context(), &genai.ListModelsConfig{QueryBase: genai.Ptr(true)})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range page.Items {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"models/gemini-2.5-flash", "models/gemini-embedding-001"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestGoogleClientSeesErrors(t *testing.T) {
	s := serve(t, Config{Key: "right-key", Models: []string{"gemini-2.5-flash"}})
	ask := func(client *genai.Client, model, script string) error {
		_, err := client.Models.GenerateContent(t.Context(), model, genai.Text("x"), &genai.GenerateContentConfig{HTTPOptions: sim(script)})
		return err
	}
	googleError(t, ask(s.google(t, "wrong"), "gemini-2.5-flash", `{}`), genai.APIError{
		Code: 400, Status: "INVALID_ARGUMENT", Message: "API key not valid. Please pass a valid API key.",
	})
	googleError(t, ask(s.vertex(t, "wrong"), "gemini-2.5-flash", `{}`), genai.APIError{
		Code: 401, Status: "UNAUTHENTICATED", Message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or " +
			"other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
	})
	googleError(t, ask(s.google(t, "right-key"), "gemini-9", `{}`), genai.APIError{
		Code: 404, Status: "NOT_FOUND", Message: "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent. " +
			"Call ListModels to see the list of available models and their supported methods.",
	})
	googleError(t, ask(s.google(t, "right-key"), "gemini-2.5-flash", `{"context_length":true}`), genai.APIError{
		Code: 400, Status: "INVALID_ARGUMENT", Message: "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
	})
	googleError(t, ask(s.google(t, "right-key"), "gemini-2.5-flash", `{"status":503}`), genai.APIError{
		Code: 503, Status: "UNAVAILABLE", Message: "The model is overloaded. Please try again later.",
	})
	err := ask(s.google(t, "right-key"), "gemini-2.5-flash", `{"status":429,"retry_after":7}`)
	var quota genai.APIError
	if !errors.As(err, &quota) || quota.Code != 429 || quota.Status != "RESOURCE_EXHAUSTED" || len(quota.Details) != 3 || quota.Details[2]["retryDelay"] != "7s" {
		t.Errorf("got %v", err)
	}
	for script, chunks := range map[string]int{`{"error_first":true}`: 0, `{"error_mid":true,"events":4}`: 2} {
		got := gather(t.Context(), s.google(t, "right-key"), "gemini-2.5-flash", genai.Text("x"), &genai.GenerateContentConfig{HTTPOptions: sim(script)})
		if got.chunks != chunks {
			t.Errorf("%s: %d chunks", script, got.chunks)
		}
		googleError(t, got.err, genai.APIError{Code: 503, Status: "UNAVAILABLE", Message: "The model is overloaded. Please try again later."})
	}
}
