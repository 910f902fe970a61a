package openai

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// grammar is what a probe must know of this dialect.
var grammar = stream.Grammar{Judge: judge, Failed: failure}

// failure is the problem of an error document; nil if it is none.
func failure(doc []byte) *llm.Problem {
	if !dialect.IsErrorDocument(doc) {
		return nil
	}
	return DecodeError(0, nil, doc)
}

// judge looks at one event without decoding it.
func judge(name, data []byte) (dialect.Seen, *llm.Problem) {
	w := scan.Over(data)
	failed, content := string(name) == "error", false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failed = dialect.IsError(w.Value()) || failed
		case "choices":
			content = choicesCarry(&w) || content
		}
	}
	switch {
	case w.End() != nil || data[0] != '{':
		return dialect.Garbage, dialect.BadAnswer("the provider sent an event that is not a JSON object")
	case failed:
		return dialect.Failure, DecodeError(0, nil, data)
	case content:
		return dialect.Content, nil
	}
	return dialect.Prelude, nil
}

func choicesCarry(w *scan.Walk) (content bool) {
	for ok := w.Array(); ok && w.Element(); {
		for ok := w.Object(); ok && w.Member(); {
			switch string(w.Key()) {
			case "delta", "message":
				content = deltaCarries(w) || content
			case "finish_reason":
				content = filled(w.Value()) || content
			}
		}
	}
	return content
}

func deltaCarries(w *scan.Walk) (content bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "audio", "images",
			"reasoning_details", "function_call":
			content = filled(w.Value()) || content
		}
	}
	return content
}

// filled tells whether a value is a string, array or object with something in
// it.
func filled(raw []byte) bool {
	switch scan.KindOf(raw) {
	case scan.String:
		return len(raw) > 2
	case scan.Array, scan.Object:
		return len(bytes.TrimSpace(raw[1:len(raw)-1])) > 0
	}
	return false
}

// CheckAnswer judges a JSON answer with status 200.
func CheckAnswer(body []byte, complete bool) *llm.Problem {
	if p := dialect.CheckStart(body, complete); p != nil || !complete {
		return p
	}
	w := scan.Over(body)
	failed, choices := false, false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failed = dialect.IsError(w.Value()) || failed
		case "choices":
			choices = firstHasMessage(&w)
		}
	}
	switch err := w.End(); {
	case err != nil:
		return dialect.BrokenAnswer(err)
	case failed:
		return DecodeError(0, nil, body)
	case !choices:
		return dialect.BadAnswer("the provider's answer has no choices with a message")
	}
	return nil
}

func firstHasMessage(w *scan.Walk) (has bool) {
	first := true
	for ok := w.Array(); ok && w.Element(); first = false {
		for ok := first && w.Object(); ok && w.Member(); {
			if string(w.Key()) == "message" {
				has = scan.KindOf(w.Value()) == scan.Object
			}
		}
	}
	return has
}
