package embedding

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// answer is what a provider's answer says.
type answer struct {
	model   string
	vectors []llm.Event
	usage   *llm.Usage
	failed  bool // it is an error object
	broken  bool // something in a vector's place is none
}

// add notes the next vector; index is the provider's, or its place.
func (a *answer) add(index int, raw []byte) {
	v, ok := vectorOf(raw)
	if !ok {
		a.broken = true
		return
	}
	a.vectors = append(a.vectors, llm.Event{Kind: llm.VectorPart, Index: int32(min(index, 1<<30)), Vector: v})
}

type (
	// reading reads an answer that is a valid JSON object.
	reading func(body []byte) *answer
	// failing reads an error.
	failing func(status int, header http.Header, body []byte) *llm.Problem
)

// decode reads an answer as events: the vectors by their index, the usage, the
// finish.
func decode(body []byte, read reading, fail failing) ([]llm.Event, *llm.Problem) {
	a, p := judge(body, read, fail)
	if p != nil {
		return nil, p
	}
	slices.SortStableFunc(a.vectors, func(x, y llm.Event) int { return cmp.Compare(x.Index, y.Index) })
	events := append(make([]llm.Event, 0, len(a.vectors)+3), llm.Event{Kind: llm.Start, Name: a.model})
	events = append(events, a.vectors...)
	if a.usage != nil {
		events = append(events, llm.Event{Kind: llm.UsageUpdate, Usage: a.usage})
	}
	return append(events, llm.Event{Kind: llm.Finish, Reason: llm.FinishStop}), nil
}

// check judges an answer with status 200. That it holds as many vectors as were
// asked for cannot be told without the request.
func check(body []byte, complete bool, read reading, fail failing) *llm.Problem {
	if p := dialect.CheckStart(body, complete); p != nil || !complete {
		return p
	}
	_, p := judge(body, read, fail)
	return p
}

func judge(body []byte, read reading, fail failing) (*answer, *llm.Problem) {
	start := bytes.TrimSpace(body)
	if scan.KindOf(start) != scan.Object {
		return nil, dialect.BadAnswer("the provider's answer is not a JSON object")
	}
	if err := scan.Validate(body); err != nil {
		return nil, dialect.BrokenAnswer(err)
	}
	a := read(start)
	switch {
	case a.broken:
		return nil, dialect.BadAnswer("the provider sent an embedding that is neither numbers nor base64")
	case len(a.vectors) > 0:
		return a, nil
	case a.failed:
		return nil, fail(0, nil, body)
	}
	return nil, dialect.BadAnswer("the provider's answer has no embeddings")
}

// encodeAnswer appends the JSON answer in OpenAI's shape, numbers or base64 as
// the client wants them.
func encodeAnswer(dst []byte, events []llm.Event, r dialect.Reply) []byte {
	var usage llm.Usage
	o := newObject(dst)
	o.Open()
	o.Text("object", "list")
	o.BeginArray("data")
	for i := range events {
		switch ev := &events[i]; {
		case ev.Kind == llm.UsageUpdate && ev.Usage != nil:
			usage.Merge(*ev.Usage)
		case ev.Kind == llm.VectorPart && ev.Vector != nil:
			o.Open()
			o.Text("object", "embedding")
			o.Integer("index", int64(ev.Index))
			if o.Key("embedding"); r.Base64 {
				o.B = appendBase64(o.B, ev.Vector)
			} else {
				o.B = appendNumbers(o.B, ev.Vector)
			}
			o.End()
		}
	}
	o.EndArray()
	o.Text("model", r.Model)
	if usage.Known() {
		o.Begin("usage")
		o.Integer("prompt_tokens", int64(usage.Input.Or(0)))
		o.Integer("total_tokens", int64(usage.Total()))
		o.End()
	}
	o.End()
	return o.B
}
