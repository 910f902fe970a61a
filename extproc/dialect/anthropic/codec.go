// Package anthropic is the codec of Anthropic's Messages API
// (platform.claude.com/docs/en/api/messages) and of its token counting, as
// Anthropic defines them, as Google Vertex AI and Microsoft Foundry host them
// and as compatible providers speak them.
//
// Promises: what the Messages API can say survives decode∘encode; blocks and
// members unknown here survive between Anthropic ends; thinking that goes back
// to its maker goes back byte for byte and in order. Written streams have
// strictly sequential blocks, each closed once, whatever order the provider
// sent its pieces in. Output is byte-stable. The path of a request that stays
// in the dialect (Scan, Patch, Probe) builds no values and allocates no more
// than the strings it returns.
//
// Refuses: judging messages (their provider does), fetching URLs, batches and
// files of the API. An answer has one choice: events of others are passed over.
//
// Concurrency: functions are pure; a Probe, Reader or Writer belongs to one
// goroutine.
package anthropic

import (
	"net/url"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Versions of the API: a header of the vendor's own, a body member on Vertex.
const (
	apiVersion    = "2023-06-01"
	vertexVersion = "vertex-2023-10-16"
)

// Codec returns the functions of the Messages API.
func Codec() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.Anthropic,
		Surface: dialect.Surface{
			Scan:              Scan,
			DecodeRequest:     DecodeRequest,
			EncodeAnswer:      EncodeAnswer,
			NewWriter:         func(r dialect.Reply) dialect.Writer { return newWriter(r) },
			EncodeError:       EncodeError,
			EncodeStreamError: EncodeStreamError,
		},
		Wire: dialect.Wire{
			Path:          Path,
			Headers:       versionHeader(),
			Patch:         Pieces,
			EncodeRequest: EncodeRequest,
			NewProbe:      func() dialect.Probe { return stream.NewProbe(&grammar) },
			CheckAnswer:   CheckAnswer,
			FindUsage:     FindUsage,
			DecodeUsage:   DecodeUsage,
			FinishAt:      []string{"stop_reason"},
			Finishes:      stopReasons,
			NewReader:     func() dialect.Reader { return newReader() },
			DecodeAnswer:  DecodeAnswer,
			DecodeError:   DecodeError,
		},
	}
}

func versionHeader() []dialect.Header {
	return []dialect.Header{{Name: "anthropic-version", Value: apiVersion}}
}

// Path is where messages are below a provider's base path. Vertex has the model
// and the way of answering in its path.
func Path(e *dialect.Envelope, t dialect.Target) string {
	if t.Platform != dialect.Vertex {
		return "/messages"
	}
	verb := ":rawPredict"
	if e.Stream {
		verb = ":streamRawPredict"
	}
	return vertexModels + url.PathEscape(t.ID) + verb
}

const vertexModels = "/publishers/anthropic/models/"

// extra tags a raw member of this dialect, copied out of the text it lies in.
func extra(name string, raw []byte) llm.Extra {
	return llm.Extra{Dialect: llm.Anthropic, Name: name, Value: members.Clone(raw)}
}
