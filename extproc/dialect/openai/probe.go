package openai

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

const doneMarker = "[DONE]"

// maxProbedJSON is how much of a JSON document in place of a stream is held to
// see whether it is an error.
const maxProbedJSON = 16 << 10

// probe implements dialect.Probe. A stream that begins with '{' is a JSON
// document: some providers answer errors so under any content type.
type probe struct {
	framer  sse.Framer
	begun   bool
	isJSON  bool
	json    []byte
	seen    dialect.Seen
	problem *llm.Problem
}

func (p *probe) Feed(chunk []byte) (dialect.Seen, *llm.Problem) {
	if p.seen != dialect.Prelude || len(chunk) == 0 {
		return p.seen, p.problem
	}
	if !p.begun {
		p.begun, p.isJSON = true, chunk[0] == '{'
	}
	if p.isJSON {
		p.seen, p.problem = p.document(chunk)
		return p.seen, p.problem
	}
	p.framer.Feed(chunk)
	for p.seen == dialect.Prelude {
		ev, ok := p.framer.Next()
		if p.framer.Strange() || p.framer.Err() != nil {
			p.seen, p.problem = dialect.Garbage, badAnswer("the provider's answer is not an event stream")
			break
		}
		if !ok {
			break
		}
		p.seen, p.problem = judge(ev)
	}
	return p.seen, p.problem
}

func (p *probe) Close() (dialect.Seen, *llm.Problem) {
	if p.seen == dialect.Prelude && !p.isJSON {
		if ev, ok := p.framer.End(); ok && whole(ev) {
			p.seen, p.problem = judge(ev)
		}
	}
	switch {
	case p.seen != dialect.Prelude:
	case p.isJSON:
		p.seen, p.problem = dialect.Garbage, badAnswer("the provider answered with broken JSON instead of a stream")
	default:
		p.seen, p.problem = dialect.Failure, badAnswer("the provider ended the stream before any content")
	}
	return p.seen, p.problem
}

func (p *probe) document(chunk []byte) (dialect.Seen, *llm.Problem) {
	room := maxProbedJSON - len(p.json)
	p.json = append(p.json, chunk[:min(room, len(chunk))]...)
	w := scan.Over(p.json)
	if doc := w.Value(); doc != nil {
		if isErrorDocument(doc) {
			return dialect.Failure, DecodeError(0, nil, doc)
		}
		return dialect.Garbage, badAnswer("the provider answered with JSON instead of a stream")
	}
	if len(chunk) > room {
		return dialect.Garbage, badAnswer("the provider answered with JSON instead of a stream")
	}
	return dialect.Prelude, nil
}

// judge looks at one event without decoding it.
func judge(ev sse.Event) (dialect.Seen, *llm.Problem) {
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 {
		return dialect.Prelude, nil
	}
	if string(data) == doneMarker {
		return dialect.Failure, badAnswer("the provider's answer is empty")
	}
	w := scan.Over(data)
	failed, content := string(ev.Name) == "error", false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failed = isError(w.Value()) || failed
		case "choices":
			content = choicesCarry(&w) || content
		}
	}
	switch {
	case w.End() != nil || data[0] != '{':
		return dialect.Garbage, badAnswer("the provider sent an event that is not a JSON object")
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

func badAnswer(message string) *llm.Problem {
	return &llm.Problem{Kind: llm.BadAnswer, Message: message}
}

// CheckAnswer judges a JSON answer with status 200.
func CheckAnswer(body []byte, complete bool) *llm.Problem {
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(start) == 0 && complete:
		return badAnswer("the provider's answer is empty")
	case len(start) == 0:
		return nil
	case start[0] == '<':
		return badAnswer("the provider answered with HTML instead of JSON")
	case start[0] != '{':
		return badAnswer("the provider's answer is not a JSON object")
	case !complete:
		return nil
	}
	w := scan.Over(body)
	failed, choices := false, false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failed = isError(w.Value()) || failed
		case "choices":
			choices = firstHasMessage(&w)
		}
	}
	switch err := w.End(); {
	case err != nil:
		return badAnswer("the provider's answer is broken JSON: " + err.Error())
	case failed:
		return DecodeError(0, nil, body)
	case !choices:
		return badAnswer("the provider's answer has no choices with a message")
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
