// Package responses is the codec of OpenAI's Responses API, as OpenAI defines it
// (platform.openai.com/docs/api-reference/responses and responses-streaming) and
// as Azure, xAI and compatible providers speak it.
//
// Promises: what a stateless Responses request can say survives decode∘encode.
// Reasoning items go back to their provider byte for byte; thoughts of other
// vendors travel sealed in encrypted_content and come back with the next turn.
// Tools that take free text (custom tools, such as a patch tool with a grammar)
// reach other dialects as functions with the one member input, and calls to them
// come back as custom tool calls. Written streams follow the whole event grammar:
// every item and part is closed, once, and the terminal event holds the response.
//
// Refuses: state. Nothing is kept between requests, so previous_response_id,
// conversation, item references and background are refused with what to do
// instead, and providers are told store: false. Also: judging items (their
// provider does), fetching URLs.
//
// A stream is whole by its terminal event only (response.completed, .incomplete
// or .failed): items that are done may be followed by others, so an end without
// one is a failure.
//
// Concurrency: functions are pure; a Probe, Reader or Writer belongs to one
// goroutine.
package responses

import (
	"net/url"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/stream"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Codec returns the dialect's functions. Errors are OpenAI's own in both of its
// APIs.
func Codec() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.Responses,
		Surface: dialect.Surface{
			Scan:              Scan,
			DecodeRequest:     DecodeRequest,
			EncodeAnswer:      EncodeAnswer,
			NewWriter:         func(r dialect.Reply) dialect.Writer { return newWriter(r) },
			EncodeError:       openai.EncodeError,
			EncodeStreamError: EncodeStreamError,
		},
		Wire: dialect.Wire{
			Path:          Path,
			Patch:         Pieces,
			EncodeRequest: EncodeRequest,
			NewProbe:      func() dialect.Probe { return stream.NewProbe(&grammar) },
			CheckAnswer:   CheckAnswer,
			FindUsage:     openai.FindUsage,
			DecodeUsage:   DecodeUsage,
			FinishAt:      []string{"incomplete_details", "reason"},
			Finishes:      finishes,
			NewReader:     func() dialect.Reader { return newReader() },
			DecodeAnswer:  DecodeAnswer,
			DecodeError:   openai.DecodeError,
		},
	}
}

// Path is where responses are created below a provider's base path. Azure
// names the version of its API in the query, but no deployment in the path, in
// either of its APIs.
func Path(_ *dialect.Envelope, t dialect.Target) string {
	if t.Platform == dialect.Azure && t.APIVersion != "" {
		return "/responses?api-version=" + url.QueryEscape(t.APIVersion)
	}
	return "/responses"
}

// extra tags a raw member of this dialect, copied out of the text it lies in.
func extra(name string, raw []byte) llm.Extra {
	return llm.Extra{Dialect: llm.Responses, Name: name, Value: members.Clone(raw)}
}
