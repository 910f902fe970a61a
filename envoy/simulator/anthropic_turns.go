package simulator

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// blockTaken are the members of the blocks a client may send. Blocks of tools
// that run on the vendor's side are not looked into.
var blockTaken = map[string][]string{
	"text":              {"text", "citations"},
	"image":             {"source"},
	"document":          {"source", "title", "context", "citations"},
	"tool_use":          {"id", "name", "input", "caller"},
	"tool_result":       {"tool_use_id", "content", "is_error"},
	"thinking":          {"thinking", "signature"},
	"redacted_thinking": {"data"},
	"search_result":     nil, "server_tool_use": nil, "web_search_tool_result": nil, "web_fetch_tool_result": nil,
	"code_execution_tool_result": nil, "bash_code_execution_tool_result": nil, "text_editor_code_execution_tool_result": nil,
	"mcp_tool_use": nil, "mcp_tool_result": nil, "tool_search_tool_result": nil, "tool_reference": nil, "container_upload": nil,
}

// checkMessages applies the rules for single messages and fills their blocks.
func (m *messagesRequest) checkMessages() *failure {
	if len(m.Messages) == 0 {
		return invalid("messages", "messages: at least one message is required")
	}
	marks := 0
	for i, b := range blocksOf(m.System) {
		marks += bytes.Count(b.raw, []byte(`"cache_control":{`))
		if f := b.check(fmt.Sprintf("system.%d", i)); f != nil {
			return f
		}
	}
	for i := range m.Messages {
		turn, at := &m.Messages[i], fmt.Sprintf("messages.%d", i)
		switch {
		case turn.Role != "user" && turn.Role != "assistant" && turn.Role != "system":
			return invalid(at, at+".role: Input should be 'user' or 'assistant'")
		case i == 0 && turn.Role != "user":
			return invalid(at, `messages: first message must use the "user" role`)
		case turn.Content == nil:
			return invalid(at, at+".content: Field required")
		}
		turn.blocks = blocksOf(turn.Content)
		marks += bytes.Count(turn.Content, []byte(`"cache_control":{`))
		last := i == len(m.Messages)-1 && turn.Role == "assistant"
		if (len(turn.blocks) == 0 || string(turn.Content) == `""`) && !last {
			return invalid(at, at+": all messages must have non-empty content except for the optional final assistant message")
		}
		for j, b := range turn.blocks {
			if f := b.check(fmt.Sprintf("%s.content.%d", at, j)); f != nil {
				return f
			}
		}
		if n := len(turn.blocks); last && n > 0 && turn.blocks[n-1].Type == "text" && strings.TrimRight(turn.blocks[n-1].Text, " \n\t") != turn.blocks[n-1].Text {
			return invalid(at, "messages: final assistant content cannot end with trailing whitespace")
		}
	}
	if marks > 4 {
		return invalid("cache_control", fmt.Sprintf("A maximum of 4 blocks with cache_control may be provided. Found %d.", marks))
	}
	return nil
}

// check applies the rules for a single block.
func (b *messagesBlock) check(at string) (f *failure) {
	taken, known := blockTaken[b.Type]
	if !known {
		tags := make([]string, 0, len(blockTaken))
		for tag := range blockTaken {
			tags = append(tags, "'"+tag+"'")
		}
		slices.Sort(tags)
		return invalid(at, at+": Input tag '"+b.Type+"' found using 'type' does not match any of the expected tags: "+strings.Join(tags, ", "))
	}
	if taken == nil {
		return nil
	}
	members(b.raw, func(name string, _ []byte) bool {
		if name != "type" && name != "cache_control" && !slices.Contains(taken, name) {
			f = invalid(at, at+"."+b.Type+"."+name+extraInputs)
		}
		return f == nil
	})
	switch {
	case f != nil:
		return f
	case b.Type == "text" && b.Text == "":
		return invalid(at, "messages: text content blocks must be non-empty")
	case b.Type == "text" && strings.TrimSpace(b.Text) == "":
		return invalid(at, "messages: text content blocks must contain non-whitespace text")
	case b.Type == "tool_use" && !callID.MatchString(b.ID):
		return invalid(at, at+".tool_use.id: String should match pattern '"+callID.String()+"'")
	case b.Type == "tool_use" && !bytes.HasPrefix(b.Input, []byte("{")):
		return invalid(at, at+".tool_use.input: Input should be a valid dictionary")
	case b.Type == "tool_result" && !callID.MatchString(b.ToolUseID):
		return invalid(at, at+".tool_result.tool_use_id: String should match pattern '"+callID.String()+"'")
	case b.Type == "image" || b.Type == "document":
		return b.checkSource(at)
	case b.Type == "tool_result":
		for i, inner := range blocksOf(b.Content) {
			if f := inner.check(fmt.Sprintf("%s.tool_result.content.%d", at, i)); f != nil && string(b.Content) != `""` {
				return f
			}
		}
	}
	return nil
}

func (b *messagesBlock) checkSource(at string) *failure {
	images := []string{"image/jpeg", "image/png", "image/gif", "image/webp"}
	_, err := base64.StdEncoding.DecodeString(b.Source.Data)
	at += "." + b.Type + ".source"
	switch s := &b.Source; {
	case s.Type == "base64" && b.Type == "image" && !slices.Contains(images, s.MediaType):
		return invalid(at, at+".base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'")
	case s.Type == "base64" && b.Type == "document" && s.MediaType != "application/pdf":
		return invalid(at, at+".base64.media_type: Input should be 'application/pdf'")
	case s.Type == "base64" && (err != nil || s.Data == ""):
		return invalid(at, at+".base64: invalid base64 data")
	case s.Type == "url" && !strings.HasPrefix(s.URL, "https://") && !strings.HasPrefix(s.URL, "http://"):
		return invalid(at, at+".url.url: Only HTTPS URLs are supported.")
	case !slices.Contains([]string{"base64", "url", "file", "text", "content"}, s.Type):
		return invalid(at, at+": Input tag '"+s.Type+"' found using 'type' does not match any of the expected tags: 'base64', 'file', 'url'")
	}
	return nil
}

// checkCalls demands that each call is answered in the next message and each
// answer belongs to a call of the message before. Neighbouring messages of one
// role count as one.
func (m *messagesRequest) checkCalls() *failure {
	var open []string
	var openAt int
	for i := 0; i < len(m.Messages); {
		role, from := m.Messages[i].Role, i
		var calls, answered []string
		for ; i < len(m.Messages) && m.Messages[i].Role == role; i++ {
			for j, b := range m.Messages[i].blocks {
				switch b.Type {
				case "tool_use":
					if slices.Contains(calls, b.ID) {
						return invalid("messages", fmt.Sprintf("messages.%d: `tool_use` ids must be unique", i))
					}
					calls = append(calls, b.ID)
				case "tool_result":
					if !slices.Contains(open, b.ToolUseID) {
						return invalid("messages", fmt.Sprintf("messages.%d.content.%d: unexpected `tool_use_id` found in `tool_result` blocks: %s. "+
							"Each `tool_result` block must have a corresponding `tool_use` block in the previous message.", i, j, b.ToolUseID))
					}
					if slices.Contains(answered, b.ToolUseID) {
						return invalid("messages", fmt.Sprintf("messages.%d.content.%d: each tool_use must have a single result. "+
							"Found multiple `tool_result` blocks with id: %s", i, j, b.ToolUseID))
					}
					answered = append(answered, b.ToolUseID)
				}
			}
		}
		if f := unanswered(open, answered, openAt); f != nil {
			return f
		}
		open, openAt = calls, from
	}
	return unanswered(open, nil, openAt)
}

func unanswered(open, answered []string, at int) *failure {
	left := slices.DeleteFunc(slices.Clone(open), func(id string) bool { return slices.Contains(answered, id) })
	if len(left) == 0 {
		return nil
	}
	return invalid("messages", fmt.Sprintf("messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s. "+
		"Each `tool_use` block must have a corresponding `tool_result` block in the next message.", at, strings.Join(left, ", ")))
}

// thoughtForm is the form of Claude's signatures, wherever it is served.
const thoughtForm = "anthropic"

// checkThoughts verifies thinking that is replayed and, while a tool is being
// used with thinking enabled, demands it.
func (m *messagesRequest) checkThoughts() *failure {
	for i, turn := range m.Messages {
		for j, b := range turn.blocks {
			at := fmt.Sprintf("messages.%d.content.%d", i, j)
			switch b.Type {
			case "thinking":
				if !thoughtHolds(b.Thinking, b.Signature) {
					return invalid(at, at+": Invalid `signature` in `thinking` block")
				}
			case "redacted_thinking":
				if _, ok := unwrap(thoughtForm, b.Data); !ok {
					return invalid(at, at+": Invalid `data` in `redacted_thinking` block")
				}
			}
		}
	}
	if m.Thinking == nil || m.Thinking.Type != "enabled" {
		return nil
	}
	// The turn under way begins after the last message of the user that is more
	// than results.
	begin := -1
	for i, turn := range slices.Backward(m.Messages) {
		if turn.Role == "user" && slices.ContainsFunc(turn.blocks, func(b messagesBlock) bool { return b.Type != "tool_result" }) &&
			!slices.ContainsFunc(turn.blocks, func(b messagesBlock) bool { return b.Type == "tool_result" }) {
			break
		}
		if turn.Role == "assistant" {
			begin = i
		}
	}
	if begin < 0 {
		return nil
	}
	if first := m.Messages[begin].blocks; len(first) > 0 && first[0].Type != "thinking" && first[0].Type != "redacted_thinking" {
		at := fmt.Sprintf("messages.%d.content.0", begin)
		return invalid(at, at+".type: Expected `thinking` or `redacted_thinking`, but found `"+first[0].Type+"`. When `thinking` is enabled, a final "+
			"`assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you "+ //nolint:misspell // the API spells it so
			"include thinking blocks from previous turns. To avoid this requirement, disable `thinking`. "+thinkingGuide)
	}
	return nil
}

// thoughtHolds tells whether a signature is that of a thought. A thought that
// was not shown is inside its signature.
func thoughtHolds(text, signature string) bool {
	if text == "" {
		_, ok := unwrap(thoughtForm, signature)
		return ok
	}
	return sealed(thoughtForm, text, signature)
}
