package openai

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/patch"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

const (
	usageMember = `"include_usage":true`
	usageObject = `{` + usageMember + `}`
)

// Pieces changes body for a target, without copying it: the pieces, one after
// the other, are the body with the target's model id, without what is ours
// (models, providerOptions) and, if the target's usage is to be asked for, with
// stream_options.include_usage. Every other byte stays as it is, and most pieces
// lie in body. e must be the result of Scan of the same body.
func Pieces(body []byte, e *dialect.Envelope, t dialect.Target) [][]byte {
	list := editsFor(body, e, t)
	return list.Pieces(body)
}

func editsFor(body []byte, e *dialect.Envelope, t dialect.Target) (list patch.List) {
	model := e.Spans[spanModel]
	list.Add(patch.Edit{Span: model, Text: t.ID, Quote: true})
	list.Cut(body, e.Spans[spanModels], model)
	list.Cut(body, e.Spans[spanProviderOptions], model)
	if t.AddUsage && e.Stream && !e.WantsUsage && takesOptions(t.Quirks) {
		list.Add(askUsage(body, e))
	}
	return list
}

// takesOptions tells whether a provider can be asked for usage.
func takesOptions(q *llm.Quirks) bool {
	return q == nil || !q.NoStreamOptions && !slices.Contains(q.Refuses, "stream_options")
}

func askUsage(body []byte, e *dialect.Envelope) patch.Edit {
	options, usage := e.Spans[spanStreamOptions], e.Spans[spanIncludeUsage]
	switch {
	case usage.Set():
		return patch.Edit{Span: usage, Text: "true"}
	case !options.Set():
		return patch.Insertion(e.Spans[spanModel].To, `,"stream_options":`+usageObject)
	case body[options.From] != '{': // null
		return patch.Edit{Span: options, Text: usageObject}
	}
	for i := options.From + 1; ; i++ {
		switch body[i] {
		case ' ', '\t', '\n', '\r':
		case '}':
			return patch.Edit{Span: options, Text: usageObject}
		default:
			return patch.Insertion(options.From+1, usageMember+",")
		}
	}
}
