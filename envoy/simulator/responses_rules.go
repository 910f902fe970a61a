package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// responsesTaken are the members of a request.
var responsesTaken = []string{
	"model", "input", "instructions", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "max_tool_calls",
	"temperature", "top_p", "top_logprobs", "reasoning", "include", "text", "store", "previous_response_id", "conversation", "metadata", "user",
	"safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "service_tier", "truncation", "background", "prompt",
	"context_management", "moderation", "access_programs", "client_metadata", "sim",
}

func itoa(n int) string { return strconv.Itoa(n) }

// coded is an invalid request with OpenAI's code for it.
func coded(code, param, sentence string) *failure {
	f := invalid(param, sentence)
	f.word = code
	return f
}

func missingParameter(param string) *failure {
	return &failure{status: http.StatusBadRequest, reason: missingField, subject: param}
}

func responsesMembers(body []byte) (f *failure) {
	members(body, func(name string, _ []byte) bool {
		if !slices.Contains(responsesTaken, name) {
			f = coded("unknown_parameter", name, "Unknown parameter: '"+name+"'.")
		}
		return f == nil
	})
	return f
}

// responsesType words a member of a foreign type.
func responsesType(err error) *failure {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return &failure{status: http.StatusBadRequest, reason: notJSON}
	}
	kind := map[string]string{"string": "a string", "int64": "an integer", "float64": "a decimal", "bool": "a boolean", "slice": "an array of objects"}[wrong.Type.Kind().String()]
	if kind == "" {
		kind = "an object"
	}
	field := strings.ToLower(wrong.Field) // the API knows no capitals
	return coded("invalid_type", field, "Invalid type for '"+field+"': expected "+kind+", but got "+wrong.Value+" instead.")
}

// check applies the API's rules.
func (m *responsesRequest) check() *failure {
	switch {
	case m.Model == "":
		return missingParameter("model")
	case m.Input == nil || len(m.items) == 0:
		return missingParameter("input")
	case len(m.User) > maxUser:
		return userTooLong(m.User)
	case m.PreviousResponseID != "":
		return coded("previous_response_not_found", "previous_response_id", "Previous response with id '"+m.PreviousResponseID+"' not found.")
	case m.MaxOutputTokens != nil && *m.MaxOutputTokens < 16:
		return coded("integer_below_min_value", "max_output_tokens", fmt.Sprintf(
			"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got %d instead.", *m.MaxOutputTokens))
	case m.Temperature != nil && (*m.Temperature < 0 || *m.Temperature > 2):
		return coded("decimal_above_max_value", "temperature", "Invalid 'temperature': decimal above maximum value. Expected a value <= 2.")
	}
	for i, t := range m.Tools {
		at := "tools[" + itoa(i) + "]"
		switch {
		case t.Type == "":
			return missingParameter(at + ".type")
		case t.Type == "function" && t.Name == "":
			return missingParameter(at + ".name")
		case t.Type == "function" && !toolName.MatchString(t.Name):
			return coded("invalid_value", at+".name", "Invalid '"+at+".name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.")
		}
	}
	if f := m.checkFormat(); f != nil {
		return f
	}
	for i, item := range m.items {
		if f := item.check("input["+itoa(i)+"]", m.Store); f != nil {
			return f
		}
	}
	return m.checkOrder()
}

// checkFormat demands closed objects of a strict schema.
func (m *responsesRequest) checkFormat() *failure {
	f := m.Text.Format
	switch {
	case f == nil || f.Type == "text" || f.Type == "json_object":
		return nil
	case f.Type != "json_schema":
		return coded("invalid_value", "text.format.type", "Invalid value: '"+f.Type+"'. Supported values are: 'json_object', 'json_schema', and 'text'.")
	case f.Name == "":
		return missingParameter("text.format.name")
	case f.Schema == nil:
		return missingParameter("text.format.schema")
	}
	var schema any
	if f.Strict != nil && *f.Strict && json.Unmarshal(f.Schema, &schema) == nil && hasOpenObject(schema) {
		return coded("invalid_json_schema", "text.format.schema", "Invalid schema for response_format '"+f.Name+
			"': In context=(), 'additionalProperties' is required to be supplied and to be false.")
	}
	return nil
}

// itemIDs are the prefixes of the ids of items.
var itemIDs = map[string]string{"function_call": "fc", "function_call_output": "fc", "reasoning": "rs", "message": "msg"}

// check applies the rules for a single item.
func (i *responsesItem) check(at string, store *bool) *failure {
	prefix, known := itemIDs[i.Type]
	switch {
	case i.Type == "":
		return coded("invalid_value", at, "Invalid value: ''. Supported values are: 'function_call', 'function_call_output', 'message', 'reasoning', …")
	case !known:
		return nil
	case i.ID != "" && !strings.HasPrefix(i.ID, prefix):
		return coded("invalid_value", at+".id", "Invalid '"+at+".id': '"+i.ID+"'. Expected an ID that begins with '"+prefix+"'.")
	}
	switch i.Type {
	case "message":
		return i.checkMessage(at)
	case "function_call", "function_call_output":
		return i.checkCall(at)
	}
	return i.checkReasoning(at, store)
}

// sayParts are the parts that each side may say.
var sayParts = map[string][]string{
	"user": {"input_text", "input_image", "input_file", "input_audio"}, "assistant": {"output_text", "refusal"},
	"system": {"input_text", "input_image", "input_file"}, "developer": {"input_text", "input_image", "input_file"},
}

func (i *responsesItem) checkMessage(at string) (f *failure) {
	allowed, known := sayParts[i.Role]
	switch {
	case !known:
		return coded("invalid_value", at+".role", "Invalid value: '"+i.Role+"'. Supported values are: 'assistant', 'system', 'developer', and 'user'.")
	case i.Content == nil:
		return missingParameter(at + ".content")
	}
	return checkParts(at+".content", i.Content, allowed)
}

func checkParts(at string, content []byte, allowed []string) (f *failure) {
	n := 0
	elements(content, func(raw []byte) {
		var p responsesPart
		_ = json.Unmarshal(raw, &p) // as in itemsOf
		part := at + "[" + itoa(n) + "]"
		n++
		switch {
		case f != nil:
		case !slices.Contains(allowed, p.Type):
			f = coded("invalid_value", part, "Invalid value: '"+p.Type+"'. Supported values are: '"+strings.Join(allowed, "', '")+"'.")
		case p.Type == "input_image" && p.FileID == "":
			url, ok := unquote(p.ImageURL)
			if _, media := urlPart("image", url); !ok || !media {
				f = coded("invalid_value", part+".image_url", "Invalid '"+part+".image_url'. Expected a valid URL, but got a value with an invalid format.")
			}
		case p.Type == "input_file" && p.FileData != "":
			if media, ok := urlPart("file", p.FileData); !ok || media.URL != "" {
				f = coded("invalid_value", part+".file_data", "Invalid '"+part+".file_data'. Expected a base64-encoded data URL with a MIME type.")
			}
		}
	})
	return f
}

func (i *responsesItem) checkCall(at string) *failure {
	switch n := len(i.CallID); {
	case n == 0:
		return missingParameter(at + ".call_id")
	case n > 64:
		return coded("string_above_max_length", at+".call_id", fmt.Sprintf(
			"Invalid '%s.call_id': string too long. Expected a string with maximum length 64, but instead got a string with length %d instead.", at, n))
	case i.Type == "function_call" && i.Name == "":
		return missingParameter(at + ".name")
	case i.Type == "function_call_output" && i.Output == nil:
		return missingParameter(at + ".output")
	}
	return checkParts(at+".output", i.Output, []string{"input_text", "input_image", "input_file"})
}

// checkReasoning verifies what is replayed. Without its encrypted form an item
// is a reference to one that was stored; it is known by its id. With it the id
// may be left out, as Codex does.
func (i *responsesItem) checkReasoning(at string, store *bool) *failure {
	switch {
	case i.ID == "" && i.EncryptedContent == "":
		return missingParameter(at + ".id")
	case i.Summary == nil:
		return missingParameter(at + ".summary")
	}
	if i.EncryptedContent == "" {
		switch {
		case store != nil && !*store:
			return &failure{status: http.StatusNotFound, reason: invalidRequest, subject: "input", detail: "Item with id '" + i.ID +
				"' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input."}
		case i.summary() != "" && i.ID != thoughtID(i.summary()):
			return &failure{status: http.StatusNotFound, reason: invalidRequest, subject: "input", detail: "Item with id '" + i.ID + "' not found."}
		}
		return nil
	}
	id, text, ok := decryptThought(i.EncryptedContent)
	e := i.EncryptedContent
	switch {
	case !ok || len(i.Summary) > 0 && i.summary() != text:
		return coded("invalid_encrypted_content", "", "The encrypted content "+e[:min(4, len(e))]+"..."+e[max(0, len(e)-4):]+
			" could not be verified. Reason: Encrypted content could not be decrypted or parsed.")
	case i.ID != "" && i.ID != id:
		return coded("invalid_encrypted_content", "", "The encrypted content for item "+i.ID+
			" could not be verified. Reason: Encrypted content item_id did not match the target item id.")
	}
	return nil
}

// checkOrder demands that calls are answered, that answers have calls and that
// thoughts are followed by what came of them.
func (m *responsesRequest) checkOrder() *failure {
	calls, answered := map[string]bool{}, map[string]bool{}
	for n, i := range m.items {
		switch i.Type {
		case "function_call":
			calls[i.CallID] = true
		case "function_call_output":
			if !calls[i.CallID] {
				return invalid("input", "No tool call found for function call output with call_id "+i.CallID+".")
			}
			answered[i.CallID] = true
		case "reasoning":
			if n+1 == len(m.items) || m.items[n+1].Role == "user" || m.items[n+1].Type == "function_call_output" {
				return invalid("input", "Item '"+i.ID+"' of type 'reasoning' was provided without its required following item.")
			}
		}
	}
	for _, i := range m.items {
		if i.Type == "function_call" && !answered[i.CallID] {
			return invalid("input", "No tool output found for function call "+i.CallID+".")
		}
	}
	return nil
}
