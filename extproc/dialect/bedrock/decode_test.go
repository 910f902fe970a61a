package bedrock_test

import (
	"encoding/json"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// converse is a Converse request as its API reference has it.
type converse struct {
	Messages []struct {
		Role    string
		Content []block
	}
	System          []block
	InferenceConfig struct {
		MaxTokens         *int64
		Temperature, TopP *float64
		StopSequences     []string
	}
	ToolConfig *struct {
		Tools []struct {
			ToolSpec *struct {
				Name, Description string
				InputSchema       struct{ JSON json.RawMessage }
			}
			CachePoint *cachePoint
		}
		ToolChoice *struct {
			Auto, Any *struct{}
			Tool      *struct{ Name string }
		}
	}
	OutputConfig *struct {
		TextFormat struct {
			Type      string
			Structure struct {
				JSONSchema struct{ Schema, Name, Description string }
			}
		}
	}
	AdditionalModelRequestFields      json.RawMessage
	AdditionalModelResponseFieldPaths json.RawMessage
	GuardrailConfig                   json.RawMessage
	PerformanceConfig                 json.RawMessage
	PromptVariables                   json.RawMessage
	ServiceTier                       json.RawMessage
	RequestMetadata                   map[string]string
}

type block struct {
	Text                   *string
	Image, Document, Audio *media
	CachePoint             *cachePoint
	ToolUse                *struct {
		ToolUseID, Name string
		Input           json.RawMessage
	}
	ToolResult *struct {
		ToolUseID, Status string
		Content           []block
	}
	ReasoningContent *struct {
		ReasoningText   *struct{ Text, Signature string }
		RedactedContent string
	}
}

type media struct {
	Format, Name string
	Source       struct {
		Bytes      string
		S3Location *struct{ URI string }
	}
}

type cachePoint struct{ Type, TTL string }

// decodeRequest is the way back from a request for a target of that id.
func decodeRequest(body []byte, id string) (*llm.Request, error) {
	var c converse
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, err
	}
	r := &llm.Request{Dialect: llm.Bedrock, Stop: c.InferenceConfig.StopSequences}
	r.MaxTokens, r.Temperature, r.TopP = opt(c.InferenceConfig.MaxTokens), opt(c.InferenceConfig.Temperature), opt(c.InferenceConfig.TopP)
	if len(c.System) > 0 {
		r.Messages = append(r.Messages, llm.Message{Role: llm.System, Parts: parts(c.System)})
	}
	for _, m := range c.Messages {
		role := map[string]llm.Role{"user": llm.User, "assistant": llm.Assistant}[m.Role]
		r.Messages = append(r.Messages, llm.Message{Role: role, Parts: parts(m.Content)})
	}
	c.tools(r)
	if o := c.OutputConfig; o != nil {
		s := o.TextFormat.Structure.JSONSchema
		r.Format = llm.Format{
			Kind: llm.FormatJSONSchema, Name: s.Name, Description: s.Description, Schema: llm.Raw(s.Schema), Strict: llm.Some(true),
		}
	}
	fields(r, c.AdditionalModelRequestFields, id)
	for _, x := range []struct {
		name  string
		value json.RawMessage
	}{
		{"guardrailConfig", c.GuardrailConfig},
		{"serviceTier", c.ServiceTier},
		{"performanceConfig", c.PerformanceConfig},
		{"promptVariables", c.PromptVariables},
		{"additionalModelResponseFieldPaths", c.AdditionalModelResponseFieldPaths},
	} {
		if x.value != nil {
			r.Extra = append(r.Extra, llm.Extra{Dialect: llm.Bedrock, Name: x.name, Value: llm.Raw(x.value)})
		}
	}
	return r, nil
}

func opt[T comparable](v *T) llm.Opt[T] {
	if v == nil {
		return llm.Opt[T]{}
	}
	return llm.Some(*v)
}

func parts(blocks []block) (list []llm.Part) {
	for _, b := range blocks {
		switch {
		case b.Text != nil:
			list = append(list, llm.Part{Kind: llm.Text, Text: *b.Text})
		case b.Image != nil:
			list = append(list, b.Image.part(llm.Image, "image/"))
		case b.Document != nil:
			list = append(list, b.Document.part(llm.File, ""))
		case b.Audio != nil:
			list = append(list, b.Audio.part(llm.Audio, "audio/"))
		case b.CachePoint != nil:
			list[len(list)-1].Cache = b.CachePoint.raw()
		case b.ToolUse != nil:
			call := &llm.ToolCall{ID: b.ToolUse.ToolUseID, Name: b.ToolUse.Name, Args: string(b.ToolUse.Input)}
			list = append(list, llm.Part{Kind: llm.Call, Call: call})
		case b.ToolResult != nil:
			result := &llm.ToolResult{ID: b.ToolResult.ToolUseID, Error: b.ToolResult.Status == "error", Parts: parts(b.ToolResult.Content)}
			list = append(list, llm.Part{Kind: llm.Result, Result: result})
		case b.ReasoningContent != nil:
			list = append(list, thought(b))
		}
	}
	return list
}

func thought(b block) llm.Part {
	p := llm.Part{Kind: llm.Thinking}
	if t := b.ReasoningContent.ReasoningText; t != nil {
		p.Text = t.Text
		if t.Signature != "" {
			p.Thought = &llm.Thought{Format: llm.FormatAnthropic, Signature: t.Signature}
		}
		return p
	}
	p.Thought = &llm.Thought{Format: llm.FormatBedrock, Encrypted: b.ReasoningContent.RedactedContent}
	return p
}

func (c *cachePoint) raw() llm.Raw {
	if c.TTL != "" {
		return llm.Raw(`{"type":"ephemeral","ttl":"` + c.TTL + `"}`)
	}
	return llm.Raw(`{"type":"ephemeral"}`)
}

func (m *media) part(kind llm.PartKind, prefix string) llm.Part {
	media := &llm.Media{Base64: m.Source.Bytes, Name: m.Name, Type: prefix + m.Format}
	if kind == llm.File {
		media.Type, media.Name = "application/octet-stream", m.Name+"."+m.Format
	}
	if m.Source.S3Location != nil {
		media.URL = m.Source.S3Location.URI
	}
	return llm.Part{Kind: kind, Media: media}
}

func (c *converse) tools(r *llm.Request) {
	if c.ToolConfig == nil {
		return
	}
	for _, t := range c.ToolConfig.Tools {
		switch {
		case t.CachePoint != nil:
			r.Tools[len(r.Tools)-1].Cache = t.CachePoint.raw()
		case t.ToolSpec.Name == dialect.SchemaTool:
			purpose := strings.TrimSuffix(t.ToolSpec.Description, "Gives the answer. Call it once, with the whole answer as its input.")
			r.Format = llm.Format{
				Kind: llm.FormatJSONSchema, Schema: llm.Raw(t.ToolSpec.InputSchema.JSON), Description: strings.TrimSuffix(purpose, "\n"),
			}
		default:
			r.Tools = append(r.Tools, llm.Tool{
				Name: t.ToolSpec.Name, Description: t.ToolSpec.Description, Schema: llm.Raw(t.ToolSpec.InputSchema.JSON),
			})
		}
	}
	switch choice := c.ToolConfig.ToolChoice; {
	case choice == nil:
	case choice.Auto != nil:
		r.ToolChoice.Mode = llm.ChoiceAuto
	case choice.Any != nil && r.Format.Kind == llm.FormatUnset:
		r.ToolChoice.Mode = llm.ChoiceRequired
	case choice.Tool != nil && choice.Tool.Name != dialect.SchemaTool:
		r.ToolChoice = llm.ToolChoice{Mode: llm.ChoiceNamed, Name: choice.Tool.Name}
	case choice.Tool != nil && len(r.Tools) > 0:
		r.ToolChoice.Mode = llm.ChoiceNone
	}
}

// fields reads additionalModelRequestFields; what only the client can have
// written stays an extra.
func fields(r *llm.Request, raw json.RawMessage, id string) {
	var known struct {
		Thinking *struct {
			Type    string
			Budget  *int64 `json:"budget_tokens"`
			Display string
		}
		OutputConfig    *struct{ Effort string } `json:"output_config"`
		TopK            *int64                   `json:"top_k"`
		InferenceConfig *struct{ TopK *int64 }
		ReasoningConfig *struct{ MaxReasoningEffort string }
		ReasoningEffort *string `json:"reasoning_effort"`
	}
	if raw == nil {
		return
	}
	if json.Unmarshal(raw, &known) != nil || strings.Contains(string(raw), `"x":`) {
		r.Extra = append(r.Extra, llm.Extra{Dialect: llm.Bedrock, Name: "additionalModelRequestFields", Value: llm.Raw(raw)})
		return
	}
	g := &r.Reasoning
	switch {
	case known.OutputConfig != nil && known.Thinking == nil:
		g.Effort = llm.Some("none")
	case known.OutputConfig != nil:
		g.Effort = llm.Some(known.OutputConfig.Effort)
	case known.ReasoningConfig != nil:
		g.Effort = llm.Some(known.ReasoningConfig.MaxReasoningEffort)
	case known.ReasoningEffort != nil:
		g.Effort = llm.Some(*known.ReasoningEffort)
	case known.Thinking != nil:
		g.Budget = opt(known.Thinking.Budget)
	}
	if known.Thinking != nil && known.Thinking.Display != "" {
		g.Hidden = llm.Some(known.Thinking.Display == "omitted")
	}
	if r.TopK = opt(known.TopK); known.InferenceConfig != nil {
		r.TopK = opt(known.InferenceConfig.TopK)
	}
}
