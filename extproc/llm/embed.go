package llm

// Embed is what a client wants embedded.
type Embed struct {
	Inputs     []EmbedInput
	Dimensions Opt[int64]
	// Base64 asks for little-endian float32 numbers in base64 instead of JSON
	// numbers (OpenAI's encoding_format).
	Base64 bool
	// Task is what the vectors are for, in Gemini's words ("RETRIEVAL_QUERY").
	Task  string
	Title string // of a document, for Gemini
}

// EmbedInput is a text, or tokens by their numbers.
type EmbedInput struct {
	Text   string
	Tokens Raw // JSON array of integers, nil = Text holds
}

// Vector is one embedding. Exactly one of the fields is set.
type Vector struct {
	Numbers Raw    // JSON array of numbers, as the provider wrote it
	Base64  string // little-endian float32
}
