package openai

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

const (
	usageMember = `"include_usage":true`
	usageObject = `{` + usageMember + `}`
)

// edit replaces a span of the body.
type edit struct {
	dialect.Span
	text string
	// quote writes text as a JSON string.
	quote bool
}

// edits are at most one for each span, in the order of the body.
type edits struct {
	list [5]edit
	n    int
}

// add keeps an insertion in front of an edit that begins at the same byte.
func (l *edits) add(e edit) {
	i := l.n
	for ; i > 0 && (l.list[i-1].From > e.From || l.list[i-1].From == e.From && e.To == e.From); i-- {
		l.list[i] = l.list[i-1]
	}
	l.list[i] = e
	l.n++
}

// Pieces changes body for a target, without copying it: the pieces, one after
// the other, are the body with the target's model id, without what is ours
// (models, providerOptions) and, if the target's usage is to be asked for, with
// stream_options.include_usage. Every other byte stays as it is, and most pieces
// lie in body. e must be the result of Scan of the same body.
func Pieces(body []byte, e *dialect.Envelope, t dialect.Target) [][]byte {
	list := editsFor(body, e, t)
	pieces := make([][]byte, 0, 2*len(list.list)+1)
	from := 0
	for _, c := range list.list[:list.n] {
		pieces = append(pieces, body[from:c.From], c.append(nil))
		from = c.To
	}
	return append(pieces, body[from:])
}

func editsFor(body []byte, e *dialect.Envelope, t dialect.Target) (list edits) {
	model := e.Spans[spanModel]
	list.add(edit{Span: model, text: t.ID, quote: true})
	for _, i := range [...]int{spanModels, spanProviderOptions} {
		if e.Spans[i].Set() {
			list.add(edit{Span: withComma(body, e.Spans[i], model)})
		}
	}
	if t.AddUsage && e.Stream && !e.WantsUsage && takesOptions(t.Quirks) {
		list.add(askUsage(body, e))
	}
	return list
}

// takesOptions tells whether a provider can be asked for usage.
func takesOptions(q *llm.Quirks) bool {
	return q == nil || !q.NoStreamOptions && !slices.Contains(q.Refuses, "stream_options")
}

// append writes what the edit puts in place of its span.
func (c *edit) append(dst []byte) []byte {
	if c.quote {
		return scan.AppendQuoted(dst, c.text)
	}
	return append(dst, c.text...)
}

// withComma extends a member to the comma on its side that looks towards
// model, which always stays: so any set of members can go and the commas of
// the others still fit.
func withComma(body []byte, member, model dialect.Span) dialect.Span {
	if member.From > model.From {
		for body[member.From] != ',' {
			member.From--
		}
		return member
	}
	for body[member.To] != ',' {
		member.To++
	}
	member.To++
	return member
}

func askUsage(body []byte, e *dialect.Envelope) edit {
	options, usage := e.Spans[spanStreamOptions], e.Spans[spanIncludeUsage]
	switch {
	case usage.Set():
		return edit{Span: usage, text: "true"}
	case !options.Set():
		end := e.Spans[spanModel].To
		return edit{Span: dialect.Span{From: end, To: end}, text: `,"stream_options":` + usageObject}
	case body[options.From] != '{': // null
		return edit{Span: options, text: usageObject}
	}
	for i := options.From + 1; ; i++ {
		switch body[i] {
		case ' ', '\t', '\n', '\r':
		case '}':
			return edit{Span: options, text: usageObject}
		default:
			at := options.From + 1
			return edit{Span: dialect.Span{From: at, To: at}, text: usageMember + ","}
		}
	}
}
