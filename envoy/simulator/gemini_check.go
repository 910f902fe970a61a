package simulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// geminiCheck refuses what is well-formed but makes no sense to the vendor, in
// the vendor's sentences.
type geminiCheck struct {
	route   route
	request *geminiRequest
	bad     []string // what the API lists together
}

// all checks everything and hears the tools.
func (c *geminiCheck) all(h *Heard) *failure {
	c.contents()
	c.tools(h)
	c.config()
	if len(c.bad) > 0 {
		return invalid("", "* "+strings.Join(c.bad, "\n* ")+"\n")
	}
	for _, check := range [...]func() *failure{c.roles, c.turns, c.signatures, c.thinking, c.output} {
		if f := check(); f != nil {
			return f
		}
	}
	return nil
}

func (c *geminiCheck) note(path, sentence string) {
	c.bad = append(c.bad, "GenerateContentRequest."+path+": "+sentence)
}

// contents demands contents, parts and what parts must have.
func (c *geminiCheck) contents() {
	if len(c.request.Contents) == 0 {
		c.note("contents", "contents is not specified")
	}
	for i, content := range c.request.Contents {
		if len(content.Parts) == 0 {
			c.note(fmt.Sprintf("contents[%d].parts", i), "contents.parts must not be empty.")
		}
		for k, part := range content.Parts {
			c.part(fmt.Sprintf("contents[%d].parts[%d]", i, k), part)
		}
	}
	if s := c.request.SystemInstruction; s != nil && len(s.Parts) == 0 {
		c.note("system_instruction.parts", "contents.parts must not be empty.")
	}
}

func (c *geminiCheck) part(path string, part geminiPart) {
	switch {
	case part.InlineData != nil && part.InlineData.MimeType == "":
		c.note(path+".inline_data.mime_type", "mime_type must be specified.")
	case part.InlineData != nil && len(part.InlineData.Data) == 0:
		c.note(path+".inline_data.data", "data must be specified.")
	case part.FileData != nil && part.FileData.FileURI == "":
		c.note(path+".file_data.file_uri", "file_uri must be specified.")
	case part.FunctionCall != nil && part.FunctionCall.Name == "":
		c.note(path+".function_call.name", "Name cannot be empty.")
	case part.FunctionResponse != nil && part.FunctionResponse.Name == "":
		c.note(path+".function_response.name", "Name cannot be empty.")
	case part.FunctionResponse != nil && !isObject(part.FunctionResponse.Response):
		c.note(path+".function_response.response", "response must be a struct.")
	case part.FunctionCall != nil && part.FunctionCall.Args != nil && !isObject(part.FunctionCall.Args):
		c.note(path+".function_call.args", "args must be a struct.")
	}
	// A signature may stand alone: clients leave an empty text out.
	if part.Text == nil && part.ThoughtSignature == nil && part.InlineData == nil && part.FileData == nil && part.FunctionCall == nil && part.FunctionResponse == nil &&
		part.ExecutableCode == nil && part.CodeExecutionResult == nil && part.ToolCall == nil && part.ToolResponse == nil {
		c.note(path+".data", "required oneof field 'data' must have one initialized field")
	}
}

func isObject(raw []byte) bool {
	return members(raw, func(string, []byte) bool { return true })
}

var geminiName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$`)

// tools checks and hears the tools.
func (c *geminiCheck) tools(h *Heard) {
	names := map[string]bool{}
	for i, t := range c.request.Tools {
		var functions []geminiFunction
		if raw := t["functionDeclarations"]; raw != nil && json.Unmarshal(raw, &functions) != nil {
			c.note(fmt.Sprintf("tools[%d]", i), "malformed")
		}
		for k, f := range functions {
			path := fmt.Sprintf("tools[%d].function_declarations[%d]", i, k)
			if !geminiName.MatchString(f.Name) {
				c.note(path+".name", "Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), "+
					"underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.")
			}
			if names[f.Name] {
				c.note(path, "Duplicate function declaration found: "+f.Name)
			}
			names[f.Name] = true
			heard := HeardTool{Name: f.Name, Description: f.Description}
			switch {
			case f.Parameters != nil && f.ParametersJSONSchema != nil:
				c.note(path, "parameters and parameters_json_schema are mutually exclusive.")
			case f.Parameters != nil:
				c.schema(path+".parameters", f.Parameters)
				heard.Schema = jsonSchema(f.Parameters)
			default:
				heard.Schema = compact(f.ParametersJSONSchema)
			}
			h.Tools = append(h.Tools, heard)
		}
		for _, kind := range [...]string{
			"googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "googleMaps", "fileSearch",
			"computerUse", "mcpServers", "retrieval", "enterpriseWebSearch", "parallelAiSearch", "exaAiSearch",
		} {
			if t[kind] != nil {
				h.Tools = append(h.Tools, HeardTool{Kind: kind})
			}
		}
	}
	f := c.request.ToolConfig.FunctionCallingConfig
	switch {
	case f == nil:
	case f.Mode == "ANY" && len(names) == 0:
		c.note("tool_config.function_calling_config", "Function calling config is set without function_declarations.")
	case f.Mode != "ANY" && f.Mode != "VALIDATED" && len(f.AllowedFunctionNames) > 0:
		c.note("tool_config.function_calling_config.allowed_function_names", "only allowed for ANY and VALIDATED mode")
	default:
		for _, name := range f.AllowedFunctionNames {
			if !names[name] {
				c.note("tool_config.function_calling_config.allowed_function_names", "`"+name+"` is not found in function_declarations")
			}
		}
	}
}

// config checks the bounds of numbers and what excludes each other.
func (c *geminiCheck) config() {
	g := &c.request.GenerationConfig
	schemas := 0
	for _, raw := range [...]json.RawMessage{g.ResponseSchema, g.ResponseJSONSchema, g.OldJSONSchema} {
		if raw != nil {
			schemas++
		}
	}
	if g.ResponseSchema != nil {
		c.schema("generation_config.response_schema", g.ResponseSchema)
	}
	switch {
	case g.MaxOutputTokens != nil && *g.MaxOutputTokens <= 0:
		c.note("generation_config.max_output_tokens", "max_output_tokens must be positive.")
	case g.Temperature != nil && (*g.Temperature < 0 || *g.Temperature > 2):
		c.note("generation_config.temperature", "temperature must be in the range [0.0, 2.0].")
	case g.TopP != nil && (*g.TopP < 0 || *g.TopP > 1):
		c.note("generation_config.top_p", "top_p must be in the range [0.0, 1.0].")
	case len(g.StopSequences) > 5:
		c.note("generation_config.stop_sequences", "at most 5 stop sequences are allowed.")
	case g.CandidateCount < 0 || g.CandidateCount > 8:
		c.note("generation_config.candidate_count", "candidate_count must be in the range [1, 8].")
	case schemas > 1:
		c.note("generation_config.response_json_schema", "response_schema and response_json_schema are mutually exclusive.")
	case schemas > 0 && g.ResponseMimeType != "application/json" && g.ResponseMimeType != "text/x.enum":
		c.note("generation_config.response_schema", "only allowed with response_mime_type application/json or text/x.enum")
	}
	switch g.ResponseMimeType {
	case "", "text/plain", "application/json", "text/x.enum", "application/xml", "application/yaml":
	default:
		c.note("generation_config.response_mime_type", "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, "+
			"`application/yaml` and `text/x.enum`.")
	}
}

func (c *geminiCheck) roles() *failure {
	for _, content := range c.request.Contents {
		switch content.Role {
		case "", "user", "model", "function":
		default:
			return invalid("", "Please use a valid role: user, model.")
		}
	}
	if all := c.request.Contents; len(all) == 1 && all[0].Role == "model" {
		return invalid("", "Please ensure that single turn requests end with a user role or the role field is empty.")
	}
	return nil
}

// turns demands that calls and responses come in pairs of turns.
func (c *geminiCheck) turns() *failure {
	waiting := 0 // calls of the turn before
	for i, content := range c.request.Contents {
		calls, responses := 0, 0
		for _, part := range content.Parts {
			if part.FunctionCall != nil {
				calls++
			}
			if part.FunctionResponse != nil {
				responses++
			}
		}
		switch {
		case responses > 0 && waiting == 0:
			return invalid("", "Please ensure that function response turn comes immediately after a function call turn.")
		case responses != waiting:
			return invalid("", "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
		case calls > 0 && (content.Role != "model" || i == 0 || c.request.Contents[i-1].Role == "model"):
			return invalid("", "Please ensure that function call turn comes immediately after a user turn or after a function response turn.")
		}
		waiting = calls
	}
	return nil
}

// signatures verifies those that come, and demands those that the third
// generation needs: one on the first call of each step of the current turn,
// which is what follows the last contents of the user's own.
func (c *geminiCheck) signatures() *failure {
	current := 0
	for i, content := range c.request.Contents {
		if content.Role == "model" {
			continue
		}
		for _, part := range content.Parts {
			if part.FunctionResponse == nil {
				current = i
			}
		}
	}
	for i, content := range c.request.Contents {
		first := true
		for _, part := range content.Parts {
			if len(part.ThoughtSignature) > 0 && !geminiSigned(part) {
				return c.corrupted()
			}
			if part.FunctionCall == nil {
				continue
			}
			if first && len(part.ThoughtSignature) == 0 && i > current && geminiThree(c.route.model) {
				return c.unsigned(part.FunctionCall.Name, i+1)
			}
			first = false
		}
	}
	return nil
}

func (c *geminiCheck) corrupted() *failure {
	if c.route.onVertex() {
		return invalid("", "Unable to submit request because Thought signature is not valid.. Learn more: "+
			"https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini")
	}
	return invalid("", "Corrupted thought signature.")
}

func (c *geminiCheck) unsigned(name string, position int) *failure {
	if c.route.onVertex() {
		return invalid("", fmt.Sprintf("Unable to submit request because function call `%s` in the %d. content block is missing a "+
			"`thought_signature`. Learn more: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures", name, position))
	}
	return invalid("", fmt.Sprintf("Function call is missing a thought_signature in functionCall parts. This is required for tools to work "+
		"correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:%s` , "+
		"position %d. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.", name, position))
}

// geminiSignature vouches for a part that the model has made. That of a call is
// good for this call only.
func geminiSignature(c *call) string {
	if c == nil {
		return wrap("gemini", "text")
	}
	return wrap("gemini", "call "+c.name+" "+string(compact([]byte(c.arguments))))
}

// geminiSigned tells whether the signature of a part is good.
func geminiSigned(part geminiPart) bool {
	if geminiSkipped(part.ThoughtSignature) {
		return true
	}
	text, ok := unwrap("gemini", base64Text(part.ThoughtSignature))
	if c := part.FunctionCall; c != nil {
		args := string(compact(c.Args))
		return ok && (text == "call "+c.Name+" "+args || args == "{}" && text == "call "+c.Name+" ")
	}
	return ok && text == "text"
}

func base64Text(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// thinking checks the thinking configuration against what models can.
func (c *geminiCheck) thinking() *failure {
	t := c.request.GenerationConfig.ThinkingConfig
	if t == nil {
		return nil
	}
	low, high := int64(0), int64(24576)
	pro := strings.Contains(c.route.model, "-pro")
	if pro {
		low, high = 128, 32768
	}
	switch b := t.ThinkingBudget; {
	case b != nil && t.ThinkingLevel != "":
		return invalid("", "You can only set only one of thinking budget and thinking level.")
	case t.ThinkingLevel != "" && !geminiThree(c.route.model):
		return invalid("", "Thinking level is not supported for this model.")
	case b == nil || *b == -1:
	case pro && *b == 0:
		return invalid("", "Budget 0 is invalid. This model only works in thinking mode.")
	case *b != 0 && *b < low || *b > high || *b < -1:
		return invalid("", fmt.Sprintf("The thinking budget %d is invalid. Please choose a value between %d and %d.", *b, low, high))
	}
	return nil
}

// output refuses JSON together with functions where models cannot do both.
func (c *geminiCheck) output() *failure {
	old := strings.Contains(c.route.model, "gemini-1") || strings.Contains(c.route.model, "gemini-2")
	if !old || c.request.GenerationConfig.ResponseMimeType != "application/json" {
		return nil
	}
	for _, t := range c.request.Tools {
		if t["functionDeclarations"] != nil {
			return invalid("", "Function calling with a response mime type: 'application/json' is unsupported")
		}
	}
	return nil
}
