package matrix

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/http"

	"google.golang.org/genai"
)

// generating is Google's SDK at the Gemini API.
type generating struct {
	url    string
	client *http.Client
}

func newGenerate(url string, client *http.Client) *generating { return &generating{url, client} }

// sdk makes the SDK's client, which costs nothing.
func (d *generating) sdk(ctx context.Context) (*genai.Client, error) {
	return genai.NewClient(ctx, &genai.ClientConfig{
		Backend: genai.BackendGeminiAPI, APIKey: "any", HTTPClient: d.client, HTTPOptions: genai.HTTPOptions{BaseURL: d.url + "/"},
	})
}

// Client implements Driver.
func (*generating) Client() (string, Surface) { return "genai", Generate }

// Ask implements Driver.
func (d *generating) Ask(ctx context.Context, q *Question) (*Outcome, error) {
	client, err := d.sdk(ctx)
	if err != nil {
		return nil, err
	}
	ctx, o := overhear(ctx)
	contents, config, err := generateParams(q)
	if err != nil {
		return nil, err
	}
	g := gathering{o: o}
	if !q.Stream {
		got, err := client.Models.GenerateContent(ctx, q.Model, contents, config)
		if o.Problem, err = googleProblem(err); err != nil || o.Problem != nil {
			return o, err
		}
		g.add(got)
		return g.end(), nil
	}
	for chunk, err := range client.Models.GenerateContentStream(ctx, q.Model, contents, config) {
		if err != nil {
			if o.Problem, err = googleProblem(err); err != nil {
				return o, err
			}
			break
		}
		o.fault(o.Finish != "" && len(chunk.Candidates) > 0, "a candidate after the finish")
		g.add(chunk)
	}
	return g.end(), nil
}

// gathering puts answers together, of which a stream has many.
type gathering struct {
	o           *Outcome
	whole, bare genai.Content
}

func (g *gathering) add(r *genai.GenerateContentResponse) {
	o := g.o
	if u := r.UsageMetadata; u != nil {
		o.Usage = Usage{
			Input: count(int64(u.PromptTokenCount)), Output: count(int64(u.CandidatesTokenCount + u.ThoughtsTokenCount)),
			Cached: count(int64(u.CachedContentTokenCount)), Reasoning: count(int64(u.ThoughtsTokenCount)),
		}
	}
	if f := r.PromptFeedback; f != nil && f.BlockReason != "" {
		o.Finish = "content_filter"
	}
	o.fault(len(r.Candidates) > 1, "several candidates")
	if len(r.Candidates) == 0 {
		return
	}
	c := r.Candidates[0]
	if c.FinishReason != "" {
		o.Finish = cmp.Or(map[genai.FinishReason]string{
			genai.FinishReasonStop: "stop", genai.FinishReasonMaxTokens: "length", genai.FinishReasonSafety: "content_filter",
			genai.FinishReasonProhibitedContent: "content_filter", genai.FinishReasonBlocklist: "content_filter",
		}[c.FinishReason], string(c.FinishReason))
	}
	if c.Content == nil {
		return
	}
	for _, part := range c.Content.Parts {
		g.part(part)
	}
}

func (g *gathering) part(part *genai.Part) {
	o := g.o
	if part.Text != "" || part.FunctionCall != nil || len(part.ThoughtSignature) > 0 {
		g.whole.Parts = append(g.whole.Parts, part)
	}
	switch {
	case part.FunctionCall != nil:
		// Google's API gives no ids; what stands for one is the call's place.
		o.Calls = append(o.Calls, Call{part.FunctionCall.ID, part.FunctionCall.Name, string(encode(part.FunctionCall.Args))})
		if part.FunctionCall.Args == nil {
			o.Calls[len(o.Calls)-1].Args = "{}"
		}
	case part.Thought:
		o.Reasoning += part.Text
		return
	default:
		o.Text += part.Text
	}
	if part.Text != "" || part.FunctionCall != nil {
		plain := *part
		plain.ThoughtSignature = nil
		g.bare.Parts = append(g.bare.Parts, &plain)
	}
}

func (g *gathering) end() *Outcome {
	o := g.o
	o.fault(o.Problem == nil && o.Finish == "", "an answer without finish reason")
	if o.Finish == "stop" && len(o.Calls) > 0 {
		o.Finish = "tool_calls"
	}
	g.whole.Role, g.bare.Role = "model", "model"
	o.Turn, o.Bare = encode(&g.whole), encode(&g.bare)
	return o
}

// Count implements Counter.
func (d *generating) Count(ctx context.Context, q *Question) (*Outcome, error) {
	client, err := d.sdk(ctx)
	if err != nil {
		return nil, err
	}
	ctx, o := overhear(ctx)
	contents, _, err := generateParams(q) // the SDK takes nothing else for the Gemini API
	if err != nil {
		return nil, err
	}
	got, err := client.Models.CountTokens(ctx, q.Model, contents, nil)
	if o.Problem, err = googleProblem(err); err != nil || o.Problem != nil {
		return o, err
	}
	o.Usage.Input = count(int64(got.TotalTokens))
	return o, nil
}

func generateParams(q *Question) ([]*genai.Content, *genai.GenerateContentConfig, error) {
	c := &genai.GenerateContentConfig{StopSequences: q.Stop, MaxOutputTokens: int32(q.MaxTokens)}
	if q.System != "" {
		c.SystemInstruction = genai.NewContentFromText(q.System, "user")
	}
	var contents []*genai.Content
	for _, t := range q.Turns {
		content, err := generateTurn(t)
		if err != nil {
			return nil, nil, err
		}
		contents = append(contents, content)
	}
	if len(q.Tools) > 0 {
		tool := &genai.Tool{}
		for _, t := range q.Tools {
			tool.FunctionDeclarations = append(tool.FunctionDeclarations, &genai.FunctionDeclaration{
				Name: t.Name, Description: t.Description, ParametersJsonSchema: object(t.Schema),
			})
		}
		c.Tools = []*genai.Tool{tool}
	}
	if q.Choice != "" {
		calling := &genai.FunctionCallingConfig{Mode: map[string]genai.FunctionCallingConfigMode{
			"any": "ANY", "none": "NONE", "auto": "AUTO",
		}[q.Choice]}
		if name, ok := toolNamed(q.Choice); ok {
			calling.Mode, calling.AllowedFunctionNames = "ANY", []string{name}
		}
		c.ToolConfig = &genai.ToolConfig{FunctionCallingConfig: calling}
	}
	if q.Schema != nil {
		c.ResponseMIMEType, c.ResponseJsonSchema = "application/json", object(q.Schema)
	}
	if q.Effort != "" {
		c.ThinkingConfig = &genai.ThinkingConfig{IncludeThoughts: true, ThinkingBudget: genai.Ptr(int32(budget(q.Effort)))}
	}
	if q.Temperature != nil {
		c.Temperature = genai.Ptr(float32(*q.Temperature))
	}
	return contents, c, nil
}

func generateTurn(t Turn) (*genai.Content, error) {
	switch {
	case t.Replay != nil:
		content := &genai.Content{}
		return content, decode(t.Replay, content)
	case t.Said != "":
		return genai.NewContentFromText(t.Said, "model"), nil
	}
	content := &genai.Content{Role: "user"}
	for _, r := range t.Results {
		name := "output"
		if r.Error {
			name = "error"
		}
		part := genai.NewPartFromFunctionResponse(r.Name, map[string]any{name: r.Text})
		part.FunctionResponse.ID = r.ID
		content.Parts = append(content.Parts, part)
	}
	for _, m := range t.Media {
		data, err := base64.StdEncoding.DecodeString(m.Base64)
		if err != nil {
			return nil, err
		}
		part := genai.NewPartFromBytes(data, m.Type)
		content.Parts = append(content.Parts, part)
	}
	if t.Text != "" {
		content.Parts = append(content.Parts, genai.NewPartFromText(t.Text))
	}
	return content, nil
}

// googleProblem is an error of Google's SDK.
func googleProblem(err error) (*Problem, error) {
	var answered genai.APIError
	if !errors.As(err, &answered) {
		return nil, err
	}
	return &Problem{Status: answered.Code, Type: answered.Status, Message: answered.Message}, nil
}
