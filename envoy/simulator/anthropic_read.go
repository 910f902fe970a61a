package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// messagesRequest is what the Messages API takes, as far as it is heard.
type messagesRequest struct {
	AnthropicVersion string `json:"anthropic_version"`
	Model            string
	MaxTokens        *int64 `json:"max_tokens"`
	Stream           bool
	System           json.RawMessage
	Messages         []messagesTurn
	Tools            []messagesTool
	ToolChoice       *struct {
		Type, Name string
		Disable    *bool `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	Thinking *struct {
		Type, Display string
		Budget        *int64 `json:"budget_tokens"`
	}
	OutputConfig struct {
		Effort string
		Format *messagesFormat
	} `json:"output_config"`
	OutputFormat  *messagesFormat `json:"output_format"`
	Temperature   *float64
	TopP          *float64 `json:"top_p"`
	TopK          *float64 `json:"top_k"`
	StopSequences []string `json:"stop_sequences"`
	Metadata      struct {
		UserID string `json:"user_id"`
	}
	Sim json.RawMessage
}

type messagesFormat struct {
	Type   string
	Schema json.RawMessage
}

type messagesTurn struct {
	Role    string
	Content json.RawMessage
	blocks  []messagesBlock
}

type messagesTool struct {
	Type, Name, Description string
	InputSchema             json.RawMessage `json:"input_schema"`
	Strict                  *bool
}

// messagesBlock is any block of content.
type messagesBlock struct {
	Type      string
	Text      string
	ID        string
	Name      string
	Input     json.RawMessage
	ToolUseID string `json:"tool_use_id"`
	Content   json.RawMessage
	IsError   bool `json:"is_error"`
	Thinking  string
	Signature string
	Data      string
	Title     string
	Source    struct {
		Type, Data, URL string
		MediaType       string `json:"media_type"`
		FileID          string `json:"file_id"`
	}
	raw []byte
}

// anthropicRead understands a request, or refuses it as the API would.
func anthropicRead(rt route, r *Request) (ask, *failure) {
	if rt.form != onVertex && r.Header.Get("Anthropic-Version") == "" {
		return ask{}, invalid("anthropic-version", "anthropic-version: header is required")
	}
	if !members(r.Body, func(string, []byte) bool { return true }) {
		return ask{}, &failure{status: http.StatusBadRequest, reason: notJSON}
	}
	if f := messagesMembers(rt, r); f != nil {
		return ask{}, f
	}
	var m messagesRequest
	if err := json.Unmarshal(r.Body, &m); err != nil {
		return ask{}, messagesType(err)
	}
	if rt.model != "" {
		m.Model = rt.model
	}
	if f := m.check(rt); f != nil {
		return ask{}, f
	}
	h := m.heard(rt, bytes.Count(r.Body, []byte(`"cache_control":{`)))
	a := h.reading(rt, conversationOf(r.Body, "system", "messages"))
	a.sim, a.wantsUsage = m.Sim, true
	return a, nil
}

// conversationOf joins the raw texts of members.
func conversationOf(body []byte, names ...string) (out []byte) {
	members(body, func(name string, value []byte) bool {
		for _, wanted := range names {
			if name == wanted {
				out = append(out, value...)
			}
		}
		return true
	})
	return out
}

func (m *messagesRequest) heard(rt route, marks int) *Heard {
	h := &Heard{
		Dialect: "anthropic", Model: m.Model, Stream: m.Stream, Temperature: m.Temperature, TopP: m.TopP, TopK: m.TopK,
		Stop: m.StopSequences, User: m.Metadata.UserID, CacheMarks: marks,
	}
	if rt.form == onVertex {
		h.Dialect = vertexName
	}
	if m.MaxTokens != nil {
		h.MaxTokens = *m.MaxTokens
	}
	for _, f := range []*messagesFormat{m.OutputFormat, m.OutputConfig.Format} {
		if f != nil {
			h.Schema = compact(f.Schema)
		}
	}
	if c := m.ToolChoice; c != nil {
		if h.Choice = c.Type; c.Type == "tool" {
			h.Choice = "tool:" + c.Name
		}
		if c.Disable != nil {
			parallel := !*c.Disable
			h.Parallel = &parallel
		}
	}
	for _, t := range m.Tools {
		heard := HeardTool{Name: t.Name, Description: t.Description, Schema: compact(t.InputSchema), Strict: t.Strict}
		if t.Type != "" && t.Type != "custom" {
			heard.Kind = t.Type
		}
		h.Tools = append(h.Tools, heard)
	}
	h.Reasoning = m.heardReasoning()
	for _, b := range blocksOf(m.System) {
		h.System = append(h.System, b.Text)
	}
	for _, turn := range m.Messages {
		for _, b := range turn.blocks {
			h.add(turn.Role, b.heard())
		}
	}
	return h
}

// vertexName is the name of vertexClaude, which cannot be asked for it here.
const vertexName = "vertex-anthropic"

func (m *messagesRequest) heardReasoning() *HeardReasoning {
	if m.Thinking == nil && m.OutputConfig.Effort == "" {
		return nil
	}
	r := &HeardReasoning{Effort: m.OutputConfig.Effort}
	if t := m.Thinking; t != nil {
		r.Mode = map[string]string{"enabled": "on", "disabled": "off", "adaptive": "adaptive"}[t.Type]
		r.Budget, r.Summary = t.Budget, t.Display
	}
	return r
}

// blocksOf reads a content that is a string or a list of blocks.
func blocksOf(content []byte) (blocks []messagesBlock) {
	if text, ok := unquote(content); ok && bytes.HasPrefix(content, []byte(`"`)) {
		return []messagesBlock{{Type: "text", Text: text}}
	}
	elements(content, func(raw []byte) {
		b := messagesBlock{raw: raw}
		// A member of a foreign type is refused by its rule, not here.
		_ = json.Unmarshal(raw, &b)
		blocks = append(blocks, b)
	})
	return blocks
}

func (b *messagesBlock) heard() HeardPart {
	switch b.Type {
	case "text":
		return HeardPart{Kind: "text", Text: b.Text}
	case "image":
		return b.media("image")
	case "document":
		part := b.media("file")
		part.Name = b.Title
		return part
	case "tool_use":
		return HeardPart{Kind: "call", ID: b.ID, Name: b.Name, Arguments: compact(b.Input)}
	case "tool_result":
		var parts []HeardPart
		for _, inner := range blocksOf(b.Content) {
			parts = append(parts, inner.heard())
		}
		return HeardPart{Kind: "result", ID: b.ToolUseID, Error: b.IsError, Text: textOf(parts), Parts: mediaOf(parts)}
	case "thinking":
		return HeardPart{Kind: "reasoning", Text: b.Thinking, Signature: b.Signature}
	case "redacted_thinking":
		return HeardPart{Kind: "redacted", Signature: b.Data}
	}
	return HeardPart{Kind: "other:" + b.Type}
}

func (b *messagesBlock) media(kind string) HeardPart {
	var part HeardPart
	switch b.Source.Type {
	case "base64":
		part, _ = mediaPart(kind, b.Source.MediaType, b.Source.Data)
	case "url":
		part.URL = b.Source.URL
	case "text":
		part.MediaType, part.Text = b.Source.MediaType, b.Source.Data
	case "file":
		part.ID = b.Source.FileID
	}
	part.Kind = kind
	return part
}
