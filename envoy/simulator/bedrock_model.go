package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// modelReturned begins what a model, not the service, refuses.
const modelReturned = "The model returned the following errors: "

// claudeFields are the additional fields that Anthropic's models take.
var claudeFields = []string{
	"anthropic_beta", "anthropic_version", "max_tokens", "metadata", "output_config", "output_format", "reasoning_config", "stop_sequences",
	"thinking", "tool_choice", "tools", "top_k", "top_p", "temperature", "context_management",
}

// novaFields are those that Amazon's models take.
var novaFields = []string{"inferenceConfig", "reasoningConfig"}

// additional refuses additional fields that the model does not know. Of models
// that are neither Anthropic's nor Amazon's no list is known.
func (c *bedrockCheck) additional() (f *failure) {
	known := []string(nil)
	switch {
	case c.route.claude():
		known = claudeFields
	case strings.Contains(c.route.model, "amazon.nova"):
		known = novaFields
	default:
		return nil
	}
	members(c.request.AdditionalModelRequestFields, func(name string, _ []byte) bool {
		if !slices.Contains(known, name) {
			f = invalid(name, "Malformed input request: #: extraneous key ["+name+"] is not permitted, please reformat your input and try again.")
		}
		return f == nil
	})
	return f
}

// format checks structured output.
func (c *bedrockCheck) format() *failure {
	f := c.request.OutputConfig.TextFormat
	switch {
	case f == nil:
		return nil
	case f.Type != "json_schema":
		return constraint("'"+f.Type+"'", "outputConfig.textFormat.type", oneOf("json_schema"))
	case f.Structure.JSONSchema == nil:
		return constraint("null", "outputConfig.textFormat.structure", "not be null")
	}
	var schema any
	if json.Unmarshal([]byte(f.Structure.JSONSchema.Schema), &schema) != nil {
		return invalid("outputConfig", "The schema at outputConfig.textFormat.structure.jsonSchema.schema is not valid JSON. Provide a valid JSON schema and try again.")
	}
	if c.route.claude() && hasOpenObject(schema) {
		return invalid("outputConfig", modelReturned+"output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false")
	}
	return nil
}

// reasoning checks reasoning that is replayed to models that do not sign it.
func (c *bedrockCheck) reasoning() *failure {
	if c.route.claude() {
		return nil
	}
	for _, m := range c.request.Messages {
		for _, b := range m.Content {
			switch r := b.ReasoningContent; {
			case r == nil:
			case r.RedactedContent != nil:
				return invalid("messages", "This model doesn't support the reasoningContent.redactedContent field. Remove reasoningContent.redactedContent and try again.")
			case r.ReasoningText != nil && r.ReasoningText.Signature != nil:
				return invalid("messages", "This model doesn't support the reasoningContent.reasoningText.signature field. "+
					"Remove reasoningContent.reasoningText.signature and try again.")
			}
		}
	}
	return nil
}

// claude applies the rules of Anthropic's models to what the service hands to
// them.
func (c *bedrockCheck) claude() *failure {
	if !c.route.claude() {
		return nil
	}
	m := c.messagesRequest()
	for i, turn := range c.request.Messages {
		for k, b := range turn.Content {
			if r := b.ReasoningContent; r != nil && r.ReasoningText != nil && (r.ReasoningText.Signature == nil || *r.ReasoningText.Signature == "") {
				return invalid("messages", modelReturned+fmt.Sprintf("messages.%d.content.%d.thinking.signature: Field required", i, k))
			}
		}
	}
	if last := c.request.Messages[len(c.request.Messages)-1]; last.Role == "assistant" {
		if text := last.Content[len(last.Content)-1].Text; text != nil && strings.TrimRight(*text, " \t\r\n") != *text {
			return invalid("messages", modelReturned+"messages: final assistant content cannot end with trailing whitespace")
		}
	}
	for _, sequence := range m.StopSequences {
		if strings.TrimSpace(sequence) == "" {
			return invalid("inferenceConfig", modelReturned+"stop_sequences: each stop sequence must contain non-whitespace")
		}
	}
	if marks := c.marks(); marks > 4 {
		return invalid("messages", modelReturned+fmt.Sprintf("A maximum of 4 blocks with cache_control may be provided. Found %d.", marks))
	}
	for _, rule := range [...]func() *failure{m.checkThinking, m.checkThoughts} {
		if f := rule(); f != nil {
			f.detail = modelReturned + f.detail
			return f
		}
	}
	return nil
}

// marks counts cache points.
func (c *bedrockCheck) marks() int {
	h := &Heard{}
	c.request.hear(h, c.extra)
	return h.CacheMarks
}

// messagesRequest is the request as Anthropic's own API would have it, as far
// as its rules look at it.
func (c *bedrockCheck) messagesRequest() *messagesRequest {
	i := &c.request.InferenceConfig
	m := &messagesRequest{
		MaxTokens: i.MaxTokens, Temperature: i.Temperature, TopP: i.TopP, TopK: c.extra.TopK, StopSequences: i.StopSequences, Thinking: c.extra.Thinking,
	}
	if t := c.request.ToolConfig; t != nil && t.ToolChoice != nil && t.ToolChoice.Auto == nil {
		m.ToolChoice = &struct {
			Type, Name string
			Disable    *bool `json:"disable_parallel_tool_use"`
		}{Type: "any"}
	}
	for _, turn := range c.request.Messages {
		out := messagesTurn{Role: turn.Role}
		for _, b := range turn.Content {
			switch {
			case b.ReasoningContent != nil && b.ReasoningContent.ReasoningText != nil:
				block := messagesBlock{Type: "thinking"}
				if t := b.ReasoningContent.ReasoningText; t.Text != nil {
					block.Thinking = *t.Text
				}
				if t := b.ReasoningContent.ReasoningText; t.Signature != nil {
					block.Signature = *t.Signature
				}
				out.blocks = append(out.blocks, block)
			case b.ReasoningContent != nil:
				out.blocks = append(out.blocks, messagesBlock{Type: "redacted_thinking", Data: string(b.ReasoningContent.RedactedContent)})
			case b.ToolUse != nil:
				out.blocks = append(out.blocks, messagesBlock{Type: "tool_use"})
			case b.ToolResult != nil:
				out.blocks = append(out.blocks, messagesBlock{Type: "tool_result"})
			case b.CachePoint == nil:
				out.blocks = append(out.blocks, messagesBlock{Type: "text"})
			}
		}
		m.Messages = append(m.Messages, out)
	}
	return m
}
