package llm

// EventKind says which fields of an Event hold.
type EventKind uint8

// Kinds of events and the fields they use beside Choice. Readers send Start
// first and at most once; per choice the deltas in the provider's order, then
// Finish; Usage any number of times, before or after Finish. Nothing but Usage
// and Extra follows Finish, nothing at all follows Error.
const (
	Start          EventKind = iota // ID, Name = model, Created
	TextDelta                       // Text, Index; Thought if the vendor signs text
	ReasoningDelta                  // Text and/or Thought, Index
	RefusalDelta                    // Text
	ToolStart                       // Index, ID, Name, Custom; Thought if the vendor signs calls
	ToolArgs                        // Index, Text
	MediaPart                       // Media, Index: a whole image, file or sound
	Logprobs                        // Raw, in OpenAI chat's words
	Finish                          // Reason, Name = the provider's own word, Text = the stop sequence met
	UsageUpdate                     // Usage: merge with what came before
	Ping                            // the provider keeps the connection alive
	Failed                          // Problem
	ExtraEvent                      // Extra; Choice < 0 = of the whole answer
	VectorPart                      // Index, Vector: an embedding
)

// Event is a piece of an answer. A JSON answer is the same events at once.
//
// Index numbers blocks: two deltas of one kind belong to one block if their
// Index is equal; a change of kind or Index begins the next block. Tools are
// numbered from 0 in each choice, in the order of their ToolStart; ToolArgs of
// several open tools may interleave where a provider does so.
type Event struct {
	Kind    EventKind
	Reason  FinishReason
	Custom  bool // the tool takes free text
	Choice  int32
	Index   int32
	Created int64 // seconds since 1970, 0 = unsaid
	Text    string
	ID      string
	Name    string
	Raw     Raw
	Media   *Media
	Vector  *Vector
	// Thought carries what came with a piece of reasoning. It is set on every
	// piece of a block that must come back unchanged, perhaps with no more than
	// Format; the signature holds for the whole block and comes at its end.
	Thought *Thought
	Usage   *Usage
	Extra   *Extra
	Problem *Problem
}

// Carries tells whether the event carries content: the first such event ends
// the prelude of a stream.
func (e *Event) Carries() bool {
	switch e.Kind {
	case TextDelta, ReasoningDelta, RefusalDelta:
		return e.Text != "" || e.Thought != nil
	case ToolStart, ToolArgs, MediaPart, VectorPart, Finish:
		return true
	}
	return false
}

// FinishReason is why a choice ended.
type FinishReason uint8

// Reasons. NumFinishReasons lets tests notice a forgotten one.
const (
	FinishUnknown   FinishReason = iota
	FinishStop                   // natural end or stop sequence
	FinishLength                 // token limit or context limit
	FinishToolCalls              // the model waits for tool results
	FinishFilter                 // cut by a content filter
	FinishRefusal                // the model refused
	FinishPause                  // the provider paused a long turn; send it back to go on
	FinishError                  // the model or its provider failed midway
	FinishOther                  // a reason without a neutral word
	NumFinishReasons
)

var finishNames = [NumFinishReasons]string{
	"unknown", "stop", "length", "tool_calls", "content_filter", "refusal", "pause", "error", "other",
}

// String is the reason's stable name: a metric label.
func (r FinishReason) String() string { return finishNames[r] }
