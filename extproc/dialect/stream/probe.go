// Package stream reads providers' streams of server-sent events, for codecs
// whose dialect streams so: Probe looks for the first event with content,
// Events brings a Reader its events one by one.
//
// Promises: the same bytes have the same effect however they are cut; no event
// is decoded here and none is copied; a last event that only lacks its empty
// line counts. Refuses to know a dialect: what an event means is told by the
// codec's Grammar or Decoder.
//
// Concurrency: Grammars are immutable; a Probe and an Events belong to one
// goroutine.
package stream

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
	"github.com/dragoman-gateway/dragoman/extproc/sse"
)

// DoneMarker is the data of the event that ends streams of OpenAI chat, and
// those of providers of other dialects that keep the habit.
const DoneMarker = "[DONE]"

// maxDocument is how much of a JSON document in place of a stream is held to
// see whether it is an error.
const maxDocument = 16 << 10

// Grammar is what a Probe must know of a dialect.
type Grammar struct {
	// Judge looks at one event without decoding it. data is neither empty nor
	// the DoneMarker and has no white space around it.
	Judge func(name, data []byte) (dialect.Seen, *llm.Problem)
	// Failed is the problem that a JSON document in place of a stream tells of;
	// nil if it is no error.
	Failed func(doc []byte) *llm.Problem
	// Arrays: errors may stand in an array.
	Arrays bool
	// Limit is the largest size of an event in bytes, 0 = sse.DefaultLimit.
	Limit int
}

// Probe implements dialect.Probe. A stream that begins with '{' (or '[', if the
// grammar says so) is a JSON document: some providers answer errors so under
// any content type.
type Probe struct {
	grammar *Grammar
	framer  sse.Framer
	json    []byte
	problem *llm.Problem
	begun   bool
	isJSON  bool
	seen    dialect.Seen
}

// NewProbe starts a probe in front of a stream.
func NewProbe(g *Grammar) *Probe { return &Probe{grammar: g, framer: sse.Framer{Limit: g.Limit}} }

// Feed takes the next bytes, as dialect.Probe has it.
func (p *Probe) Feed(chunk []byte) (dialect.Seen, *llm.Problem) {
	if p.seen != dialect.Prelude || len(chunk) == 0 {
		return p.seen, p.problem
	}
	if !p.begun {
		p.begun, p.isJSON = true, chunk[0] == '{' || chunk[0] == '[' && p.grammar.Arrays
	}
	if p.isJSON {
		p.seen, p.problem = p.document(chunk)
		return p.seen, p.problem
	}
	p.framer.Feed(chunk)
	for p.seen == dialect.Prelude {
		ev, ok := p.framer.Next()
		if p.framer.Strange() || p.framer.Err() != nil {
			p.seen, p.problem = dialect.Garbage, dialect.BadAnswer("the provider's answer is not an event stream")
			break
		}
		if !ok {
			break
		}
		p.judge(ev.Name, bytes.TrimSpace(ev.Data))
	}
	return p.seen, p.problem
}

// Close says what an end of the stream here means, as dialect.Probe has it.
func (p *Probe) Close() (dialect.Seen, *llm.Problem) {
	if p.seen == dialect.Prelude && !p.isJSON {
		if name, data := last(&p.framer); data != nil {
			p.judge(name, data)
		}
	}
	switch {
	case p.seen != dialect.Prelude:
	case p.isJSON:
		p.seen, p.problem = dialect.Garbage, dialect.BadAnswer("the provider answered with broken JSON instead of a stream")
	default:
		p.seen, p.problem = dialect.Failure, dialect.BadAnswer("the provider ended the stream before any content")
	}
	return p.seen, p.problem
}

func (p *Probe) judge(name, data []byte) {
	switch {
	case len(data) == 0:
	case string(data) == DoneMarker:
		p.seen, p.problem = dialect.Failure, dialect.BadAnswer("the provider's answer is empty")
	default:
		p.seen, p.problem = p.grammar.Judge(name, data)
	}
}

func (p *Probe) document(chunk []byte) (dialect.Seen, *llm.Problem) {
	room := maxDocument - len(p.json)
	p.json = append(p.json, chunk[:min(room, len(chunk))]...)
	w := scan.Over(p.json)
	doc := w.Value()
	if doc != nil {
		if failure := p.grammar.Failed(doc); failure != nil {
			return dialect.Failure, failure
		}
	}
	if doc != nil || len(chunk) > room {
		return dialect.Garbage, dialect.BadAnswer("the provider answered with JSON instead of a stream")
	}
	return dialect.Prelude, nil
}

// last is the event that the end of the stream cut off, if it only lacks its
// empty line; else nil.
func last(f *sse.Framer) (name, data []byte) {
	ev, ok := f.End()
	if !ok {
		return nil, nil
	}
	data = bytes.TrimSpace(ev.Data)
	if string(data) != DoneMarker && scan.Validate(data) != nil {
		return nil, nil
	}
	return ev.Name, data
}
