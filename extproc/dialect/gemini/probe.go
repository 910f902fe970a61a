package gemini

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// probe implements dialect.Probe.
type probe struct {
	source  source
	seen    dialect.Seen
	problem *llm.Problem
}

func (p *probe) Feed(chunk []byte) (dialect.Seen, *llm.Problem) {
	if p.seen != dialect.Prelude || len(chunk) == 0 {
		return p.seen, p.problem
	}
	p.source.feed(chunk)
	for p.seen == dialect.Prelude {
		doc, ok := p.source.next()
		switch {
		case p.source.framer.Strange():
			p.seen, p.problem = dialect.Garbage, dialect.BadAnswer("the provider's answer is not an event stream")
		case ok:
			p.seen, p.problem = judge(doc)
		default:
			p.rest()
			return p.seen, p.problem
		}
	}
	return p.seen, p.problem
}

// rest looks at what is no event: a document in place of one, or bytes that are
// no stream.
func (p *probe) rest() {
	if doc := p.source.document(); doc != nil {
		p.seen, p.problem = judgeDocument(doc)
	} else if p.source.problem != "" {
		p.seen, p.problem = dialect.Garbage, dialect.BadAnswer(p.source.problem)
	}
}

func (p *probe) Close() (dialect.Seen, *llm.Problem) {
	if p.seen == dialect.Prelude {
		if doc, ok := p.source.end(); ok {
			p.seen, p.problem = judge(doc)
		}
	}
	switch {
	case p.seen != dialect.Prelude:
	case p.source.form == document:
		p.seen, p.problem = dialect.Garbage, dialect.BadAnswer("the provider answered with broken JSON instead of a stream")
	default:
		p.seen, p.problem = dialect.Failure, dialect.BadAnswer("the provider ended the stream before any content")
	}
	return p.seen, p.problem
}

func judgeDocument(doc []byte) (dialect.Seen, *llm.Problem) {
	p := documentProblem(doc)
	if dialect.IsErrorDocument(doc) {
		return dialect.Failure, p
	}
	return dialect.Garbage, p
}

// judge looks at one chunk without decoding it.
func judge(doc []byte) (dialect.Seen, *llm.Problem) {
	if string(doc) == stream.DoneMarker {
		return dialect.Prelude, nil
	}
	w := scan.Over(doc)
	failed, content := false, false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failed = dialect.IsError(w.Value()) || failed
		case "candidates":
			for ok := w.Array(); ok && w.Element(); {
				content = carries(&w) || content
			}
		case "promptFeedback":
			content = len(members.Find(w.Value(), "blockReason")) > 2 || content
		}
	}
	switch {
	case w.End() != nil || doc[0] != '{':
		return dialect.Garbage, dialect.BadAnswer("the provider sent an event that is not a JSON object")
	case failed:
		return dialect.Failure, DecodeError(0, nil, doc)
	case content:
		return dialect.Content, nil
	}
	return dialect.Prelude, nil
}

// carries tells whether a candidate has content or has ended.
func carries(w *scan.Walk) (content bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "content":
			for ok := w.Object(); ok && w.Member(); {
				if string(w.Key()) != "parts" {
					continue
				}
				for ok := w.Array(); ok && w.Element(); {
					content = partCarries(w) || content
				}
			}
		case "finishReason":
			content = len(w.Value()) > 2 || content
		}
	}
	return content
}

func partCarries(w *scan.Walk) (content bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch key := string(w.Key()); key {
		case "thought":
		case "text", "thoughtSignature":
			value := w.Value()
			content = scan.KindOf(value) == scan.String && len(value) > 2 || content
		default:
			content = !scan.IsNull(w.Value()) || content
		}
	}
	return content
}

// CheckAnswer judges a JSON answer with status 200: it is whole if it has a
// candidate that said or ended something, or tells why the prompt was blocked.
func CheckAnswer(body []byte, complete bool) *llm.Problem {
	p := checkObject(body, complete)
	if p != nil || !complete || len(body) == 0 {
		return p
	}
	w := scan.Over(body)
	failed, content := false, false
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "error":
			failed = dialect.IsError(w.Value()) || failed
		case "candidates":
			for ok := w.Array(); ok && w.Element(); {
				content = saysAnything(&w) || content
			}
		case "promptFeedback":
			content = len(members.Find(w.Value(), "blockReason")) > 2 || content
		}
	}
	switch err := w.End(); {
	case err != nil:
		return dialect.BrokenAnswer(err)
	case failed:
		return DecodeError(0, nil, body)
	case !content:
		return dialect.BadAnswer("the provider's answer has no candidates")
	}
	return nil
}

func saysAnything(w *scan.Walk) (says bool) {
	for ok := w.Object(); ok && w.Member(); {
		switch string(w.Key()) {
		case "content":
			says = scan.KindOf(w.Value()) == scan.Object || says
		case "finishReason":
			says = len(w.Value()) > 2 || says
		}
	}
	return says
}

// checkObject judges the first bytes of an answer: errors may stand in an array.
func checkObject(body []byte, complete bool) *llm.Problem {
	start := bytes.TrimLeft(body, " \t\r\n")
	switch array := len(start) > 0 && start[0] == '['; {
	case array && !complete:
		return nil
	case array && dialect.IsErrorDocument(start):
		return DecodeError(0, nil, start)
	}
	return dialect.CheckStart(body, complete)
}
