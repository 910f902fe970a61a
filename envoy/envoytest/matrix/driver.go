package matrix

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// Surface is what clients speak.
type Surface string

// Surfaces.
const (
	Chat      Surface = "chat"
	Responses Surface = "responses"
	Messages  Surface = "messages"
	Generate  Surface = "generate"
)

// Driver asks questions with an SDK.
type Driver interface {
	// Client names the SDK and its surface for messages.
	Client() (name string, surface Surface)
	// Ask asks once, without retries. What the gateway answers is an Outcome,
	// errors too; an error means that the driver itself is broken.
	Ask(ctx context.Context, q *Question) (*Outcome, error)
}

// Counter counts tokens with an SDK.
type Counter interface {
	// Count gives the input tokens of a question, or in the Outcome the Problem.
	Count(ctx context.Context, q *Question) (*Outcome, error)
}

// Embedder embeds texts with an SDK.
type Embedder interface {
	// Embed gives a vector for each text.
	Embed(ctx context.Context, e *Embed) ([][]float64, *Outcome, error)
}

// Embed is what to embed.
type Embed struct {
	Model      string   `json:"model"`
	Texts      []string `json:"texts"`
	Dimensions int64    `json:"dimensions,omitempty"`
	// Base64 asks for the vectors in base64 instead of JSON numbers.
	Base64 bool `json:"base64,omitempty"`
}

// Drivers are the Go SDKs in front of a gateway.
func Drivers(url string, client *http.Client) []Driver {
	overheard := *client
	overheard.Transport = listening{client.Transport}
	return []Driver{
		newChat(url, &overheard), newResponses(url, &overheard), newMessages(url, &overheard), newGenerate(url, &overheard),
	}
}

// listening keeps what of an answer's headers is the gateway's own, which SDKs
// hide in places of their own.
type listening struct{ next http.RoundTripper }

type overheardKey struct{}

func (l listening) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if to, ok := r.Context().Value(overheardKey{}).(map[string]string); ok && err == nil {
		for name, values := range resp.Header {
			if name = strings.ToLower(name); strings.HasPrefix(name, "x-dragoman-") || name == "retry-after" {
				to[name] = strings.Join(values, ", ")
			}
		}
	}
	return resp, err
}

// overhear makes an Outcome whose Header the calls under ctx fill.
func overhear(ctx context.Context) (context.Context, *Outcome) {
	o := &Outcome{Header: map[string]string{}}
	return context.WithValue(ctx, overheardKey{}, o.Header), o
}

// fault notes what a vendor never sends.
func (o *Outcome) fault(is bool, what string) {
	if is {
		o.Faults = append(o.Faults, what)
	}
}

// object is a JSON Schema as the SDKs take it.
func object(raw json.RawMessage) (m map[string]any) {
	if json.Unmarshal(raw, &m) != nil {
		return nil // a mistake in a case, which shows at the provider
	}
	return m
}

// encode is JSON of what always can be.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

// toolNamed is the name in a Choice that demands one tool.
func toolNamed(choice string) (string, bool) { return strings.CutPrefix(choice, "tool:") }

func dataURL(m Media) string { return "data:" + m.Type + ";base64," + m.Base64 }

// budget is an effort in tokens, for surfaces that count them.
func budget(effort string) int64 {
	if effort == "high" {
		return 16384
	}
	return 2048
}
