package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// order is what a request's prompt tells the provider to do. It stands in the
// first message, because that passes every lane unchanged.
type order struct {
	events int // 0: one JSON answer
	pace   int // milliseconds between events
	hang   bool
}

func (o order) text() string {
	return fmt.Sprintf("order events=%d pace=%d hang=%t end", o.events, o.pace, o.hang)
}

// readOrder finds the order in a request's body.
func readOrder(body []byte) (o order, ok bool) {
	at := bytes.Index(body, []byte("order events="))
	if at < 0 {
		return o, false
	}
	text, _, _ := bytes.Cut(body[at:], []byte(" end"))
	_, err := fmt.Sscanf(string(text), "order events=%d pace=%d hang=%t", &o.events, &o.pace, &o.hang)
	return o, err == nil
}

// clientKey is what clients show; the catalog has its hash. Without the gateway
// it reaches the provider.
const clientKey = "dgm_bench"

// credential is what the gateway shows the provider.
const credential = "provider-credential-of-the-bench"

// request is an HTTP request of about size bytes of body.
func (o order) request(model string, size int) []byte {
	body := map[string]any{
		"model": model,
		"messages": []map[string]string{
			{"role": "user", "content": o.text() + " "},
			{"role": "assistant", "content": "Understood."},
			{"role": "user", "content": ""},
		},
		"temperature": 0.2,
	}
	if o.events > 0 {
		body["stream"] = true
	}
	bare := mustJSON(body)
	const words = "The quick brown fox said \"hello\" to the lazy dog.\n"
	filler := strings.Repeat(words, size/len(words)+1)[:max(0, size-len(bare))]
	body["messages"].([]map[string]string)[2]["content"] = filler
	whole := mustJSON(body)
	return append([]byte("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "+clientKey+
		"\r\nUser-Agent: bench\r\nAccept: */*\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(whole))+"\r\n\r\n"), whole...)
}

// mustJSON encodes what can be encoded.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

const prelude = `{"id":"chatcmpl-Bx7TqkQzVYcDe8mJ0fR2aLhN5sWgU","object":"chat.completion`

var answerText = strings.Repeat("Forty-two is the answer to that. ", 16)

// answer is the provider's JSON answer, about 1 KB.
var answer = []byte(prelude + `","created":1760000000,"model":"bench-2025-08-07","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	answerText + `","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":250,"completion_tokens":130,"total_tokens":380,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},` +
	`"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},` +
	`"service_tier":"default","system_fingerprint":"fp_bench"}`)

// token is the text of every content event.
const token = " forty-two"

func chunk(choices, usage string) string {
	return "data: " + prelude + `.chunk","created":1760000000,"model":"bench-2025-08-07","service_tier":"default","system_fingerprint":"fp_bench","choices":[` +
		choices + `]` + usage + "}\n\n"
}

// script is a stream, cut where the provider flushes. wantsUsage adds what the
// API adds then: the usage chunk before the end.
func script(events int, wantsUsage bool) []string {
	null := ""
	if wantsUsage {
		null = `,"usage":null`
	}
	s := []string{chunk(`{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}`, null)}
	for range events {
		s = append(s, chunk(`{"index":0,"delta":{"content":"`+token+`"},"logprobs":null,"finish_reason":null}`, null))
	}
	s = append(s, chunk(`{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}`, null))
	if wantsUsage {
		s = append(s, chunk("", `,"usage":{"prompt_tokens":250,"completion_tokens":130,"total_tokens":380}`))
	}
	return append(s, "data: [DONE]\n\n")
}

// check judges a whole answer.
type check func(body []byte) error

// verbatim: the provider's own bytes.
func verbatim(want []byte) check {
	return func(body []byte) error {
		if !bytes.Equal(body, want) {
			return fmt.Errorf("%d bytes that are not the provider's %d: %.300q", len(body), len(want), body)
		}
		return nil
	}
}

// untouched is a stream as it comes without a gateway.
func untouched(events int) []byte {
	var out []byte
	for _, s := range script(events, false) {
		out = append(out, s...)
	}
	return out
}

// left is a stream of the leave lane: the provider's bytes but for the usage
// chunk, which the gateway asked for and the client did not. Where the provider
// says "usage":null because of it, that stays.
func left(events int) []byte {
	var out []byte
	for i, s := range script(events, true) {
		if i != events+2 {
			out = append(out, s...)
		}
	}
	return out
}

// translatedStream has every token and a proper end.
func translatedStream(events int) check {
	return func(body []byte) error {
		if n := bytes.Count(body, []byte(token)); n != events || !bytes.HasSuffix(body, []byte("data: [DONE]\n\n")) {
			return fmt.Errorf("a stream with %d of %d tokens: %.300q", n, events, body)
		}
		return nil
	}
}

// translatedAnswer has the text and the usage.
func translatedAnswer(body []byte) error {
	var got struct {
		Choices []struct{ Message struct{ Content string } }
		Usage   struct {
			Total int `json:"total_tokens"`
		}
	}
	err := json.Unmarshal(body, &got)
	if err != nil || len(got.Choices) != 1 || got.Choices[0].Message.Content != answerText || got.Usage.Total != 380 {
		return fmt.Errorf("not the provider's answer: %.300q", body)
	}
	return nil
}
