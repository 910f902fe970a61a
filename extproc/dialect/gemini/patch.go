package gemini

import "github.com/dragoman-gateway/dragoman/extproc/dialect"

// Pieces changes body for a target of this dialect without copying it: the
// pieces, one after the other, are the body without what is the gateway's own.
// The model stands in the path. e must be the result of Scan of the same body.
func Pieces(body []byte, e *dialect.Envelope, _ dialect.Target) [][]byte {
	var cuts [numRemoved]dialect.Span
	n := 0
	for i := range numRemoved {
		if !e.Spans[i].Set() {
			continue
		}
		at := n
		for ; at > 0 && cuts[at-1].From > e.Spans[i].From; at-- {
			cuts[at] = cuts[at-1]
		}
		cuts[at] = withComma(body, e.Spans[i], e.Spans[spanKept])
		n++
	}
	switch {
	case n == 0:
		return [][]byte{body}
	case !e.Spans[spanKept].Set():
		return [][]byte{[]byte("{}")}
	}
	pieces := make([][]byte, 0, n+1)
	from := 0
	for _, c := range cuts[:n] {
		pieces = append(pieces, body[from:c.From])
		from = c.To
	}
	return append(pieces, body[from:])
}

// withComma extends a member to the comma on its side that looks towards one
// that stays: so any set of members can go and the commas of the others still
// fit.
func withComma(body []byte, member, kept dialect.Span) dialect.Span {
	switch {
	case !kept.Set():
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
	return member
}
