package llm

import "slices"

// Request is what a client asks of a model.
type Request struct {
	// Dialect is the one it was read from.
	Dialect  Dialect
	Model    string
	Messages []Message

	Tools             []Tool
	ToolChoice        ToolChoice
	ParallelToolCalls Opt[bool]

	MaxTokens        Opt[int64] // of output, reasoning included
	Temperature      Opt[float64]
	TopP             Opt[float64]
	TopK             Opt[int64]
	FrequencyPenalty Opt[float64]
	PresencePenalty  Opt[float64]
	Seed             Opt[int64]
	Stop             []string
	N                Opt[int64] // choices; absent = 1
	Logprobs         Opt[bool]
	TopLogprobs      Opt[int64]

	Format    Format
	Reasoning Reasoning

	Stream     bool
	WantsUsage bool // of a stream

	User     string
	Metadata []Pair // in the client's order

	// Embed is what to embed; nil for requests that want an answer.
	Embed *Embed

	// ProviderOptions are the namespaces of providerOptions other than gateway:
	// settings for one provider, for dialects that have a place for them.
	ProviderOptions []Member
	// Extra are top-level members that the model has no words for.
	Extra Extras
}

// Pair is a name and a value.
type Pair struct{ Name, Value string }

// Role says who speaks.
type Role uint8

// Roles. Tool holds ToolResult parts; User may hold them too, in dialects that
// answer tool calls in the user's turn.
const (
	System Role = iota
	Developer
	User
	Assistant
	ToolRole
)

// Message is one turn.
type Message struct {
	Role  Role
	Name  string // of the participant, "" if unsaid
	Parts []Part
	Extra Extras
}

// PartKind says which fields of a Part hold.
type PartKind uint8

// Kinds of parts and the fields they use beside Cache and Extra.
const (
	Text        PartKind = iota // Text
	Image                       // Media
	File                        // Media
	Audio                       // Media
	Call                        // Call
	Result                      // Result
	Thinking                    // Text, Thought
	RefusalText                 // Text
	OpaquePart                  // Extra[0] is the whole part, Text what every dialect can say of it, if anything
)

// Part is a piece of a message.
type Part struct {
	Kind   PartKind
	Text   string
	Media  *Media
	Call   *ToolCall
	Result *ToolResult
	// Thought is nil for reasoning of which only the text is known. Calls and
	// text have one where their vendor signs them (Gemini).
	Thought *Thought
	// Cache asks for a prompt cache breakpoint behind this part, in the words
	// that several vendors share: {"type":"ephemeral"}, perhaps with "ttl".
	Cache Raw
	Extra Extras
}

// Media is an image, a file or a sound: by URL, by id at the provider, or by
// its bytes.
type Media struct {
	Type   string // media type such as "image/png", "" if unknown
	URL    string
	FileID string
	Base64 string // the bytes, as every JSON dialect carries them; not checked
	Name   string // file name
	Detail string // of an image: "low", "high", "auto" or ""
}

// ToolCall is a call that the model made.
type ToolCall struct {
	ID   string
	Name string
	// Args is the text the model wrote: JSON, though models may fail to write
	// it well; free text if the tool is Custom.
	Args   string
	Custom bool
	// FreeText: the tool takes free text where the call comes from; Args is
	// {"input": text} here, in the words of dialects whose tools take JSON.
	FreeText bool
}

// ToolResult answers a call.
type ToolResult struct {
	ID    string // of the call
	Name  string // of the tool, where the dialect says it
	Parts []Part
	Error bool // the tool failed
}

// Thought is what a provider must get back unchanged to accept its own
// reasoning in the next turn.
type Thought struct {
	ID        string
	Signature string
	Encrypted string // the reasoning itself, readable by its provider only
	// Format names who can read Signature and Encrypted, such as
	// "anthropic-claude-v1"; "" if unsaid.
	Format  string
	Summary bool // the text is a summary of the reasoning
}

// Tool is a tool the model may call.
type Tool struct {
	Name        string // "" for an opaque tool
	Description string
	Schema      Raw // JSON Schema of the arguments, nil = none given
	Strict      Opt[bool]
	Cache       Raw // see Part
	// FreeText: the tool takes free text in the client's dialect. Schema describes
	// a stand-in then, an object with the one member input; dialect.Reply.FreeText
	// tells the client's writer to undo it.
	FreeText bool
	// Extra are members that the model has no words for. An opaque tool (one
	// that the provider runs, or a kind unknown here) has no Name and its whole
	// text in Extra[0].
	Extra Extras
}

// FreeText names the tools that take free text, nil if none does.
func (r *Request) FreeText() (names []string) {
	for i := range r.Tools {
		if r.Tools[i].FreeText {
			names = append(names, r.Tools[i].Name)
		}
	}
	return names
}

// ChoiceMode says whether the model must call tools.
type ChoiceMode uint8

// Modes of tool choice.
const (
	ChoiceUnset ChoiceMode = iota
	ChoiceAuto
	ChoiceNone
	ChoiceRequired
	ChoiceNamed  // the tool called Name
	ChoiceOpaque // Extra[0] is the whole choice
)

// ToolChoice is which tools the model may or must call.
type ToolChoice struct {
	Mode ChoiceMode
	Name string
	// Allowed are the names of the tools that the model may call, in ChoiceAuto
	// and ChoiceRequired; nil = all.
	Allowed []string
	Extra   Extras
}

// Allows tells whether the model may call a tool. Dialects without words for
// Allowed do not tell the model of the others.
func (c *ToolChoice) Allows(name string) bool {
	return c.Allowed == nil || slices.Contains(c.Allowed, name)
}

// FormatKind is the kind of text the client wants.
type FormatKind uint8

// Kinds of response formats.
const (
	FormatUnset FormatKind = iota
	FormatText
	FormatJSON       // any JSON object
	FormatJSONSchema // JSON of the schema
	FormatOpaque     // Extra[0] is the whole format
)

// Format is the shape of text the client wants.
type Format struct {
	Kind        FormatKind
	Name        string
	Description string
	Schema      Raw
	Strict      Opt[bool]
	Extra       Extras
}

// Reasoning says how much the model shall think. All absent = its default.
type Reasoning struct {
	// Effort is "none", "minimal", "low", "medium", "high", "xhigh", "max" or a
	// word of the vendor.
	Effort Opt[string]
	Budget Opt[int64] // tokens
	// Enabled switches reasoning on or off without saying how much.
	Enabled Opt[bool]
	// Hidden keeps the reasoning out of the answer.
	Hidden Opt[bool]
	// Summary asks for a summary: "auto", "concise", "detailed".
	Summary Opt[string]
}

// Undecided tells whether reasoning is switched on and how much is left to the
// model.
func (r Reasoning) Undecided() bool {
	budget, told := r.Budget.Get()
	return !r.Effort.Set() && (budget < 0 || !told && r.Enabled.Or(false))
}

// Wanted tells whether reasoning is asked for.
func (r Reasoning) Wanted() bool {
	effort, told := r.Effort.Get()
	return told && effort != "none" || r.Budget.Or(0) > 0 || r.Enabled.Or(false)
}
