package anthropic

import (
	"bytes"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/patch"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// CountCodec returns the functions of token counting
// (platform.claude.com/docs/en/api/messages-count-tokens): a Messages request
// without limits and sampling, answered by {"input_tokens":N}, which is one
// UsageUpdate and a Finish. It has no streams.
func CountCodec() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.AnthropicCount,
		Surface: dialect.Surface{
			Scan:          scanCount,
			DecodeRequest: decodeCount,
			EncodeAnswer:  encodeCount,
			EncodeError:   EncodeError,
		},
		Wire: dialect.Wire{
			Path:    countPath,
			Headers: versionHeader(),
			Patch:   countPieces,
			EncodeRequest: func(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
				return encode(dst, r, t, true)
			},
			CheckAnswer:  checkCount,
			FindUsage:    bytes.TrimSpace,
			DecodeUsage:  DecodeUsage,
			DecodeAnswer: decodeCountAnswer,
			DecodeError:  DecodeError,
		},
	}
}

func scanCount(body []byte) (dialect.Envelope, *llm.Problem) {
	e, p := Scan(body)
	e.Stream, e.WantsUsage = false, false
	return e, p
}

func decodeCount(body []byte) (*llm.Request, *llm.Problem) {
	r, p := DecodeRequest(body)
	if p != nil {
		return nil, p
	}
	r.Dialect, r.Stream, r.WantsUsage = llm.AnthropicCount, false, false
	return r, nil
}

// countPath differs from Path on Vertex, where counting is a model of its own
// and the request names the real one.
func countPath(_ *dialect.Envelope, t dialect.Target) string {
	if t.Platform == dialect.Vertex {
		return vertexModels + "count-tokens:rawPredict"
	}
	return "/messages/count_tokens"
}

func countPieces(body []byte, e *dialect.Envelope, t dialect.Target) [][]byte {
	list := editsFor(body, e, t, false)
	if t.Platform == dialect.Vertex {
		list.Add(patch.Insertion(e.Spans[spanModel].To, ","+versionMember))
	}
	return list.Pieces(body)
}

// countOf reads input_tokens; false if there is none.
func countOf(body []byte) (int64, bool) {
	n, found := int64(0), false
	w := scan.Over(body)
	for ok := w.Object(); ok && w.Member(); {
		if string(w.Key()) == "input_tokens" {
			n, found = scan.Int(w.Value())
		}
	}
	return n, found && n >= 0 && w.End() == nil
}

func checkCount(body []byte, complete bool) *llm.Problem {
	if p := dialect.CheckObject(body, complete); p != nil || !complete {
		return p
	}
	if dialect.IsErrorDocument(body) {
		return DecodeError(0, nil, body)
	}
	if _, ok := countOf(body); !ok {
		return dialect.BadAnswer("the provider's answer has no input_tokens")
	}
	return nil
}

func decodeCountAnswer(body []byte) ([]llm.Event, *llm.Problem) {
	if p := checkCount(body, true); p != nil {
		return nil, p
	}
	n, _ := countOf(body)
	return []llm.Event{
		{Kind: llm.UsageUpdate, Usage: &llm.Usage{Input: llm.Count(n)}},
		{Kind: llm.Finish, Reason: llm.FinishStop},
	}, nil
}

func encodeCount(dst []byte, events []llm.Event, _ dialect.Reply) []byte {
	var u llm.Usage
	for i := range events {
		if events[i].Kind == llm.UsageUpdate && events[i].Usage != nil {
			u.Merge(*events[i].Usage)
		}
	}
	o := newObject(append(dst, '{'))
	o.Integer("input_tokens", int64(u.Input.Or(0)))
	o.B = append(o.B, '}')
	return o.B
}
