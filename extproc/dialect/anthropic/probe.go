package anthropic

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// maxProbedJSON is how much of a JSON document in place of a stream is held to
// see whether it is an error.
const maxProbedJSON = 16 << 10

// probe implements dialect.Probe. A stream that begins with '{' or '[' is a
// JSON document: Vertex and some compatible providers answer errors so under
// any content type.
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
		p.begun, p.isJSON = true, chunk[0] == '{' || chunk[0] == '['
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
	var kind []byte
	failed, content := false, false
	w := scan.Over(data)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			kind = unquoted(w.Value())
		case "error":
			failed = isError(w.Value())
		case "content_block":
			content = blockCarries(&w) || content
		case "delta":
			content = deltaCarries(&w) || content
		}
	}
	if kind == nil {
		kind = ev.Name
	}
	switch {
	case w.End() != nil || data[0] != '{':
		return dialect.Garbage, badAnswer("the provider sent an event that is not a JSON object")
	case failed || string(kind) == "error":
		return dialect.Failure, DecodeError(0, nil, data)
	case content:
		return dialect.Content, nil
	case string(kind) == "message_stop":
		return dialect.Failure, badAnswer("the provider's answer is empty")
	}
	return dialect.Prelude, nil
}

// blockCarries tells whether a block's start is content: any but an empty text
// or thinking block.
func blockCarries(w *scan.Walk) (content bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			kind := string(unquoted(w.Value()))
			content = content || kind != "text" && kind != "thinking" && kind != ""
		case "text", "thinking", "signature":
			content = len(unquoted(w.Value())) > 0 || content
		}
	}
	return content
}

func deltaCarries(w *scan.Walk) (content bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "text", "thinking", "partial_json", "signature", "stop_reason":
			content = len(unquoted(w.Value())) > 0 || content
		case "citation":
			content = !scan.IsNull(w.Value()) || content
		}
	}
	return content
}

// CheckAnswer judges a JSON answer with status 200.
func CheckAnswer(body []byte, complete bool) *llm.Problem {
	if p := checkObject(body, complete); p != nil || !complete {
		return p
	}
	w := scan.Over(body)
	failed, content := false, false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failed = isError(w.Value())
		case "content":
			content = scan.KindOf(w.Value()) == scan.Array
		}
	}
	switch {
	case failed:
		return DecodeError(0, nil, body)
	case !content:
		return badAnswer("the provider's answer has no content")
	}
	return nil
}

// checkObject judges whether an answer is a JSON object, as far as it is there.
func checkObject(body []byte, complete bool) *llm.Problem {
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
	if err := scan.Validate(body); err != nil {
		return badAnswer("the provider's answer is broken JSON: " + err.Error())
	}
	return nil
}
