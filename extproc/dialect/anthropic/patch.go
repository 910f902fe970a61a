package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

const versionMember = `"anthropic_version":"` + vertexVersion + `"`

// edit replaces a span of the body.
type edit struct {
	dialect.Span
	text  string
	quote bool   // text is written as a JSON string
	tail  string // behind it
}

// edits are at most one for each span, in the order of the body.
type edits struct {
	list [4]edit
	n    int
}

func (l *edits) add(e edit) {
	i := l.n
	for ; i > 0 && l.list[i-1].From > e.From; i-- {
		l.list[i] = l.list[i-1]
	}
	l.list[i] = e
	l.n++
}

// Pieces changes body for a target, without copying it: the pieces, one after
// the other, are the body with the target's model id and without what is ours
// (models, providerOptions). For Vertex, whose path names the model, the API's
// version takes the model's place and replaces one the client sent. Every other
// byte stays as it is. e must be the result of Scan of the same body.
func Pieces(body []byte, e *dialect.Envelope, t dialect.Target) [][]byte {
	return patched(body, editsFor(body, e, t, t.Platform == dialect.Vertex))
}

func patched(body []byte, list edits) [][]byte {
	pieces := make([][]byte, 0, 2*len(list.list)+1)
	from := 0
	for _, c := range list.list[:list.n] {
		pieces = append(pieces, body[from:c.From], c.append(make([]byte, 0, len(c.text)+len(c.tail)+2)))
		from = c.To
	}
	return append(pieces, body[from:])
}

// editsFor lists the edits; named tells that the path names the model.
func editsFor(body []byte, e *dialect.Envelope, t dialect.Target, named bool) (list edits) {
	model := e.Spans[spanModelMember]
	if named {
		list.add(edit{Span: model, text: versionMember})
	} else {
		list.add(edit{Span: e.Spans[spanModel], text: t.ID, quote: true})
	}
	for _, i := range [...]int{spanModels, spanProviderOptions, spanVersion} {
		if span := e.Spans[i]; span.Set() && (i != spanVersion || t.Platform == dialect.Vertex) {
			list.add(edit{Span: withComma(body, span, model)})
		}
	}
	return list
}

// append writes what the edit puts in place of its span.
func (c *edit) append(dst []byte) []byte {
	if c.quote {
		dst = scan.AppendQuoted(dst, c.text)
	} else {
		dst = append(dst, c.text...)
	}
	return append(dst, c.tail...)
}

// withComma extends a member to the comma on its side that looks towards
// model, whose place always stays: so any set of members can go and the commas
// of the others still fit.
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
