package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/openai/openai-go/v3/shared"
)

// chat is OpenAI's SDK at chat completions and embeddings.
type chat struct{ client openai.Client }

func newOpenAI(url string, client *http.Client) openai.Client {
	return openai.NewClient(option.WithBaseURL(url+"/v1"), option.WithAPIKey("any"), option.WithHTTPClient(client), option.WithMaxRetries(0))
}

func newChat(url string, client *http.Client) *chat { return &chat{newOpenAI(url, client)} }

// Client implements Driver.
func (*chat) Client() (string, Surface) { return "openai-go", Chat }

// Ask implements Driver.
func (c *chat) Ask(ctx context.Context, q *Question) (*Outcome, error) {
	ctx, o := overhear(ctx)
	p := chatParams(q)
	if q.Stream {
		return o, c.stream(ctx, p, o)
	}
	got, err := c.client.Chat.Completions.New(ctx, p)
	if o.Problem, err = openAIProblem(err); err != nil || o.Problem != nil {
		return o, err
	}
	o.fault(len(got.Choices) != 1, "an answer without its one choice")
	if len(got.Choices) != 1 {
		return o, nil
	}
	choice := &got.Choices[0]
	o.chatMessage(&choice.Message)
	o.Turn = json.RawMessage(choice.Message.RawJSON())
	var raw map[string]any
	if err := json.Unmarshal(o.Turn, &raw); err != nil {
		return o, err
	}
	o.Reasoning, _ = raw["reasoning_content"].(string)
	o.Finish, o.Usage = choice.FinishReason, chatUsage(&got.Usage)
	return o, nil
}

// chatMessage reads what the SDK knows of a message.
func (o *Outcome) chatMessage(m *openai.ChatCompletionMessage) {
	o.fault(m.Role != "assistant", "a message without role")
	o.Text = m.Content
	for _, call := range m.ToolCalls {
		o.Calls = append(o.Calls, Call{call.ID, call.Function.Name, call.Function.Arguments})
	}
	o.Bare = encode(m.ToParam())
}

func chatUsage(u *openai.CompletionUsage) Usage {
	if u.RawJSON() == "" && u.TotalTokens == 0 {
		return Usage{}
	}
	return Usage{
		Input: &u.PromptTokens, Output: &u.CompletionTokens, Cached: &u.PromptTokensDetails.CachedTokens,
		Written: &u.PromptTokensDetails.CacheWriteTokens, Reasoning: &u.CompletionTokensDetails.ReasoningTokens,
	}
}

// stream gathers a stream by the SDK's accumulator, and beside it what the
// accumulator does not know.
func (c *chat) stream(ctx context.Context, p openai.ChatCompletionNewParams, o *Outcome) error {
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	s := c.client.Chat.Completions.NewStreaming(ctx, p)
	acc, whole := openai.ChatCompletionAccumulator{}, map[string]any{}
	finished, opened := 0, false
	var usage openai.CompletionUsage // of which the accumulator forgets what is written to caches
	for s.Next() {
		chunk := s.Current()
		if chunk.JSON.Usage.Valid() {
			usage = chunk.Usage
		}
		o.fault(!acc.AddChunk(chunk), "a chunk that does not fit: "+chunk.RawJSON())
		if len(chunk.Choices) == 0 {
			continue
		}
		choice := &chunk.Choices[0]
		o.fault(!opened && choice.Delta.Role != "assistant", "a first chunk without role: "+chunk.RawJSON())
		o.fault(finished > 0 && (choice.Delta.Content != "" || len(choice.Delta.ToolCalls) > 0), "content after the finish")
		opened = true
		if choice.FinishReason != "" {
			finished++
		}
		var delta map[string]any
		if err := json.Unmarshal([]byte(choice.Delta.RawJSON()), &delta); err != nil {
			return err
		}
		joinDelta(whole, delta)
	}
	var err error
	if o.Problem, err = openAIProblem(s.Err()); err != nil {
		return err
	}
	if len(acc.Choices) == 1 {
		o.chatMessage(&acc.Choices[0].Message)
		o.Finish = acc.Choices[0].FinishReason
	}
	o.fault(o.Problem == nil && finished != 1, "a stream without its one finish reason")
	o.Reasoning, _ = whole["reasoning_content"].(string)
	o.Turn, o.Usage = encode(whole), chatUsage(&usage)
	return nil
}

// joinDelta adds a delta to a message: texts are joined, elements with an index
// by their index, other lists grow.
func joinDelta(to, delta map[string]any) {
	for name, v := range delta {
		switch v := v.(type) {
		case string:
			if old, _ := to[name].(string); name != "role" && name != "id" && name != "type" && name != "format" {
				v = old + v
			}
			to[name] = v
		case map[string]any:
			old, _ := to[name].(map[string]any)
			old = maps.Clone(old)
			if old == nil {
				old = map[string]any{}
			}
			joinDelta(old, v)
			to[name] = old
		case []any:
			old, _ := to[name].([]any)
			to[name] = joinLists(old, v)
		case nil:
		default:
			to[name] = v
		}
	}
}

func joinLists(old, more []any) []any {
	for _, v := range more {
		next, _ := v.(map[string]any)
		at := slices.IndexFunc(old, func(v any) bool {
			m, _ := v.(map[string]any)
			return m != nil && next != nil && next["index"] != nil && m["index"] == next["index"]
		})
		if at < 0 {
			old = append(old, v)
			continue
		}
		joinDelta(old[at].(map[string]any), next) //nolint:forcetypeassert // found by it
	}
	return old
}

func chatParams(q *Question) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{Model: q.Model}
	if q.System != "" {
		p.Messages = append(p.Messages, openai.SystemMessage(q.System))
	}
	for _, t := range q.Turns {
		p.Messages = append(p.Messages, chatTurn(t)...)
	}
	for _, t := range q.Tools {
		p.Tools = append(p.Tools, openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: t.Name, Description: openai.String(t.Description), Parameters: object(t.Schema),
		}))
	}
	if name, ok := toolNamed(q.Choice); ok {
		p.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: name})
	} else if q.Choice != "" {
		p.ToolChoice.OfAuto = openai.String(map[string]string{"any": "required", "auto": "auto", "none": "none"}[q.Choice])
	}
	if q.Serial {
		p.ParallelToolCalls = openai.Bool(false)
	}
	if q.Schema != nil {
		p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "answer", Strict: openai.Bool(true), Schema: object(q.Schema)},
		}
	}
	p.ReasoningEffort = shared.ReasoningEffort(q.Effort)
	if q.MaxTokens > 0 {
		p.MaxCompletionTokens = openai.Int(q.MaxTokens)
	}
	if q.Temperature != nil {
		p.Temperature = openai.Float(*q.Temperature)
	}
	if len(q.Stop) > 0 {
		p.Stop.OfStringArray = q.Stop
	}
	return p
}

func chatTurn(t Turn) (out []openai.ChatCompletionMessageParamUnion) {
	switch {
	case t.Replay != nil:
		return append(out, param.Override[openai.ChatCompletionMessageParamUnion](t.Replay))
	case t.Said != "":
		return append(out, openai.AssistantMessage(t.Said))
	}
	for _, r := range t.Results {
		out = append(out, openai.ToolMessage(r.Text, r.ID))
	}
	var parts []openai.ChatCompletionContentPartUnionParam
	for _, m := range t.Media {
		if m.Name == "" {
			parts = append(parts, openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: dataURL(m)}))
			continue
		}
		parts = append(parts, openai.FileContentPart(openai.ChatCompletionContentPartFileFileParam{
			Filename: openai.String(m.Name), FileData: openai.String(dataURL(m)),
		}))
	}
	switch {
	case len(parts) > 0:
		out = append(out, openai.UserMessage(append(parts, openai.TextContentPart(t.Text))))
	case t.Text != "":
		out = append(out, openai.UserMessage(t.Text))
	}
	return out
}

// openAIProblem is an error of OpenAI's SDK. What is none of its own, and none
// of a stream that broke, is returned.
func openAIProblem(err error) (*Problem, error) {
	var answered *openai.Error
	var streamed *ssestream.StreamError
	switch {
	case err == nil:
		return nil, nil
	case errors.As(err, &answered):
		return &Problem{answered.StatusCode, answered.Type, answered.Code, answered.Message}, nil
	case errors.As(err, &streamed):
		p := &Problem{Message: streamed.Message}
		var event struct {
			Error struct{ Type, Code, Message string }
		}
		if json.Unmarshal(streamed.Event.Data, &event) == nil {
			p.Type, p.Code, p.Message = event.Error.Type, event.Error.Code, event.Error.Message
		}
		return p, nil
	}
	return nil, err
}

// Embed implements Embedder.
func (c *chat) Embed(ctx context.Context, e *Embed) ([][]float64, *Outcome, error) {
	ctx, o := overhear(ctx)
	p := openai.EmbeddingNewParams{Model: e.Model, EncodingFormat: openai.EmbeddingNewParamsEncodingFormatFloat}
	p.Input.OfArrayOfStrings = e.Texts
	if len(e.Texts) == 1 {
		p.Input = openai.EmbeddingNewParamsInputUnion{OfString: openai.String(e.Texts[0])}
	}
	if e.Base64 {
		p.EncodingFormat = openai.EmbeddingNewParamsEncodingFormatBase64
	}
	if e.Dimensions > 0 {
		p.Dimensions = openai.Int(e.Dimensions)
	}
	got, err := c.client.Embeddings.New(ctx, p)
	if o.Problem, err = openAIProblem(err); err != nil || o.Problem != nil {
		return nil, o, err
	}
	o.Usage.Input = &got.Usage.PromptTokens
	vectors := make([][]float64, len(got.Data))
	for i, d := range got.Data {
		o.fault(d.Index != int64(i), "vectors out of order")
		vectors[i] = d.Embedding
		if e.Base64 {
			vectors[i], err = unpack(d.JSON.Embedding.Raw())
		}
		if err != nil {
			return nil, o, err
		}
	}
	return vectors, o, nil
}
