package simulator

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"
)

// Heard is what a provider understood of a request, in words that belong to no
// vendor, so that the same request in two dialects is heard alike. Members that
// the request does not set are zero and left out of the JSON.
type Heard struct {
	Dialect string `json:"dialect"`
	Model   string `json:"model,omitempty"`
	Stream  bool   `json:"stream,omitempty"`
	// System are the texts of the system prompt, one for each block or message.
	System []string    `json:"system,omitempty"`
	Turns  []Turn      `json:"turns,omitempty"`
	Tools  []HeardTool `json:"tools,omitempty"`
	// Choice is "auto", "none", "any", or "tool:" and a name.
	Choice string `json:"tool_choice,omitempty"`
	// Parallel is whether several tools may be called at once.
	Parallel *bool `json:"parallel_tools,omitempty"`
	// Schema is the JSON Schema that the content must fit; JSON asks for any
	// JSON text.
	Schema json.RawMessage `json:"schema,omitempty"`
	JSON   bool            `json:"json,omitempty"`

	MaxTokens        int64           `json:"max_tokens,omitempty"`
	Temperature      *float64        `json:"temperature,omitempty"`
	TopP             *float64        `json:"top_p,omitempty"`
	TopK             *float64        `json:"top_k,omitempty"`
	Seed             *int64          `json:"seed,omitempty"`
	FrequencyPenalty *float64        `json:"frequency_penalty,omitempty"`
	PresencePenalty  *float64        `json:"presence_penalty,omitempty"`
	Stop             []string        `json:"stop,omitempty"`
	Reasoning        *HeardReasoning `json:"reasoning,omitempty"`
	// User is whom the client acts for.
	User string `json:"user,omitempty"`
	// CacheMarks counts the places marked for prompt caching.
	CacheMarks int `json:"cache_marks,omitempty"`
	// Inputs are the texts to embed, Dimensions the length of their vectors.
	Inputs     []string `json:"inputs,omitempty"`
	Dimensions int      `json:"dimensions,omitempty"`
}

// Turn is what one side says before the other does. Neighbouring messages of
// one side are one turn; results of tools are in the user's.
type Turn struct {
	// Role is "user", "assistant", or "system" for a system message that comes
	// after another turn.
	Role  string      `json:"role"`
	Parts []HeardPart `json:"parts"`
}

// HeardPart is a piece of a turn.
type HeardPart struct {
	// Kind is "text", "image", "file", "audio", "call", "result", "reasoning",
	// "redacted" (reasoning without its text), "refusal" or "other:" and the
	// vendor's word.
	Kind string `json:"kind"`
	// Text is that of text, reasoning, refusal and result; a result's texts are
	// joined by a newline.
	Text string `json:"text,omitempty"`
	// ID is that of the call, in call and result. Dialects without such ids
	// number calls of one name: "name#1".
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"` // of a tool or file
	// Arguments are those of a call, as JSON without insignificant space.
	Arguments json.RawMessage `json:"arguments,omitempty"`
	// Error marks the result of a tool that failed.
	Error bool `json:"error,omitempty"`
	// MediaType, Bytes and Sum describe media that came as bytes: their type,
	// size and CRC-32C in hex. URL is where other media are.
	MediaType string `json:"media_type,omitempty"`
	Bytes     int    `json:"bytes,omitempty"`
	Sum       string `json:"sum,omitempty"`
	URL       string `json:"url,omitempty"`
	// Detail is the resolution at which an image is to be seen.
	Detail string `json:"detail,omitempty"`
	// Signature is what vouches for reasoning, call or text that is replayed.
	Signature string `json:"signature,omitempty"`
	// Parts are media inside a result.
	Parts []HeardPart `json:"parts,omitempty"`
}

// HeardTool is a tool that the client offers.
type HeardTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
	// Kind is the vendor's word for tools that are no functions.
	Kind string `json:"kind,omitempty"`
}

// HeardReasoning is how much the provider shall think.
type HeardReasoning struct {
	// Mode is "on", "off" or "adaptive"; "" where the dialect does not say.
	Mode string `json:"mode,omitempty"`
	// Effort is the vendor's word, such as "low".
	Effort string `json:"effort,omitempty"`
	// Budget is the tokens allowed.
	Budget *int64 `json:"budget,omitempty"`
	// Summary is the vendor's word for how thoughts are shown; Encrypted asks
	// for the form that can be replayed.
	Summary   string `json:"summary,omitempty"`
	Encrypted bool   `json:"encrypted,omitempty"`
}

// Echo is the content of an answer under Script.Echo.
type Echo struct {
	Provider string          `json:"provider"`
	Method   string          `json:"method"`
	Path     string          `json:"path"`
	Host     string          `json:"host"`
	Headers  http.Header     `json:"headers"` // credentials masked
	Body     json.RawMessage `json:"body"`
	Heard    *Heard          `json:"heard"`
}

// Hear gives what a provider understands of a request that was recorded. It
// fails where the vendor would refuse the request, with the vendor's sentence.
func Hear(r Request) (*Heard, error) {
	d, rt, _ := dialectOf(&r)
	a, f := d.read(rt, &r)
	if f != nil {
		return nil, fmt.Errorf("%d: %s", f.status, d.failure(f))
	}
	return a.hear(), nil
}

// add appends parts to the turn of a role, a new one if the other side has
// spoken since.
func (h *Heard) add(role string, parts ...HeardPart) {
	if len(parts) == 0 {
		return
	}
	if n := len(h.Turns); n > 0 && h.Turns[n-1].Role == role {
		h.Turns[n-1].Parts = append(h.Turns[n-1].Parts, parts...)
		return
	}
	h.Turns = append(h.Turns, Turn{Role: role, Parts: parts})
}

// reading makes an ask of what was heard. The conversation is the raw text
// that seeds the answer and is counted as the prompt.
func (h *Heard) reading(rt route, conversation []byte) ask {
	a := ask{
		route: rt, hear: func() *Heard { return h },
		limit: int(h.MaxTokens), schema: h.Schema, wantsJSON: h.JSON,
		prompt: int64(len(conversation)+3) / 4, seed: uint64(crc32.Checksum(conversation, castagnoli)),
		stops: h.Stop, inputs: h.Inputs, dimensions: h.Dimensions,
	}
	a.model, a.stream = h.Model, h.Stream
	a.tools = func() (all []tool) {
		for _, t := range h.Tools {
			if t.Kind == "" {
				all = append(all, tool{t.Name, t.Schema})
			}
		}
		return all
	}
	if name, ok := strings.CutPrefix(h.Choice, "tool:"); ok {
		a.choice = name
	} else if h.Choice == "any" {
		a.choice = "*"
	}
	for _, turn := range slices.Backward(h.Turns) {
		if turn.Role != "user" {
			continue
		}
		for _, part := range turn.Parts {
			if part.Kind == "text" && a.quote == "" {
				a.quote = part.Text
			}
		}
		if a.quote != "" {
			break
		}
	}
	if n := len(h.Turns); n > 0 && h.Turns[n-1].Role == "user" {
		for _, part := range h.Turns[n-1].Parts {
			if part.Kind == "result" {
				a.results = append(a.results, result{part.ID, part.Text})
			}
			if raw := markerIn(part.Text); raw != nil {
				a.marker = raw
			}
		}
	}
	return a
}
