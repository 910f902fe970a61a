package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// grammar is what a probe must know of this dialect. Vertex answers errors in
// an array.
var grammar = stream.Grammar{Judge: judge, Failed: failure, Arrays: true}

// failure is the problem of an error document; nil if it is none.
func failure(doc []byte) *llm.Problem {
	if !dialect.IsErrorDocument(doc) {
		return nil
	}
	return DecodeError(0, nil, doc)
}

// judge looks at one event without decoding it.
func judge(name, data []byte) (dialect.Seen, *llm.Problem) {
	var kind []byte
	failed, content := false, false
	w := scan.Over(data)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			kind = members.Unquoted(w.Value())
		case "error":
			failed = dialect.IsError(w.Value())
		case "content_block":
			content = blockCarries(&w) || content
		case "delta":
			content = deltaCarries(&w) || content
		}
	}
	if kind == nil {
		kind = name
	}
	switch {
	case w.End() != nil || data[0] != '{':
		return dialect.Garbage, dialect.BadAnswer("the provider sent an event that is not a JSON object")
	case failed || string(kind) == "error":
		return dialect.Failure, DecodeError(0, nil, data)
	case content:
		return dialect.Content, nil
	case string(kind) == "message_stop":
		return dialect.Failure, dialect.BadAnswer("the provider's answer is empty")
	}
	return dialect.Prelude, nil
}

// blockCarries tells whether a block's start is content: any but an empty text
// or thinking block.
func blockCarries(w *scan.Walk) (content bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "type":
			kind := string(members.Unquoted(w.Value()))
			content = content || kind != "text" && kind != "thinking" && kind != ""
		case "text", "thinking", "signature":
			content = len(members.Unquoted(w.Value())) > 0 || content
		}
	}
	return content
}

func deltaCarries(w *scan.Walk) (content bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "text", "thinking", "partial_json", "signature", "stop_reason":
			content = len(members.Unquoted(w.Value())) > 0 || content
		case "citation":
			content = !scan.IsNull(w.Value()) || content
		}
	}
	return content
}

// CheckAnswer judges a JSON answer with status 200.
func CheckAnswer(body []byte, complete bool) *llm.Problem {
	if p := dialect.CheckObject(body, complete); p != nil || !complete {
		return p
	}
	w := scan.Over(body)
	failed, content := false, false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failed = dialect.IsError(w.Value())
		case "content":
			content = scan.KindOf(w.Value()) == scan.Array
		}
	}
	switch {
	case failed:
		return DecodeError(0, nil, body)
	case !content:
		return dialect.BadAnswer("the provider's answer has no content")
	}
	return nil
}
