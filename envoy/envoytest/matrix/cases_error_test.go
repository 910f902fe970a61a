package matrix

import (
	"fmt"
	"slices"
	"strings"
)

// refusal is an error of a provider and what each surface's clients must see.
type refusal struct {
	name, script string
	status       int
	chat         string // OpenAI's code
	messages     string // Anthropic's type
	generate     string // Google's statuses, of which it is one
	// words of the provider must be in the message.
	words string
	wait  string // Retry-After
}

// refusals follow the gateway's rules: what is the client's to mend passes with
// the provider's words; what is the operator's is 502 and says so without them;
// limits and overload keep their meaning.
var refusals = []refusal{
	{name: "400", script: `{"status":400,"message":"odd words"}`, status: 400, messages: "invalid_request_error", generate: "INVALID_ARGUMENT", words: "odd words"},
	{name: "401", script: `{"status":401,"message":"odd words"}`, status: 502, messages: "api_error", generate: "UNAVAILABLE"},
	{name: "404", script: `{"status":404,"message":"odd words"}`, status: 502, messages: "api_error", generate: "UNAVAILABLE"},
	{name: "429", script: `{"status":429,"retry_after":7}`, status: 429, chat: "rate_limit_exceeded", messages: "rate_limit_error", generate: "RESOURCE_EXHAUSTED", wait: "7"},
	{name: "500", script: `{"status":500}`, status: 502, messages: "api_error", generate: "UNAVAILABLE"},
	{name: "503", script: `{"status":503}`, status: 503, messages: "overloaded_error", generate: "UNAVAILABLE"},
	{name: "context length", script: `{"context_length":true}`, status: 400, chat: "context_length_exceeded", messages: "invalid_request_error", generate: "INVALID_ARGUMENT"},
	{name: "web page", script: `{"html":true}`, status: 502, messages: "api_error", generate: "INTERNAL UNAVAILABLE"},
	{name: "empty answer", script: `{"empty":true}`, status: 502, messages: "api_error", generate: "INTERNAL UNAVAILABLE"},
}

func errorCases() (cases []Case) {
	for i := range refusals {
		r := &refusals[i]
		cases = append(cases, Case{name: "error: " + r.name, run: func(x *exam) { x.refused(r) }})
	}
	cases = append(cases, Case{name: "error inside a 200 (litellm#24005)", run: func(x *exam) {
		p := x.ask(Question{Turns: []Turn{x.user("Hello.", `{"error_first":true}`)}}).Problem
		// Some vendors say within that they are overloaded, some only that they failed.
		if p == nil || p.Status != 502 && p.Status != 503 || p.Type == "" || p.Message == "" {
			x.Errorf("got %+v", p)
		}
	}})
	for name, script := range map[string]string{
		"an error event in mid-stream is an error (Portkey#741, mlflow#25897)": `"error_mid":true`,
		"a stream without its end is an error":                                 `"truncate":true`,
		"garbage in mid-stream is an error (litellm#40404)":                    `"malformed_mid":true`,
	} {
		c := Case{name: name, only: streams, run: func(x *exam) {
			o := x.ask(x.talk(script))
			if o.Problem == nil {
				x.Fatalf("a broken stream ends well: finish %q after %d bytes", o.Finish, len(o.Text))
			}
			if o.Problem.Message == "" || o.Problem.Status != 0 && x.surface != Generate { // whose SDK takes it for the status
				x.Errorf("got %+v", *o.Problem)
			}
		}}
		if strings.Contains(script, "malformed") {
			c.unless = garbled
		}
		cases = append(cases, c)
	}
	for name, script := range map[string]string{"a stream that breaks off is an error": `"close":"mid"`, "a stream that is reset is an error": `"reset":"mid"`} {
		cases = append(cases, Case{name: name, only: streams, run: func(x *exam) {
			// The connection to the client breaks as well, which SDKs raise in
			// words of their own.
			o, err := x.try(x.target, x.talk(script))
			if err == nil && o.Problem == nil {
				x.Errorf("a broken stream ends well: finish %q after %d bytes", o.Finish, len(o.Text))
			}
		}})
	}
	return cases
}

// talk asks for a stream that takes its time, so that its beginning is out
// before it breaks.
func (x *exam) talk(script string) Question {
	return Question{Turns: []Turn{x.user("Talk.", fmt.Sprintf(`{"events":8,"tokens_bytes":20,"pause":"10ms",%s}`, script))}}
}

// saysWhen tells whether the vendor says in a header when to come back. Bedrock
// and Vertex AI say nothing, Gemini's API says it in the body, which passes as it
// is to its own clients.
func (x *exam) saysWhen() bool {
	return x.target.Family != Bedrock && x.target.Name != "vertex" && (x.target.Family != Gemini || x.surface != Generate)
}

// garbled leaves out where the provider's own bytes pass: the SDK raises an
// error of its JSON reader.
func garbled(s Surface, t *Target) string {
	if native(s, t) {
		return "what a provider sends passes as it is in its own dialect"
	}
	return ""
}

func (x *exam) refused(r *refusal) {
	o := x.ask(Question{Turns: []Turn{x.user("Hello.", r.script)}})
	p := o.Problem
	if p == nil {
		x.Fatalf("no error: %s", encode(o))
	}
	x.equal("status", r.status, p.Status)
	switch x.surface {
	case Messages:
		x.equal("type", r.messages, p.Type)
	case Generate:
		if !slices.Contains(strings.Fields(r.generate), p.Type) {
			x.Errorf("the status's word is %q, want %s", p.Type, r.generate)
		}
	default:
		if p.Type == "" || r.chat != "" && p.Code != r.chat {
			x.Errorf("type %q, code %q, want %q", p.Type, p.Code, r.chat)
		}
	}
	if p.Message == "" || !strings.Contains(p.Message, r.words) || r.words == "" && strings.Contains(p.Message, "odd words") {
		x.Errorf("message is %q", p.Message)
	}
	if r.wait != "" && x.saysWhen() && o.Header["retry-after"] != r.wait {
		x.Errorf("Retry-After is %q", o.Header["retry-after"])
	}
}
