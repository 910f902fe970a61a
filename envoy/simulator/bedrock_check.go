package simulator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// bedrockCheck refuses what the service refuses, in its sentences, and then
// what Anthropic's models refuse, in theirs.
type bedrockCheck struct {
	route   route
	request *bedrockRequest
	extra   *bedrockExtra
	calls   bool // a call or a result is among the content
}

func (c *bedrockCheck) all() *failure {
	for _, check := range [...]func() *failure{
		c.constraints, c.messages, c.tools, c.pairs, c.additional, c.format, c.reasoning, c.claude,
	} {
		if f := check(); f != nil {
			return f
		}
	}
	return nil
}

// constraint is a violation of the API's model, which counts from one.
func constraint(value, path, rule string) *failure {
	return invalid(path, "1 validation error detected: Value "+value+" at '"+path+"' failed to satisfy constraint: Member must "+rule)
}

func oneOf(words ...string) string {
	return "satisfy enum value set: [" + strings.Join(words, ", ") + "]"
}

// constraints checks the bounds of single values.
func (c *bedrockCheck) constraints() *failure {
	if c.request.Messages == nil {
		return constraint("null", "messages", "not be null")
	}
	i := &c.request.InferenceConfig
	switch {
	case i.MaxTokens != nil && *i.MaxTokens < 1:
		return constraint(fmt.Sprintf("'%d'", *i.MaxTokens), "inferenceConfig.maxTokens", "have value greater than or equal to 1")
	case i.Temperature != nil && *i.Temperature < 0:
		return constraint(fmt.Sprintf("'%g'", *i.Temperature), "inferenceConfig.temperature", "have value greater than or equal to 0")
	case i.Temperature != nil && *i.Temperature > 1:
		return constraint(fmt.Sprintf("'%g'", *i.Temperature), "inferenceConfig.temperature", "have value less than or equal to 1")
	case i.TopP != nil && (*i.TopP < 0 || *i.TopP > 1):
		return constraint(fmt.Sprintf("'%g'", *i.TopP), "inferenceConfig.topP", "have value less than or equal to 1")
	case slices.Contains(i.StopSequences, ""):
		return constraint(fmt.Sprintf("'%s'", i.StopSequences), "inferenceConfig.stopSequences", "satisfy constraint: [Member must have length greater than or equal to 1]")
	}
	for n, m := range c.request.Messages {
		if m.Role != "user" && m.Role != "assistant" {
			return constraint("'"+m.Role+"'", fmt.Sprintf("messages.%d.member.role", n+1), oneOf("user", "assistant"))
		}
	}
	return nil
}

// messages checks turns and their blocks.
func (c *bedrockCheck) messages() *failure {
	all := c.request.Messages
	if len(all) == 0 || all[0].Role != "user" {
		return invalid("messages", "A conversation must start with a user message. Try again with a conversation that starts with a user message.")
	}
	for i, b := range c.request.System {
		at := fmt.Sprintf("system.%d", i)
		if b.Text != nil && strings.TrimSpace(*b.Text) == "" {
			return invalid(at, "The text field in the SystemContentBlock object at "+at+" is blank. Add text to the text field, and try again.")
		}
		if b.Text == nil && b.CachePoint == nil && b.GuardContent == nil {
			return invalid(at, "The SystemContentBlock object at "+at+" must set one of the following keys: text, guardContent, cachePoint.")
		}
	}
	for i, m := range all {
		at := fmt.Sprintf("messages.%d", i)
		if i > 0 && m.Role == all[i-1].Role {
			return invalid(at, "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.")
		}
		if len(m.Content) == 0 {
			return invalid(at, "The content field in the Message object at "+at+" is empty. Add a ContentBlock object to the content field and try again.")
		}
		for k := range m.Content {
			if f := c.block(m.Role, fmt.Sprintf("%s.content.%d", at, k), &m.Content[k]); f != nil {
				return f
			}
		}
	}
	return nil
}

var (
	bedrockID       = regexp.MustCompile(`^[a-zA-Z0-9_.:-]{1,64}$`)
	bedrockName     = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	bedrockDocument = regexp.MustCompile(`^[a-zA-Z0-9\s()\[\]-]{1,200}$`)
	twoSpaces       = regexp.MustCompile(`\s\s`)
)

// set counts the members of the union that are set.
func (b *bedrockBlock) set() (n int) {
	for _, is := range [...]bool{
		b.Text != nil, b.JSON != nil, b.Image != nil, b.Document != nil, b.Video != nil, b.Audio != nil, b.ToolUse != nil, b.ToolResult != nil,
		b.ReasoningContent != nil, b.CachePoint != nil, b.GuardContent != nil, b.CitationsContent != nil, b.SearchResult != nil,
	} {
		if is {
			n++
		}
	}
	return n
}

func (c *bedrockCheck) block(role, at string, b *bedrockBlock) *failure {
	c.calls = c.calls || b.ToolUse != nil || b.ToolResult != nil
	switch {
	case b.set() == 0:
		return invalid(at, "The content field in the ContentBlock object at "+at+" is invalid. Set exactly one of its members and try again.")
	case b.set() > 1:
		return invalid(at, "The ContentBlock object at "+at+" has more than one member set. Set exactly one of its members and try again.")
	case b.Text != nil && strings.TrimSpace(*b.Text) == "":
		return invalid(at, "The text field in the ContentBlock object at "+at+" is blank. Add text to the text field, and try again.")
	case b.Image != nil && !slices.Contains([]string{"png", "jpeg", "gif", "webp"}, b.Image.Format):
		return constraint("'"+b.Image.Format+"'", at+".image.format", oneOf("png", "jpeg", "gif", "webp"))
	case b.Image != nil && len(b.Image.Source.Bytes) == 0 && b.Image.Source.S3Location == nil:
		return invalid(at, "The source field in the ImageBlock object at "+at+".image is empty. Add bytes or an s3Location and try again.")
	case b.Document != nil:
		return c.document(at+".document", b.Document)
	case b.ReasoningContent != nil && role == "user":
		return invalid(at, "User messages cannot contain reasoning content. Please remove the reasoning content and try again.")
	case b.ToolUse != nil && role == "user":
		return invalid(at, "User messages cannot contain tool uses. Please remove the tool use and try again.")
	case b.ToolResult != nil && role == "assistant":
		return invalid(at, "Assistant messages cannot contain tool results. Please remove the tool result and try again.")
	case b.ToolUse != nil && !bedrockID.MatchString(b.ToolUse.ToolUseID):
		return constraint("'"+b.ToolUse.ToolUseID+"'", at+".toolUse.toolUseId", "satisfy regular expression pattern: [a-zA-Z0-9_.:-]+ and have length of 1 to 64")
	case b.ToolUse != nil && !bedrockName.MatchString(b.ToolUse.Name):
		return constraint("'"+b.ToolUse.Name+"'", at+".toolUse.name", "satisfy regular expression pattern: [a-zA-Z0-9_-]+ and have length of 1 to 64")
	case b.ToolUse != nil && !isObject(b.ToolUse.Input):
		return invalid(at, "The format of the value at "+at+".toolUse.input is invalid. Provide a json object for the field and try again.")
	case b.ToolResult != nil && !bedrockID.MatchString(b.ToolResult.ToolUseID):
		return constraint("'"+b.ToolResult.ToolUseID+"'", at+".toolResult.toolUseId", "satisfy regular expression pattern: [a-zA-Z0-9_.:-]+ and have length of 1 to 64")
	case b.ToolResult != nil:
		return c.result(at+".toolResult", b.ToolResult)
	case b.CachePoint != nil && b.CachePoint.Type != "default":
		return constraint("'"+b.CachePoint.Type+"'", at+".cachePoint.type", oneOf("default"))
	}
	return nil
}

func (c *bedrockCheck) document(at string, d *bedrockMedia) *failure {
	source := d.Source
	switch {
	case !bedrockDocument.MatchString(d.Name) || twoSpaces.MatchString(d.Name):
		return invalid(at, "The file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. "+
			"The name can't contain more than one consecutive whitespace character.")
	case d.Format != "" && documentTypes[d.Format] == "":
		return constraint("'"+d.Format+"'", at+".format", oneOf("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"))
	case len(source.Bytes) == 0 && source.S3Location == nil && source.Text == nil && source.Content == nil:
		return invalid(at, "The source field in the DocumentBlock object at "+at+" is empty. Add a source and try again.")
	}
	return nil
}

func (c *bedrockCheck) result(at string, r *bedrockToolResult) *failure {
	switch {
	case r.Status != "" && r.Status != "success" && r.Status != "error":
		return constraint("'"+r.Status+"'", at+".status", oneOf("success", "error"))
	case r.Content == nil:
		return constraint("null", at+".content", "not be null")
	case r.Status == "error" && len(r.Content) == 0:
		return invalid(at, "The content field at "+at+" cannot be empty when status value is error.")
	}
	for i := range r.Content {
		inner := &r.Content[i]
		if inner.JSON != nil && !isObject(inner.JSON) {
			return invalid(at, fmt.Sprintf("The format of the value at %s.content.%d.json is invalid. Provide a json object for the field and try again.", at, i))
		}
		if inner.Text == nil {
			if f := c.block("user", fmt.Sprintf("%s.content.%d", at, i), inner); f != nil {
				return f
			}
		}
	}
	return nil
}

// tools checks the tool configuration.
func (c *bedrockCheck) tools() *failure {
	t := c.request.ToolConfig
	switch {
	case t == nil && c.calls:
		return invalid("toolConfig", "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
	case t == nil:
		return nil
	case len(t.Tools) == 0:
		return constraint("'[]'", "toolConfig.tools", "have length greater than or equal to 1")
	}
	names := map[string]bool{}
	for i, tool := range t.Tools {
		if tool.ToolSpec == nil {
			continue
		}
		spec, member := tool.ToolSpec, fmt.Sprintf("toolConfig.tools.%d.member.toolSpec", i+1)
		var schema struct{ Type string }
		switch {
		case !bedrockName.MatchString(spec.Name):
			return constraint("'"+spec.Name+"'", member+".name", "satisfy regular expression pattern: [a-zA-Z0-9_-]+ and have length of 1 to 64")
		case spec.Description != nil && *spec.Description == "":
			return constraint("''", member+".description", "have length greater than or equal to 1")
		case spec.InputSchema.JSON == nil:
			return constraint("null", member+".inputSchema", "not be null")
		case json.Unmarshal(spec.InputSchema.JSON, &schema) != nil || schema.Type != "object":
			return invalid(member, fmt.Sprintf("The value at toolConfig.tools.%d.toolSpec.inputSchema.json.type must be one of the following: object.", i))
		case names[spec.Name]:
			return invalid(member, "The model returned the following errors: tools: Tool names must be unique.")
		}
		names[spec.Name] = true
	}
	if choice := t.ToolChoice; choice != nil && choice.Tool != nil && !names[choice.Tool.Name] {
		return invalid("toolConfig", "The model returned the following errors: Tool '"+choice.Tool.Name+"' not found in provided tools")
	}
	return nil
}

// pairs demands a result for every call, in the message that follows.
func (c *bedrockCheck) pairs() *failure {
	var waiting []string
	for i, m := range c.request.Messages {
		var calls, results []string
		for _, b := range m.Content {
			if b.ToolUse != nil {
				calls = append(calls, b.ToolUse.ToolUseID)
			}
			if b.ToolResult != nil {
				results = append(results, b.ToolResult.ToolUseID)
			}
		}
		missing := slices.DeleteFunc(slices.Clone(waiting), func(id string) bool { return slices.Contains(results, id) })
		switch {
		case len(results) > len(waiting):
			return invalid("messages", fmt.Sprintf("The number of toolResult blocks at messages.%d.content exceeds the number of toolUse blocks of previous turn.", i))
		case len(missing) > 0:
			return invalid("messages", fmt.Sprintf("Expected toolResult blocks at messages.%d.content for the following Ids: %s", i, strings.Join(missing, ", ")))
		}
		waiting = calls
	}
	return nil
}
