// Package patch changes the JSON text of a request without reading it again,
// for codecs whose client and provider speak the same dialect: a List of Edits,
// each of which replaces a span that the codec's Scan has found.
//
// Promises: every byte outside the edits' spans stays as it is and where it is:
// Pieces copies none of them. Members can be cut in any number and order, and
// the commas of those that stay still fit. Refuses to look for anything: spans
// must be those of a text that a Scan has accepted, must not overlap, and what
// takes their place must itself be JSON.
//
// Concurrency: a List belongs to one goroutine; the body must not change while
// its pieces are in use.
package patch

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// Most is how many Edits a List holds: one for each span of an Envelope.
const Most = len(dialect.Envelope{}.Spans)

// Edit replaces a span of the body; one whose span is empty inserts.
type Edit struct {
	dialect.Span
	Text string
	// Quote writes Text as a JSON string.
	Quote bool
}

// Insertion is an Edit that puts text in front of a byte.
func Insertion(at int, text string) Edit {
	return Edit{Span: dialect.Span{From: at, To: at}, Text: text}
}

// List is at most Most edits, at most one for each span, in the order of the
// body. The zero List is ready.
type List struct {
	edits [Most]Edit
	n     int
}

// Add puts an edit in its place: an insertion stands in front of an edit that
// begins at the same byte.
func (l *List) Add(e Edit) {
	i := l.n
	for ; i > 0 && (l.edits[i-1].From > e.From || l.edits[i-1].From == e.From && e.To == e.From); i-- {
		l.edits[i] = l.edits[i-1]
	}
	l.edits[i] = e
	l.n++
}

// Cut removes a whole member of the body's top level with the comma on its side
// that looks towards kept, a member (or its value) that stays; an absent member
// is nothing to cut.
func (l *List) Cut(body []byte, member, kept dialect.Span) {
	switch {
	case !member.Set():
		return
	case member.From > kept.From:
		for body[member.From] != ',' {
			member.From--
		}
	default:
		for body[member.To] != ',' {
			member.To++
		}
		member.To++
	}
	l.Add(Edit{Span: member})
}

// Pieces are, one after the other, the body with the edits; those between the
// edits lie in it.
func (l *List) Pieces(body []byte) [][]byte {
	pieces := make([][]byte, 0, 2*l.n+1)
	from := 0
	for i := range l.edits[:l.n] {
		e := &l.edits[i]
		if pieces = append(pieces, body[from:e.From]); e.Text != "" || e.Quote {
			pieces = append(pieces, e.append(make([]byte, 0, len(e.Text)+len(`""`))))
		}
		from = e.To
	}
	return append(pieces, body[from:])
}

// Append appends the same bytes to dst.
func (l *List) Append(dst, body []byte) []byte {
	from := 0
	for i := range l.edits[:l.n] {
		e := &l.edits[i]
		dst = e.append(append(dst, body[from:e.From]...))
		from = e.To
	}
	return append(dst, body[from:]...)
}

// append writes what the edit puts in place of its span.
func (e *Edit) append(dst []byte) []byte {
	if e.Quote {
		return scan.AppendQuoted(dst, e.Text)
	}
	return append(dst, e.Text...)
}
