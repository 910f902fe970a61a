package matrix

import "encoding/json"

// Question is what a client asks, in words of no vendor.
type Question struct {
	Model  string `json:"model"`
	Stream bool   `json:"stream,omitempty"`
	System string `json:"system,omitempty"`
	Turns  []Turn `json:"turns"`
	Tools  []Tool `json:"tools,omitempty"`
	// Choice is "auto", "none", "any" or "tool:" and a name; "" says nothing.
	Choice string `json:"choice,omitempty"`
	// Serial allows one call at a time only.
	Serial bool `json:"serial,omitempty"`
	// Schema is the JSON Schema that the answer must fit.
	Schema json.RawMessage `json:"schema,omitempty"`
	// Effort asks for reasoning, to be shown and replayed: "low" or "high".
	Effort string `json:"effort,omitempty"`
	// MaxTokens is 0 where nothing is said, as the surface allows it.
	MaxTokens   int64    `json:"max_tokens,omitempty"`
	Temperature *float64 `json:"temperature,omitempty"`
	Stop        []string `json:"stop,omitempty"`
}

// Turn is what one side says: the user, unless Said or Replay is set.
type Turn struct {
	Text    string   `json:"text,omitempty"`
	Media   []Media  `json:"media,omitempty"` // before the text
	Results []Result `json:"results,omitempty"`
	// Said is a plain text of the assistant's.
	Said string `json:"said,omitempty"`
	// Replay is Outcome.Turn or Outcome.Bare of the same driver.
	Replay json.RawMessage `json:"replay,omitempty"`
}

// Media is an image or, with a name, a file. It goes out as the surface takes
// bytes: in base64 or as a data URL.
type Media struct {
	Type   string `json:"type"` // media type
	Name   string `json:"name,omitempty"`
	Base64 string `json:"base64"`
}

// Tool is a function that the model may call.
type Tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
}

// Result answers a call.
type Result struct {
	ID    string `json:"id"`
	Name  string `json:"name"` // of the tool
	Text  string `json:"text"`
	Error bool   `json:"error,omitempty"`
}

// Outcome is what the SDK gave its caller.
type Outcome struct {
	Text      string `json:"text,omitempty"`
	Reasoning string `json:"reasoning,omitempty"`
	Calls     []Call `json:"calls,omitempty"`
	// Finish is "stop", "length", "tool_calls", "content_filter", or the vendor's
	// own word where these do not fit.
	Finish string `json:"finish,omitempty"`
	Usage  Usage  `json:"usage"`
	// First is the usage that a stream's first event told, where it tells any.
	First *Usage `json:"first,omitempty"`
	// Turn is the assistant's turn as the SDK wants it back, whole; Bare is it
	// without reasoning and signatures, as clients send that do not know them.
	Turn json.RawMessage `json:"turn,omitempty"`
	Bare json.RawMessage `json:"bare,omitempty"`
	// Problem is the error that the SDK raised, nil if none.
	Problem *Problem `json:"problem,omitempty"`
	// Faults are what the SDK let pass although the vendor never sends it, such
	// as a block that is not closed.
	Faults []string `json:"faults,omitempty"`
	// Header are the x-dragoman-* headers of the answer, by lower-case name.
	Header map[string]string `json:"header,omitempty"`
}

// Call is a tool call; Args is the text that the SDK gives.
type Call struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Args string `json:"args"`
}

// Usage counts tokens: Input is the whole prompt, cached or not, Output all
// that was generated, reasoning or not. Nil is what the SDK cannot tell.
type Usage struct {
	Input     *int64 `json:"input,omitempty"`
	Output    *int64 `json:"output,omitempty"`
	Cached    *int64 `json:"cached,omitempty"`
	Written   *int64 `json:"written,omitempty"`
	Reasoning *int64 `json:"reasoning,omitempty"`
}

// Problem is an error as the SDK shows it.
type Problem struct {
	Status  int    `json:"status,omitempty"` // 0 in the midst of a stream
	Type    string `json:"type,omitempty"`   // the vendor's word for the kind
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
}

func count(n int64) *int64 { return &n }
