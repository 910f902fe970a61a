package responses

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/patch"
)

const (
	storeMember   = `,"store":false`
	includeItem   = `"` + encryptedContent + `"`
	includeArray  = `[` + includeItem + `]`
	includeMember = `,"include":` + includeArray
)

// Pieces changes body for a target, without copying it: the pieces, one after
// the other, are the body with the target's model id, with store: false and
// without what is ours (models, providerOptions). The vendor's own API is asked
// for encrypted reasoning where the client wants reasoning, because nothing else
// can be sent back to it. Every other byte stays as it is. e must be the result
// of Scan of the same body.
func Pieces(body []byte, e *dialect.Envelope, t dialect.Target) [][]byte {
	list := editsFor(body, e, t)
	return list.Pieces(body)
}

func editsFor(body []byte, e *dialect.Envelope, t dialect.Target) (list patch.List) {
	model := e.Spans[spanModel]
	list.Add(patch.Edit{Span: model, Text: t.ID, Quote: true})
	list.Cut(body, e.Spans[spanModels], model)
	list.Cut(body, e.Spans[spanProviderOptions], model)
	insert := ""
	store, include := e.Spans[spanStore], e.Spans[spanInclude]
	switch {
	case !store.Set():
		insert = storeMember
	case string(body[store.From:store.To]) != "false":
		list.Add(patch.Edit{Span: store, Text: "false"})
	}
	if t.Genuine && e.Spans[spanReasoning].Set() && !e.Spans[spanEncrypted].Set() {
		switch {
		case include.Set():
			list.Add(askEncrypted(body, include))
		case insert != "":
			insert = storeMember + includeMember
		default:
			insert = includeMember
		}
	}
	if insert != "" {
		list.Add(patch.Insertion(model.To, insert))
	}
	return list
}

// askEncrypted adds to an include member.
func askEncrypted(body []byte, include dialect.Span) patch.Edit {
	if body[include.From] != '[' || isEmpty(body[include.From:include.To]) {
		return patch.Edit{Span: include, Text: includeArray}
	}
	return patch.Insertion(include.From+1, includeItem+",")
}
