package responses

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// maxEvent bounds an event, which repeats instructions, tools and at last the
// whole output.
const maxEvent = 16 << 20

// grammar is what a probe must know of this dialect.
var grammar = stream.Grammar{Judge: judge, Failed: failed, Limit: maxEvent}

// judge looks at one event without decoding it.
func judge(name, data []byte) (dialect.Seen, *llm.Problem) {
	var m packet
	if p := m.read(name, data); p != nil {
		return dialect.Garbage, p
	}
	switch string(m.kind) {
	case "error":
		return dialect.Failure, openai.DecodeError(0, nil, data)
	case "response.failed", "response.completed", "response.incomplete", "response.cancelled":
		if failure := failedResponse(m.kind, m.response); failure != nil {
			return dialect.Failure, failure
		}
		return dialect.Content, nil
	case "response.output_item.added":
		if isCall(m.item) {
			return dialect.Content, nil
		}
	case "response.output_item.done":
		return dialect.Content, nil
	default:
		if bytes.HasSuffix(m.kind, []byte(".delta")) && len(members.Unquoted(m.delta)) > 0 ||
			bytes.HasSuffix(m.kind, []byte(".done")) && len(members.Unquoted(m.whole)) > 0 {
			return dialect.Content, nil
		}
	}
	if dialect.IsError(m.failure) {
		return dialect.Failure, openai.DecodeError(0, nil, data)
	}
	return dialect.Prelude, nil
}

func isCall(item []byte) bool {
	w := scan.Over(item)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "type" {
			kind := members.Unquoted(w.Value())
			return string(kind) == "function_call" || string(kind) == "custom_tool_call"
		}
	}
	return false
}

// CheckAnswer judges a JSON answer with status 200.
func CheckAnswer(body []byte, complete bool) *llm.Problem {
	if p := dialect.CheckObject(body, complete); p != nil || !complete {
		return p
	}
	if p := failed(body); p != nil {
		return p
	}
	output, status := false, []byte(nil)
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "output":
			output = scan.KindOf(w.Value()) == scan.Array
		case "status":
			status = members.Unquoted(w.Value())
		}
	}
	switch {
	case string(status) == "queued" || string(status) == "in_progress":
		return dialect.BadAnswer("the provider answered before the response was complete")
	case !output:
		return dialect.BadAnswer("the provider's answer has no output")
	}
	return nil
}

// failed is the problem that a response tells of, nil if it has none.
func failed(doc []byte) *llm.Problem {
	var failure, status []byte
	w := scan.Over(doc)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failure = w.Value()
		case "status":
			status = members.Unquoted(w.Value())
		}
	}
	switch {
	case dialect.IsError(failure):
		return openai.DecodeError(0, nil, wrapError(failure))
	case string(status) == "failed":
		return dialect.BadAnswer("the provider failed without saying why")
	case string(status) == "cancelled":
		return &llm.Problem{Kind: llm.Unavailable, Message: "the provider cancelled the response"}
	}
	return nil
}

// wrapError gives an error the form in which OpenAI's API answers it.
func wrapError(failure []byte) []byte {
	return append(append([]byte(`{"error":`), failure...), '}')
}

// failedResponse is failed for a terminal event: its name counts, too.
func failedResponse(kind, response []byte) *llm.Problem {
	if p := failed(response); p != nil {
		return p
	}
	switch string(kind) {
	case "response.failed":
		return dialect.BadAnswer("the provider failed without saying why")
	case "response.cancelled":
		return &llm.Problem{Kind: llm.Unavailable, Message: "the provider cancelled the response"}
	}
	return nil
}
