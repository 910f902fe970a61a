// Package openai is the codec of OpenAI's chat completions API, as OpenAI
// defines it (platform.openai.com/docs/api-reference/chat) and as the many
// compatible providers speak it.
//
// Promises: what OpenAI chat can say survives decode∘encode; members unknown
// here survive between OpenAI ends; providers' habits (tool call fragments
// without id or index, whole arguments in one chunk, usage in odd places,
// reasoning under several names, error objects of several shapes) are read and
// never written. Output is byte-stable. The path of a request that stays in
// the dialect (Scan, Patch, Probe) does not build values and does not allocate
// beyond the strings it returns.
//
// Refuses: judging messages (their provider does), fetching URLs, the legacy
// completions API. The random "obfuscation" padding of streams is not carried
// over.
//
// Concurrency: functions are pure; a Probe, Reader or Writer belongs to one
// goroutine.
package openai

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Codec returns the dialect's functions.
func Codec() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.OpenAI,
		Surface: dialect.Surface{
			Scan:              Scan,
			DecodeRequest:     DecodeRequest,
			EncodeAnswer:      EncodeAnswer,
			NewWriter:         func(r dialect.Reply) dialect.Writer { return &writer{reply: r} },
			EncodeError:       EncodeError,
			EncodeStreamError: EncodeStreamError,
		},
		Wire: dialect.Wire{
			Path:          Path,
			Patch:         Pieces,
			EncodeRequest: EncodeRequest,
			NewProbe:      func() dialect.Probe { return stream.NewProbe(&grammar) },
			CheckAnswer:   CheckAnswer,
			FindUsage:     FindUsage,
			DecodeUsage:   DecodeUsage,
			FinishAt:      []string{"choices", "finish_reason"},
			Finishes:      finishReasons,
			NewReader:     func() dialect.Reader { return new(reader) },
			DecodeAnswer:  DecodeAnswer,
			DecodeError:   DecodeError,
		},
	}
}

// Path is where chat completions are below a provider's base path.
func Path(_ *dialect.Envelope, t dialect.Target) string { return t.OpenAIPath("/chat/completions") }

// extra tags a raw member of this dialect, copied out of the text it lies in.
func extra(name string, raw []byte) llm.Extra {
	return llm.Extra{Dialect: llm.OpenAI, Name: name, Value: members.Clone(raw)}
}
