package responses

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// Bounds of what is held: of an event, which repeats instructions, tools and
// at last the whole output, and of a JSON document in place of a stream.
const (
	maxEvent      = 16 << 20
	maxProbedJSON = 16 << 10
)

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

func newProbe() *probe { return &probe{framer: sse.Framer{Limit: maxEvent}} }

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
		if failure := failed(doc); failure != nil {
			return dialect.Failure, failure
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
	var m packet
	if p := m.read(ev.Name, data); p != nil {
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
		if bytes.HasSuffix(m.kind, []byte(".delta")) && len(bare(m.delta)) > 0 ||
			bytes.HasSuffix(m.kind, []byte(".done")) && len(bare(m.whole)) > 0 {
			return dialect.Content, nil
		}
	}
	if isError(m.failure) {
		return dialect.Failure, openai.DecodeError(0, nil, data)
	}
	return dialect.Prelude, nil
}

func isCall(item []byte) bool {
	w := scan.Over(item)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "type" {
			kind := bare(w.Value())
			return string(kind) == "function_call" || string(kind) == "custom_tool_call"
		}
	}
	return false
}

// isError tells whether the value of a member called error is one.
func isError(raw []byte) bool {
	switch scan.KindOf(raw) {
	case scan.Object, scan.Array:
		return true
	case scan.String:
		return len(raw) > 2
	}
	return false
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
	if err := scan.Validate(body); err != nil {
		return badAnswer("the provider's answer is broken JSON: " + err.Error())
	}
	if p := failed(start); p != nil {
		return p
	}
	output, status := false, []byte(nil)
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "output":
			output = scan.KindOf(w.Value()) == scan.Array
		case "status":
			status = bare(w.Value())
		}
	}
	switch {
	case string(status) == "queued" || string(status) == "in_progress":
		return badAnswer("the provider answered before the response was complete")
	case !output:
		return badAnswer("the provider's answer has no output")
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
			status = bare(w.Value())
		}
	}
	switch {
	case isError(failure):
		return openai.DecodeError(0, nil, wrapError(failure))
	case string(status) == "failed":
		return badAnswer("the provider failed without saying why")
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
		return badAnswer("the provider failed without saying why")
	case "response.cancelled":
		return &llm.Problem{Kind: llm.Unavailable, Message: "the provider cancelled the response"}
	}
	return nil
}
