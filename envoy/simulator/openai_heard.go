package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// chatRequest is what OpenAI's chat completions take, as far as it is heard.
type chatRequest struct {
	Model    string
	Stream   bool
	Messages []chatMessage
	Tools    []struct {
		Type     string
		Function struct {
			Name, Description string
			Parameters        json.RawMessage
			Strict            *bool
		}
	}
	ToolChoice          json.RawMessage `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	ResponseFormat      *chatFormat     `json:"response_format"`
	MaxTokens           int64           `json:"max_tokens"`
	MaxCompletionTokens int64           `json:"max_completion_tokens"`
	Temperature         *float64
	TopP                *float64 `json:"top_p"`
	Seed                *int64
	FrequencyPenalty    *float64 `json:"frequency_penalty"`
	PresencePenalty     *float64 `json:"presence_penalty"`
	Stop                stringOrList
	ReasoningEffort     string `json:"reasoning_effort"`
	User                string
	SafetyIdentifier    string `json:"safety_identifier"`
}

type chatFormat struct {
	Type       string
	JSONSchema struct{ Schema json.RawMessage } `json:"json_schema"`
}

type chatMessage struct {
	Role             string
	Content          json.RawMessage
	ReasoningContent string `json:"reasoning_content"`
	// Reasoning is the same in the words of other providers, if it is a text.
	Reasoning  json.RawMessage `json:"reasoning"`
	Refusal    string          `json:"refusal"`
	ToolCallID string          `json:"tool_call_id"`
	ToolCalls  []chatCall      `json:"tool_calls"`
}

type chatCall struct {
	ID       string
	Function struct{ Name, Arguments string }
}

// chatPart is a part of a message's content.
type chatPart struct {
	Type, Text, Refusal string
	ImageURL            struct{ URL, Detail string }  `json:"image_url"`
	InputAudio          struct{ Data, Format string } `json:"input_audio"`
	File                struct {
		Data string `json:"file_data"`
		Name string `json:"filename"`
		ID   string `json:"file_id"`
	}
}

// openAIHear tells a chat request in neutral words. What does not have the
// types of the API is heard as far as it goes.
func openAIHear(name, model string, body []byte) (*Heard, []chatMessage) {
	var r chatRequest
	// The reader has told whether it is JSON; a member of a foreign type is
	// passed over by encoding/json, which goes on behind it.
	_ = json.Unmarshal(body, &r)
	h := &Heard{
		Dialect: name, Model: model, Stream: r.Stream, Parallel: r.ParallelToolCalls,
		MaxTokens: max(r.MaxTokens, r.MaxCompletionTokens), Temperature: r.Temperature, TopP: r.TopP, Seed: r.Seed,
		FrequencyPenalty: r.FrequencyPenalty, PresencePenalty: r.PresencePenalty, Stop: r.Stop,
		User: cmp.Or(r.SafetyIdentifier, r.User), CacheMarks: bytes.Count(body, []byte(`"cache_control":`)),
	}
	if r.ReasoningEffort != "" {
		h.Reasoning = &HeardReasoning{Effort: r.ReasoningEffort}
	}
	if f := r.ResponseFormat; f != nil {
		h.Schema, h.JSON = compact(f.JSONSchema.Schema), f.Type == "json_object"
	}
	for _, t := range r.Tools {
		heard := HeardTool{Name: t.Function.Name, Description: t.Function.Description, Schema: compact(t.Function.Parameters), Strict: t.Function.Strict}
		if t.Type != "function" {
			heard.Kind = t.Type
		}
		h.Tools = append(h.Tools, heard)
	}
	h.Choice = openAIHeardChoice(r.ToolChoice)
	for _, m := range r.Messages {
		m.hear(h)
	}
	return h, r.Messages
}

func openAIHeardChoice(raw []byte) string {
	switch name := openAIChoice(raw); {
	case name == "*":
		return "any"
	case name != "":
		return "tool:" + name
	}
	word, _ := unquote(raw)
	return word
}

func (m *chatMessage) hear(h *Heard) {
	parts := chatParts(m.Content)
	switch m.Role {
	case "system", "developer":
		if len(h.Turns) > 0 {
			h.add("system", parts...)
			return
		}
		for _, p := range parts {
			h.System = append(h.System, p.Text)
		}
	case "tool":
		h.add("user", HeardPart{Kind: "result", ID: m.ToolCallID, Text: textOf(parts), Parts: mediaOf(parts)})
	case "assistant":
		thought := m.ReasoningContent
		if thought == "" {
			thought, _ = unquote(m.Reasoning)
		}
		if thought != "" {
			h.add(m.Role, HeardPart{Kind: "reasoning", Text: thought})
		}
		h.add(m.Role, parts...)
		if m.Refusal != "" {
			h.add(m.Role, HeardPart{Kind: "refusal", Text: m.Refusal})
		}
		for _, c := range m.ToolCalls {
			h.add(m.Role, HeardPart{Kind: "call", ID: c.ID, Name: c.Function.Name, Arguments: compact([]byte(c.Function.Arguments))})
		}
	default:
		h.add(m.Role, parts...)
	}
}

// chatParts reads a content that is a string or a list of parts.
func chatParts(content []byte) (parts []HeardPart) {
	if text, ok := unquote(content); ok && bytes.HasPrefix(content, []byte(`"`)) {
		return []HeardPart{{Kind: "text", Text: text}}
	}
	elements(content, func(raw []byte) {
		var p chatPart
		_ = json.Unmarshal(raw, &p) // as in openAIHear
		part := HeardPart{Kind: "other:" + p.Type}
		switch p.Type {
		case "text":
			part = HeardPart{Kind: "text", Text: p.Text}
		case "refusal":
			part = HeardPart{Kind: "refusal", Text: p.Refusal}
		case "image_url":
			part, _ = urlPart("image", p.ImageURL.URL)
			part.Kind, part.Detail = "image", p.ImageURL.Detail
		case "input_audio":
			part, _ = mediaPart("audio", "audio/"+p.InputAudio.Format, p.InputAudio.Data)
			part.Kind = "audio"
		case "file":
			part, _ = urlPart("file", p.File.Data)
			part.Kind, part.Name, part.ID = "file", p.File.Name, p.File.ID
		}
		parts = append(parts, part)
	})
	return parts
}

// maxCallID is how long the id of a call may be.
const maxCallID = 40

// maxUser is how long the user may be.
const maxUser = 64

func userTooLong(user string) *failure {
	return coded("string_above_max_length", "user", fmt.Sprintf(
		"Invalid 'user': string too long. Expected a string with maximum length %d, but got a string with length %d instead.", maxUser, len(user)))
}

// openAIOrder refuses tool messages that answer no call, and calls that no
// message answers, as the API does.
func openAIOrder(messages []chatMessage) *failure {
	open := map[string]bool{}
	var order []string
	unanswered := func(at int) *failure {
		var ids []string
		for _, id := range order {
			if open[id] {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			return nil
		}
		return invalid(fmt.Sprintf("messages.[%d].role", at), "An assistant message with 'tool_calls' must be followed by tool messages responding to each "+
			"'tool_call_id'. The following tool_call_ids did not have response messages: "+strings.Join(ids, ", "))
	}
	for i, m := range messages {
		if m.Role == "tool" {
			if m.ToolCallID != "" && !open[m.ToolCallID] {
				return invalid(fmt.Sprintf("messages.[%d].role", i), "Invalid parameter: messages with role 'tool' must be a response to a "+
					"preceeding message with 'tool_calls'.") //nolint:misspell // the API spells it so
			}
			delete(open, m.ToolCallID)
			continue
		}
		if f := unanswered(i); f != nil {
			return f
		}
		clear(open)
		order = order[:0]
		for j, c := range m.ToolCalls {
			if n := len(c.ID); n > maxCallID {
				at := fmt.Sprintf("messages[%d].tool_calls[%d].id", i, j)
				return coded("string_above_max_length", at, fmt.Sprintf("Invalid '%s': string too long. Expected a string with maximum length %d, "+
					"but instead got a string with length %d instead.", at, maxCallID, n))
			}
			open[c.ID] = true
			order = append(order, c.ID)
		}
	}
	return unanswered(len(messages))
}
