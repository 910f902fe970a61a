package gemini

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/scan"
)

// CountCodec returns the functions of countTokens, an operation without streams.
// Its requests come in two shapes: contents alone (on Vertex with system
// instruction and tools beside them), or a whole generateContentRequest, which
// Vertex does not know. Both are read, and each host gets its own.
//
// A count is no use of the model: FindUsage and DecodeUsage find nothing.
func CountCodec() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.GeminiCount,
		Surface: dialect.Surface{
			Scan:          scanCount,
			DecodeRequest: decodeCount,
			EncodeAnswer:  encodeCount,
			EncodeError:   EncodeError,
		},
		Wire: dialect.Wire{
			Path:          func(_ *dialect.Envelope, t dialect.Target) string { return modelPath(t) + ":countTokens" },
			Patch:         patchCount,
			EncodeRequest: encodeCountRequest,
			Inlines:       true,
			Fetches:       Fetches,
			CheckAnswer:   checkCount,
			FindUsage:     func([]byte) []byte { return nil },
			DecodeUsage:   func([]byte) *llm.Usage { return nil },
			DecodeAnswer:  decodeCountAnswer,
			DecodeError:   DecodeError,
		},
	}
}

const wholeRequest = "generateContentRequest"

// within is the request that is counted: the body itself or the whole request
// in it.
func within(body []byte) []byte {
	for _, name := range [...]string{wholeRequest, "generate_content_request"} {
		if inner := members.Find(body, name); !scan.IsNull(inner) {
			return inner
		}
	}
	return body
}

// scanCount reads a request to count. Its spans stay empty: Patch looks itself.
func scanCount(body []byte) (dialect.Envelope, *llm.Problem) {
	e, p := Scan(body)
	if p != nil {
		return e, p
	}
	if inner := within(body); len(inner) != len(body) {
		w, p := Scan(inner)
		if p != nil {
			return dialect.Envelope{}, p
		}
		e.Needs, e.N, e.MaxTokens = w.Needs, w.N, w.MaxTokens
	}
	e.Spans = [len(e.Spans)]dialect.Span{}
	return e, nil
}

func decodeCount(body []byte) (*llm.Request, *llm.Problem) {
	if _, p := scanCount(body); p != nil {
		return nil, p
	}
	d := newDecoder(llm.Gemini)
	d.message("the request body", body, func(key string, value []byte) {
		if key != wholeRequest {
			d.member(key, value)
		}
	})
	if inner := within(body); len(inner) != len(body) {
		d.message(wholeRequest, inner, d.member)
	}
	return d.finish()
}

// patchCount writes the request in the shape that the host takes, every member
// as it came.
func patchCount(body []byte, _ *dialect.Envelope, t dialect.Target) [][]byte {
	var o object
	o.Open()
	if t.Platform != dialect.Vertex {
		o.Begin(wholeRequest)
		o.Text("model", modelPath(t)[1:])
	}
	inner := within(body)
	w := scan.Over(inner)
	for ok := w.Object(); ok && w.Member(); {
		key := string(w.Key())
		switch value := w.Value(); {
		case key == "model" || key == "models" || key == "providerOptions":
		case t.Platform == dialect.Vertex && !counted[camel([]byte(key))]:
		default:
			o.Raw(key, value)
		}
	}
	if t.Platform != dialect.Vertex {
		o.End()
	}
	o.End()
	return [][]byte{o.B}
}

// counted are the members of Vertex's CountTokensRequest.
var counted = map[string]bool{"contents": true, "systemInstruction": true, "tools": true, "generationConfig": true, "instances": true}

func encodeCountRequest(dst []byte, r *llm.Request, t dialect.Target) ([]byte, []string, *llm.Problem) {
	e := newEncoder(dst, r, t)
	e.Open()
	if t.Platform == dialect.Vertex {
		e.contents()
		e.system()
		e.tools()
		e.config()
	} else {
		e.Begin(wholeRequest)
		e.Text("model", modelPath(t)[1:])
		e.request()
		e.End()
	}
	e.End()
	if e.problem != nil {
		return dst, nil, e.problem
	}
	return e.B, e.dropped, nil
}

func checkCount(body []byte, complete bool) *llm.Problem {
	if p := checkObject(body, complete); p != nil || !complete {
		return p
	}
	if err := scan.Validate(body); err != nil {
		return dialect.BrokenAnswer(err)
	}
	if dialect.IsErrorDocument(body) {
		return DecodeError(0, nil, body)
	}
	if n, ok := integerOf(members.Find(body, "totalTokens")); !ok || n < 0 {
		return dialect.BadAnswer("the provider's answer has no totalTokens")
	}
	return nil
}

// decodeCountAnswer reads a count as usage: the prompt's.
func decodeCountAnswer(body []byte) ([]llm.Event, *llm.Problem) {
	if p := checkCount(body, true); p != nil {
		return nil, p
	}
	u := &llm.Usage{Input: count(members.Find(body, "totalTokens")), CacheRead: count(members.Find(body, "cachedContentTokenCount"))}
	return []llm.Event{
		{Kind: llm.UsageUpdate, Usage: u},
		{Kind: llm.Finish, Reason: llm.FinishStop},
	}, nil
}

func encodeCount(dst []byte, events []llm.Event, _ dialect.Reply) []byte {
	var u llm.Usage
	for i := range events {
		if events[i].Usage != nil {
			u.Merge(*events[i].Usage)
		}
	}
	o := newObject(dst)
	o.B = append(o.B, '{')
	o.Integer("totalTokens", int64(u.Input.Or(0)))
	o.OptTokens("cachedContentTokenCount", u.CacheRead)
	o.End()
	return o.B
}
