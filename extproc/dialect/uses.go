package dialect

import "github.com/dragoman-gateway/dragoman/extproc/llm"

// Uses is what a request of a dialect makes use of that some of the dialect's
// providers want otherwise: a request that meets its target's quirks is written
// anew, any other is only patched.
type Uses uint16

// What a request can use.
const (
	UsesMaxTokens        Uses = 1 << iota // max_tokens
	UsesCompletionTokens                  // max_completion_tokens
	UsesReasoning                         // a wish for thinking, in any form
	UsesThoughts                          // thinking of earlier turns
	UsesSchema                            // output of a schema
	UsesRequiredTool                      // some tool must be called
	UsesSeed
	UsesDeveloper     // a message of the developer's
	UsesStreamOptions // settings of a stream
	UsesParts         // content in parts
	// UsesSealed is thoughts that no provider of the dialect can read: sealed
	// ones of other vendors, or unsigned ones. They must not be patched through.
	UsesSealed
)

// Meets tells whether a provider with these quirks wants any of it otherwise.
func (u Uses) Meets(q *llm.Quirks) bool {
	if u&UsesSealed != 0 {
		return true
	}
	if q == nil {
		return false
	}
	if q.Closed || len(q.Refuses) > 0 {
		return true // members beyond the documented ones are not looked for
	}
	var wants Uses
	for _, row := range [...]struct {
		uses Uses
		on   bool
	}{
		{UsesMaxTokens, q.MaxTokens == "max_completion_tokens"},
		{UsesCompletionTokens, q.MaxTokens == "max_tokens"},
		{UsesReasoning, q.Reasoning != "" && q.Reasoning != "effort"},
		{UsesThoughts, q.ReasoningText != "" && q.ReasoningText != "reasoning_content"},
		{UsesSchema, q.Schema != "" && q.Schema != "json_schema"},
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
