package dialect

import "github.com/dragoman-gateway/dragoman/extproc/llm"

// Uses is what a request of a dialect makes use of that some of the dialect's
// providers want otherwise: a request that meets its target's quirks is written
// anew, any other is only patched.
type Uses uint64

// What a request can use.
const (
	UsesMaxTokens        Uses = 1 << iota // max_tokens
	UsesCompletionTokens                  // max_completion_tokens
	UsesReasoning                         // a wish for thinking, in any form
	UsesThoughts                          // thinking of earlier turns
	UsesSchema                            // output of a schema, or of JSON in older words
	UsesRequiredTool                      // some tool must be called
	UsesSeed
	UsesDeveloper     // a message of the developer's
	UsesStreamOptions // settings of a stream
	UsesParts         // content in parts
	// UsesSealed is thoughts that no provider of the dialect can read: sealed
	// ones of other vendors, or unsigned ones. They must not be patched through.
	UsesSealed
	UsesReasoningContent // thinking of earlier turns as reasoning_content
	UsesReasoningText    // the same as reasoning
	UsesReasoningDetails // the same as reasoning_details
	UsesThoughtlessCall  // a call of an earlier turn without any thinking
	UsesLongID           // an id of a call that is not nine letters and digits
	// UsesUnknown is a member, at any depth, that the dialect's own documentation
	// does not have.
	UsesUnknown
	// UsesMembers tells that the dialect looks for UsesUnknown and for the
	// members below. Of the others nothing is known.
	UsesMembers
	usesFirstMember
)

// usesMembers are the members of OpenAI chat that a provider may refuse, other
// than those above: the n-th has the n-th bit from usesFirstMember on. All
// others but model, messages and stream are unknown ones.
var usesMembers = [...]string{
	"audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "metadata", "modalities",
	"moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
	"prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier",
	"service_tier", "stop", "store", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
	"verbosity", "web_search_options",
}

// UsesMember is the use of a member at the top of an OpenAI chat request.
func UsesMember(name []byte) Uses {
	switch string(name) {
	case "model", "messages", "stream":
		return 0 // which every request has
	case "max_tokens":
		return UsesMaxTokens
	case "max_completion_tokens":
		return UsesCompletionTokens
	case "seed":
		return UsesSeed
	case "stream_options":
		return UsesStreamOptions
	}
	for i := range usesMembers {
		if string(name) == usesMembers[i] {
			return usesFirstMember << i
		}
	}
	return UsesUnknown
}

// usesFormat is the use of response_format.
var usesFormat = UsesMember([]byte("response_format"))

// Meets tells whether a provider with these quirks wants any of it otherwise.
func (u Uses) Meets(q *llm.Quirks) bool {
	if u&UsesSealed != 0 {
		return true
	}
	if q == nil {
		return false
	}
	if u.refused(q) {
		return true
	}
	oneText := q.Reasoning != "object" && (q.ReasoningText != "" || q.Reasoning == "thinking")
	var wants Uses
	for _, row := range [...]struct {
		uses Uses
		on   bool
	}{
		{UsesMaxTokens, q.MaxTokens == "max_completion_tokens"},
		{UsesCompletionTokens, q.MaxTokens == "max_tokens"},
		{UsesReasoning, q.Reasoning != "" && q.Reasoning != "effort"},
		{UsesThoughts, q.ReasoningText == "none"},
		{UsesReasoningContent, q.ReasoningText == "reasoning"},
		{UsesReasoningText, q.ReasoningText == "reasoning_content" || q.ReasoningText == "" && q.Reasoning == "thinking"},
		{UsesReasoningDetails, oneText},
		{UsesThoughtlessCall, q.Reasoning == "thinking"},
		{UsesLongID, q.CallIDs == "short"},
		{UsesSchema, q.Schema != "" && q.Schema != "json_schema"},
		{usesFormat, q.Schema == "none"},
		{UsesRequiredTool, q.RequiredTool != ""},
		{UsesSeed, q.Seed != ""},
		{UsesDeveloper, q.SystemRole},
		{UsesStreamOptions, q.NoStreamOptions},
		{UsesParts, q.TextOnly},
	} {
		if row.on {
			wants |= row.uses
		}
	}
	return u&wants != 0
}

// refused tells whether the request has members that the provider refuses.
func (u Uses) refused(q *llm.Quirks) bool {
	switch {
	case !q.Closed && len(q.Refuses) == 0:
		return false
	case u&UsesMembers == 0: // nobody has looked for them
		return true
	case q.Closed && u&UsesUnknown != 0:
		return true
	}
	for _, name := range q.Refuses {
		if of := UsesMember([]byte(name)); of == 0 || u&of != 0 {
			return true
		}
	}
	return false
}
