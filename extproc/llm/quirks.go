package llm

// Quirks are how a provider departs from the dialect it speaks: data of its
// preset or of the catalog, so that a compatible provider needs no code. The
// zero Quirks departs in nothing. Only the openai dialect has many who speak it
// their own way; others read what applies to them.
type Quirks struct {
	// MaxTokens is the member for the output limit: "max_tokens" or
	// "max_completion_tokens"; "" = by whether the provider is the vendor.
	MaxTokens string `json:"max_tokens,omitempty"`
	// Reasoning is how thinking is asked for: "effort" (reasoning_effort),
	// "object" (reasoning: {effort, max_tokens}), "thinking" (thinking: {type}),
	// "enable_thinking" (with thinking_budget), "none" = not at all; "" = effort.
	Reasoning string `json:"reasoning,omitempty"`
	// ReasoningText is the member of messages that carries thinking, in answers
	// and when it is replayed: "reasoning_content", "reasoning", or "none" for a
	// provider that refuses it in requests; "" = reasoning_content.
	ReasoningText string `json:"reasoning_text,omitempty"`
	// Schema is how structured output is asked for: "json_schema", "json_object"
	// (the schema is emulated by a forced tool), "none"; "" = json_schema.
	Schema string `json:"schema,omitempty"`
	// RequiredTool is the word for "some tool must be called"; "" = required.
	RequiredTool string `json:"required_tool,omitempty"`
	// Seed is the member for the seed; "" = seed.
	Seed string `json:"seed,omitempty"`
	// CallIDs is the form of ids of tool calls: "short" = nine letters and digits;
	// "" = any.
	CallIDs string `json:"call_ids,omitempty"`
	// SystemRole sends developer messages as system ones.
	SystemRole bool `json:"system_role,omitempty"`
	// NoStreamOptions: usage of a stream comes unasked, and asking is refused.
	NoStreamOptions bool `json:"no_stream_options,omitempty"`
	// TextOnly joins the text parts of a message into a string.
	TextOnly bool `json:"text_only,omitempty"`
	// Closed: members outside the documented ones are refused, so none is sent
	// and those of Refuses neither.
	Closed bool `json:"closed,omitempty"`
	// Refuses are request members that the provider refuses although the
	// dialect has them.
	Refuses []string `json:"refuses,omitempty"`
}
