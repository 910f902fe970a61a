package dialect

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// BadAnswer is the problem of an answer that is none, or not a whole one.
func BadAnswer(message string) *llm.Problem {
	return &llm.Problem{Kind: llm.BadAnswer, Message: message}
}

// BrokenAnswer is the problem of an answer that is not JSON from some place on.
func BrokenAnswer(err *scan.Error) *llm.Problem {
	return BadAnswer("the provider's answer is broken JSON: " + err.Error())
}

// CheckStart judges whether an answer with status 200 begins like a JSON
// object; one of which nothing has come yet may.
func CheckStart(body []byte, complete bool) *llm.Problem {
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(start) == 0 && complete:
		return BadAnswer("the provider's answer is empty")
	case len(start) == 0:
		return nil
	case start[0] == '<':
		return BadAnswer("the provider answered with HTML instead of JSON")
	case start[0] != '{':
		return BadAnswer("the provider's answer is not a JSON object")
	}
	return nil
}

// CheckObject is CheckStart, and for a complete answer whether it is JSON to
// its end.
func CheckObject(body []byte, complete bool) *llm.Problem {
	if p := CheckStart(body, complete); p != nil || !complete {
		return p
	}
	if err := scan.Validate(body); err != nil {
		return BrokenAnswer(err)
	}
	return nil
}

// IsError tells whether the value of an answer's member error is one: an
// object, an array, or text. Many providers send null or an empty text along
// with good answers.
func IsError(raw []byte) bool {
	switch scan.KindOf(raw) {
	case scan.Object, scan.Array:
		return true
	case scan.String:
		return len(raw) > len(`""`)
	}
	return false
}

// IsErrorDocument tells whether an object, or the first of an array, has a
// member error that is one.
func IsErrorDocument(raw []byte) (is bool) {
	w := scan.Over(raw)
	if w.Array() {
		return w.Element() && IsErrorDocument(w.Value())
	}
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "error" {
			is = IsError(w.Value()) || is
		}
	}
	return is
}
