package simulator

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// responsesRequest is what the Responses API takes, as far as it is heard.
type responsesRequest struct {
	Model              string
	Stream             bool
	Instructions       json.RawMessage
	Input              json.RawMessage
	Tools              []responsesTool
	ToolChoice         json.RawMessage `json:"tool_choice"`
	ParallelToolCalls  *bool           `json:"parallel_tool_calls"`
	MaxOutputTokens    *int64          `json:"max_output_tokens"`
	Temperature        *float64
	TopP               *float64 `json:"top_p"`
	Reasoning          *struct{ Effort, Summary string }
	Include            []string
	Text               struct{ Format *responsesFormat }
	Store              *bool
	PreviousResponseID string `json:"previous_response_id"`
	User               string
	SafetyIdentifier   string `json:"safety_identifier"`
	Sim                json.RawMessage
	items              []responsesItem
}

type responsesTool struct {
	Type, Name, Description string
	Parameters              json.RawMessage
	Strict                  *bool
}

type responsesFormat struct {
	Type, Name string
	Schema     json.RawMessage
	Strict     *bool
}

// responsesItem is an item of the input: what was said, called, returned or
// thought.
type responsesItem struct {
	Type, Role, ID   string
	Content          json.RawMessage
	CallID           string `json:"call_id"`
	Name, Arguments  string
	Output           json.RawMessage
	Summary          []struct{ Text string }
	EncryptedContent string `json:"encrypted_content"`
}

// responsesPart is a part of an item's content.
type responsesPart struct {
	Type, Text, Refusal string
	ImageURL            json.RawMessage `json:"image_url"`
	Detail              string
	FileID              string `json:"file_id"`
	FileData            string `json:"file_data"`
	FileURL             string `json:"file_url"`
	Filename            string
}

// thinksEncrypted is what a client includes to get reasoning it can replay.
const thinksEncrypted = "reasoning.encrypted_content"

// responsesRead understands a request, or refuses it as the API would.
func responsesRead(rt route, r *Request) (ask, *failure) {
	if !members(r.Body, func(string, []byte) bool { return true }) {
		return ask{}, &failure{status: http.StatusBadRequest, reason: notJSON}
	}
	if f := responsesMembers(r.Body); f != nil {
		return ask{}, f
	}
	var m responsesRequest
	if err := json.Unmarshal(r.Body, &m); err != nil {
		return ask{}, responsesType(err)
	}
	m.items = itemsOf(m.Input)
	if f := m.check(); f != nil {
		return ask{}, f
	}
	h := m.heard()
	a := h.reading(rt, conversationOf(r.Body, "instructions", "input"))
	a.sim, a.wantsUsage, a.repeats = m.Sim, true, responsesRepeats(r.Body)
	return a, nil
}

// itemsOf reads an input that is a text or a list of items.
func itemsOf(input []byte) (items []responsesItem) {
	if text, ok := unquote(input); ok && bytes.HasPrefix(input, []byte(`"`)) {
		return []responsesItem{{Type: "message", Role: "user", Content: appendString(nil, text)}}
	}
	elements(input, func(raw []byte) {
		var item responsesItem
		// A member of a foreign type is refused by its rule, not here.
		_ = json.Unmarshal(raw, &item)
		if item.Type == "" && item.Role != "" {
			item.Type = "message"
		}
		items = append(items, item)
	})
	return items
}

func (m *responsesRequest) heard() *Heard {
	h := &Heard{
		Dialect: "openai-responses", Model: m.Model, Stream: m.Stream, Parallel: m.ParallelToolCalls,
		Temperature: m.Temperature, TopP: m.TopP, User: cmp.Or(m.SafetyIdentifier, m.User),
	}
	if m.MaxOutputTokens != nil {
		h.MaxTokens = *m.MaxOutputTokens
	}
	if f := m.Text.Format; f != nil {
		h.Schema, h.JSON = compact(f.Schema), f.Type == "json_object"
	}
	encrypted := slices.Contains(m.Include, thinksEncrypted)
	if m.Reasoning != nil {
		h.Reasoning = &HeardReasoning{Effort: m.Reasoning.Effort, Summary: m.Reasoning.Summary, Encrypted: encrypted}
	} else if encrypted {
		h.Reasoning = &HeardReasoning{Encrypted: true}
	}
	for _, t := range m.Tools {
		heard := HeardTool{Name: t.Name, Description: t.Description, Schema: compact(t.Parameters), Strict: t.Strict}
		if t.Type != "function" {
			heard.Kind = t.Type
		}
		h.Tools = append(h.Tools, heard)
	}
	h.Choice = responsesChoice(m.ToolChoice)
	if text, _ := unquote(m.Instructions); text != "" {
		h.System = append(h.System, text)
	}
	for _, item := range m.items {
		item.hear(h)
	}
	return h
}

func responsesChoice(raw []byte) string {
	var named struct{ Type, Name string }
	if json.Unmarshal(raw, &named) == nil && named.Name != "" {
		return "tool:" + named.Name
	}
	word, _ := unquote(raw)
	if word == "required" {
		return "any"
	}
	return word
}

func (i *responsesItem) hear(h *Heard) {
	switch i.Type {
	case "message":
		parts := partsOf(i.Content)
		if i.Role == "system" || i.Role == "developer" {
			if len(h.Turns) > 0 {
				h.add("system", parts...)
				return
			}
			for _, p := range parts {
				h.System = append(h.System, p.Text)
			}
			return
		}
		h.add(i.Role, parts...)
	case "function_call":
		h.add("assistant", HeardPart{Kind: "call", ID: i.CallID, Name: i.Name, Arguments: compact([]byte(i.Arguments))})
	case "function_call_output":
		parts := partsOf(i.Output)
		h.add("user", HeardPart{Kind: "result", ID: i.CallID, Text: textOf(parts), Parts: mediaOf(parts)})
	case "reasoning":
		part := HeardPart{Kind: "reasoning", Text: i.summary(), Signature: i.EncryptedContent}
		if part.Text == "" {
			part.Kind = "redacted"
		}
		h.add("assistant", part)
	default:
		h.add("assistant", HeardPart{Kind: "other:" + i.Type})
	}
}

func (i *responsesItem) summary() string {
	texts := make([]string, len(i.Summary))
	for n, s := range i.Summary {
		texts[n] = s.Text
	}
	return strings.Join(texts, "\n")
}

// partsOf reads a content that is a string or a list of parts.
func partsOf(content []byte) (parts []HeardPart) {
	if text, ok := unquote(content); ok && bytes.HasPrefix(content, []byte(`"`)) {
		return []HeardPart{{Kind: "text", Text: text}}
	}
	elements(content, func(raw []byte) {
		var p responsesPart
		_ = json.Unmarshal(raw, &p) // as in itemsOf
		parts = append(parts, p.heard())
	})
	return parts
}

func (p *responsesPart) heard() HeardPart {
	switch p.Type {
	case "input_text", "output_text":
		return HeardPart{Kind: "text", Text: p.Text}
	case "refusal":
		return HeardPart{Kind: "refusal", Text: p.Refusal}
	case "input_image":
		url, _ := unquote(p.ImageURL)
		part, _ := urlPart("image", url)
		part.Kind, part.Detail, part.ID = "image", p.Detail, p.FileID
		return part
	case "input_file":
		url := p.FileURL
		if p.FileData != "" {
			url = p.FileData
		}
		part, _ := urlPart("file", url)
		part.Kind, part.Name, part.ID = "file", p.Filename, p.FileID
		return part
	}
	return HeardPart{Kind: "other:" + p.Type}
}

// responsesThought is the form of what the API encrypts.
const responsesThought = "responses"

// thoughtID names a reasoning item after what it says.
func thoughtID(text string) string {
	return "rs_" + hex.EncodeToString(imprint("responses id", text))[:48]
}

// encryptThought binds a thought to the item that carries it.
func encryptThought(text string) string {
	return "gAAAAA" + wrap(responsesThought, thoughtID(text)+"\n"+text)
}

// decryptThought gives the item and the thought that encryptThought was given.
func decryptThought(encrypted string) (id, text string, ok bool) {
	plain, ok := unwrap(responsesThought, strings.TrimPrefix(encrypted, "gAAAAA"))
	id, text, two := strings.Cut(plain, "\n")
	return id, text, ok && two
}
