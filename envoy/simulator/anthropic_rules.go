package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	thinkingGuide = "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
	extraInputs   = ": Extra inputs are not permitted"
)

// messagesTaken are the members of a request, messagesBeta those that take an
// anthropic-beta header.
var (
	messagesTaken = []string{
		"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "sim",
		"max_tokens", "metadata", "stop_sequences", "stream", "temperature", "top_k", "top_p", "service_tier", "container", "inference_geo",
	}
	messagesCounted = 9 // of messagesTaken, those that count_tokens takes, too
	messagesBeta    = []string{
		"mcp_servers", "context_management", "compaction", "output_format", "speed", "diagnostics", "fallbacks", "fallback_credit_token",
	}
)

// messagesMembers refuses what the API does not know at the top level.
func messagesMembers(rt route, r *Request) (f *failure) {
	taken := messagesTaken
	if rt.op == opCount {
		taken = taken[:messagesCounted]
	}
	beta := r.Header.Get("Anthropic-Beta") != "" || rt.form == onVertex && bytes.Contains(r.Body, []byte(`"anthropic_beta":`))
	members(r.Body, func(name string, _ []byte) bool {
		known := slices.Contains(taken, name) || beta && slices.Contains(messagesBeta, name)
		if rt.form == onVertex {
			known = known && (name != "model" || rt.model == "") || name == "anthropic_version" || name == "anthropic_beta"
		}
		if !known {
			f = invalid(name, name+extraInputs)
		}
		return known
	})
	return f
}

// messagesType words a member of a foreign type.
func messagesType(err error) *failure {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return &failure{status: http.StatusBadRequest, reason: notJSON}
	}
	kind := map[string]string{
		"string": "string", "int64": "integer", "float64": "number", "bool": "boolean", "slice": "list",
	}[strings.TrimPrefix(wrong.Type.Kind().String(), "*")]
	if kind == "" {
		kind = "dictionary"
	}
	field := strings.ToLower(wrong.Field) // the API knows no capitals
	return invalid(field, field+": Input should be a valid "+kind)
}

// check applies the API's rules in its order: types, limits, thinking, turns.
func (m *messagesRequest) check(rt route) *failure {
	missing := func(name string) *failure {
		return &failure{status: http.StatusBadRequest, reason: missingField, subject: name}
	}
	switch {
	case rt.form == onVertex && m.AnthropicVersion == "":
		return missing("anthropic_version")
	case rt.form == onVertex && m.AnthropicVersion != "vertex-2023-10-16":
		return invalid("anthropic_version", "anthropic_version: Input should be 'vertex-2023-10-16'")
	case m.Model == "":
		return missing("model")
	case m.Messages == nil:
		return missing("messages")
	case rt.op == opChat && m.MaxTokens == nil:
		return missing("max_tokens")
	case rt.op == opChat && *m.MaxTokens < 1:
		return invalid("max_tokens", "max_tokens: Input should be greater than or equal to 1")
	case m.Temperature != nil && (*m.Temperature < 0 || *m.Temperature > 1):
		return invalid("temperature", "temperature: range: 0..1")
	case m.TopP != nil && (*m.TopP < 0 || *m.TopP > 1):
		return invalid("top_p", "top_p: range: 0..1")
	}
	for _, s := range m.StopSequences {
		if strings.TrimSpace(s) == "" {
			return invalid("stop_sequences", "stop_sequences: each stop sequence must contain non-whitespace")
		}
	}
	for _, rule := range []func() *failure{m.checkTools, m.checkThinking, m.checkFormat, m.checkMessages, m.checkCalls, m.checkThoughts} {
		if f := rule(); f != nil {
			return f
		}
	}
	return nil
}

var (
	toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	callID   = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
)

func (m *messagesRequest) checkTools() *failure {
	seen := map[string]bool{}
	for i, t := range m.Tools {
		at := fmt.Sprintf("tools.%d", i)
		if t.Type != "" && t.Type != "custom" {
			continue
		}
		var s struct{ Type string }
		switch {
		case !toolName.MatchString(t.Name):
			return invalid(at, at+".custom.name: String should match pattern '"+toolName.String()+"'")
		case seen[t.Name]:
			return invalid(at, "tools: Tool names must be unique.")
		case t.InputSchema == nil:
			return invalid(at, at+".custom.input_schema: Field required")
		case json.Unmarshal(t.InputSchema, &s) != nil || s.Type == "":
			return invalid(at, at+".custom.input_schema.type: Field required")
		case s.Type != "object":
			return invalid(at, at+".custom.input_schema.type: Input should be 'object'")
		}
		seen[t.Name] = true
	}
	c := m.ToolChoice
	if c == nil {
		return nil
	}
	switch {
	case !slices.Contains([]string{"auto", "any", "tool", "none"}, c.Type):
		return invalid("tool_choice", "tool_choice: Input tag '"+c.Type+"' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'")
	case len(m.Tools) == 0 && c.Type != "none":
		return invalid("tool_choice", "tool_choice may only be specified while providing tools")
	case c.Type == "tool" && !slices.ContainsFunc(m.Tools, func(t messagesTool) bool { return t.Name == c.Name }):
		return invalid("tool_choice", "Tool '"+c.Name+"' not found in provided tools")
	}
	return nil
}

func (m *messagesRequest) checkThinking() *failure {
	t := m.Thinking
	if t == nil || t.Type == "disabled" {
		return nil
	}
	if t.Type != "enabled" && t.Type != "adaptive" {
		return invalid("thinking", "thinking: Input tag '"+t.Type+"' found using 'type' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'")
	}
	switch {
	case t.Type == "enabled" && t.Budget == nil:
		return invalid("thinking", "thinking.enabled.budget_tokens: Field required")
	case t.Type == "adaptive" && t.Budget != nil:
		return invalid("thinking", "thinking.adaptive.budget_tokens"+extraInputs)
	case t.Budget != nil && *t.Budget < 1024:
		return invalid("thinking", "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
	case t.Budget != nil && m.MaxTokens != nil && *m.MaxTokens <= *t.Budget:
		return invalid("max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`. "+thinkingGuide+"#max-tokens-and-context-window-size")
	case m.Temperature != nil && *m.Temperature != 1:
		return invalid("temperature", "`temperature` may only be set to 1 when thinking is enabled. "+thinkingGuide+
			"#important-considerations-when-using-extended-thinking'")
	case m.TopP != nil && *m.TopP < 0.95:
		return invalid("top_p", "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled. "+thinkingGuide)
	case m.TopK != nil:
		return invalid("top_k", "`top_k` must be unset when thinking is enabled. "+thinkingGuide)
	case m.ToolChoice != nil && (m.ToolChoice.Type == "any" || m.ToolChoice.Type == "tool"):
		return invalid("tool_choice", "Thinking may not be enabled when tool_choice forces tool use.")
	}
	return nil
}

// checkFormat demands closed objects, as structured outputs do.
func (m *messagesRequest) checkFormat() *failure {
	at, f := "output_config.format", m.OutputConfig.Format
	if m.OutputFormat != nil {
		at, f = "output_format", m.OutputFormat
	}
	switch {
	case f == nil:
		return nil
	case f.Type != "json_schema":
		return invalid(at, at+": Input tag '"+f.Type+"' found using 'type' does not match any of the expected tags: 'json_schema'")
	case f.Schema == nil:
		return invalid(at, at+".json_schema.schema: Field required")
	}
	var schema any
	if json.Unmarshal(f.Schema, &schema) == nil && hasOpenObject(schema) {
		return invalid(at, at+".schema: For 'object' type, 'additionalProperties' must be explicitly set to false")
	}
	return nil
}

// hasOpenObject finds an object schema that allows any other property.
func hasOpenObject(schema any) bool {
	switch s := schema.(type) {
	case []any:
		return slices.ContainsFunc(s, hasOpenObject)
	case map[string]any:
		if _, typed := s["type"].(string); s["type"] == "object" && typed && s["additionalProperties"] != false {
			return true
		}
		for name, inner := range s {
			if name != "enum" && name != "const" && name != "default" && hasOpenObject(inner) {
				return true
			}
		}
	}
	return false
}
