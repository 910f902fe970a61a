package anthropic

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/patch"
)

const versionMember = `"anthropic_version":"` + vertexVersion + `"`

// Pieces changes body for a target, without copying it: the pieces, one after
// the other, are the body with the target's model id and without what is ours
// (models, providerOptions). For Vertex, whose path names the model, the API's
// version takes the model's place and replaces one the client sent. Every other
// byte stays as it is. e must be the result of Scan of the same body.
func Pieces(body []byte, e *dialect.Envelope, t dialect.Target) [][]byte {
	list := editsFor(body, e, t, t.Platform == dialect.Vertex)
	return list.Pieces(body)
}

// editsFor lists the edits; named tells that the path names the model.
func editsFor(body []byte, e *dialect.Envelope, t dialect.Target, named bool) (list patch.List) {
	model := e.Spans[spanModelMember]
	if named {
		list.Add(patch.Edit{Span: model, Text: versionMember})
	} else {
		list.Add(patch.Edit{Span: e.Spans[spanModel], Text: t.ID, Quote: true})
	}
	list.Cut(body, e.Spans[spanModels], model)
	list.Cut(body, e.Spans[spanProviderOptions], model)
	if t.Platform == dialect.Vertex {
		list.Cut(body, e.Spans[spanVersion], model)
	}
	return list
}
