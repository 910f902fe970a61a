package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

const (
	storeMember   = `,"store":false`
	includeItem   = `"` + encryptedContent + `"`
	includeArray  = `[` + includeItem + `]`
	includeMember = `,"include":` + includeArray
)

// edit replaces a span of the body.
type edit struct {
	dialect.Span
	text string
	// quote writes text as a JSON string.
	quote bool
}

// edits are at most one for each span and one insertion, in the order of the
// body.
type edits struct {
	list [6]edit
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
// the other, are the body with the target's model id, with store: false and
// without what is ours (models, providerOptions). The vendor's own API is asked
// for encrypted reasoning where the client wants reasoning, because nothing else
// can be sent back to it. Every other byte stays as it is. e must be the result
// of Scan of the same body.
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
	insert := ""
	store, include := e.Spans[spanStore], e.Spans[spanInclude]
	switch {
	case !store.Set():
		insert = storeMember
	case string(body[store.From:store.To]) != "false":
		list.add(edit{Span: store, text: "false"})
	}
	if t.Genuine && e.Spans[spanReasoning].Set() && !e.Spans[spanEncrypted].Set() {
		switch {
		case include.Set():
			list.add(askEncrypted(body, include))
		case insert != "":
			insert = storeMember + includeMember
		default:
			insert = includeMember
		}
	}
	if insert != "" {
		list.add(edit{Span: dialect.Span{From: model.To, To: model.To}, text: insert})
	}
	return list
}

// askEncrypted adds to an include member.
func askEncrypted(body []byte, include dialect.Span) edit {
	if body[include.From] != '[' || isEmpty(body[include.From:include.To]) {
		return edit{Span: include, text: includeArray}
	}
	at := include.From + 1
	return edit{Span: dialect.Span{From: at, To: at}, text: includeItem + ","}
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
