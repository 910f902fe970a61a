package simulator

import (
	"cmp"
	"fmt"
	"strings"
)

// openAIResponses is OpenAI's Responses API (API reference, "Responses" and
// "Streaming events"), served to clients that keep the conversation themselves:
// no response is stored, so none can be referred to.
var openAIResponses = dialect{
	name:          "openai-responses",
	route:         responsesRoute,
	authorize:     openAIAuthorize,
	read:          responsesRead,
	count:         responsesCount,
	headers:       openAIHeaders,
	answer:        responsesAnswer,
	events:        responsesEvents,
	hides:         responsesHides,
	failure:       responsesFailure,
	streamFailure: responsesStreamFailure,
	garbageName:   "response.output_text.delta",
	garbage:       `{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_bro`,
}

func responsesRoute(r *Request) (route, bool) {
	path, _, _ := strings.Cut(r.Path, "?")
	if strings.HasSuffix(path, "/responses/input_tokens") {
		return route{op: opCount}, true
	}
	return route{op: opChat}, strings.HasSuffix(path, "/responses")
}

func responsesCount(a *ask) []byte {
	return fmt.Appendf(nil, `{"object":"response.input_tokens","input_tokens":%d}`, a.prompt)
}

// responsesHides: reasoning is shown as a summary, which the client must ask
// for.
func responsesHides(s *say) bool {
	r := s.asked.hear().Reasoning
	return s.redacted || r == nil || r.Summary == ""
}

// responsesFailure spells an error object; only the sentence about the context
// differs from the other APIs of OpenAI.
func responsesFailure(f *failure) []byte {
	if f.reason == promptTooLong {
		longer := *f
		longer.reason, longer.subject, longer.word = invalidRequest, "input", "context_length_exceeded"
		longer.detail = "Your input exceeds the context window of this model. Please adjust your input and try again."
		return openAIFailure(&longer)
	}
	return openAIFailure(f)
}

// responsesStreamFailure is an error event, in the flat form the reference
// gives it. As a JSON answer it is a response that failed.
func responsesStreamFailure(f *failure) event {
	w := openAIReason(f)
	code, message := cmp.Or(f.code, w.code, "server_error"), cmp.Or(f.message, w.message)
	out := appendString([]byte(`{"type":"error","sequence_number":`+itoa(f.sent)+`,"code":`), code)
	out = append(appendString(append(out, `,"message":`...), message), `,"param":null}`...)
	return event{part: PartError, name: "error", data: out}
}
