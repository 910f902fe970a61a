// Package gemini is the codec of Google's Gemini API: generateContent,
// streamGenerateContent and countTokens, as AI Studio and Vertex AI serve them
// (ai.google.dev/api/generate-content) and as the google genai SDKs speak them.
//
// Promises: what the API can say survives decode∘encode; both spellings of
// proto JSON (camelCase and snake_case) are read, camelCase is written; thought
// signatures keep every byte and their place. Calls without an id get one that
// follows from the conversation, which clients see and providers do not. Output
// is byte-stable; Scan and Patch build no values.
//
// Refuses: arguments that stream by JSON path (Vertex's partialArgs, which
// nobody asks for through here), the Live API, fetching URLs other than those
// the vendor fetches itself. Two spellings of one member in one object are an
// error: the vendor's parser and this one must not read two requests.
//
// Choices where the API leaves room. A tool result that is a JSON object goes
// out as it is, any other text as {"output": text}, a failure as {"error":
// text}. Tool arguments of a client's stream that are no JSON end it with
// MALFORMED_FUNCTION_CALL; JSON that is no object is wrapped as {"input": …}.
// Keep-alives are not passed on: two of the vendor's SDKs take a comment for a
// broken chunk. An error within a stream is a bare JSON object on its own line,
// which is what those SDKs look for.
//
// Concurrency: functions are pure; a Probe, Reader or Writer belongs to one
// goroutine.
package gemini

import (
	"net/url"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Codec returns the functions of generateContent and streamGenerateContent. The
// model and whether to stream stand in the path: Scan and DecodeRequest leave
// them to the caller.
func Codec() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.Gemini,
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
			Inlines:       true,
			Fetches:       Fetches,
			NewProbe:      func() dialect.Probe { return new(probe) },
			CheckAnswer:   CheckAnswer,
			FindUsage:     FindUsage,
			DecodeUsage:   DecodeUsage,
			FinishAt:      []string{"candidates", "finishReason"},
			Finishes:      finishReasons,
			NewReader:     func() dialect.Reader { return new(reader) },
			DecodeAnswer:  DecodeAnswer,
			DecodeError:   DecodeError,
		},
	}
}

// Path is where the target's model answers below the provider's base path
// (…/v1beta, or Vertex's …/locations/{location}).
func Path(e *dialect.Envelope, t dialect.Target) string {
	if e.Stream {
		return modelPath(t) + ":streamGenerateContent?alt=sse"
	}
	return modelPath(t) + ":generateContent"
}

// modelPath takes an id with or without the collection it lies in: "models/",
// "tunedModels/", "publishers/google/models/", "endpoints/".
func modelPath(t dialect.Target) string {
	if !strings.Contains(t.ID, "/") {
		if t.Platform == dialect.Vertex {
			return "/publishers/google/models/" + url.PathEscape(t.ID)
		}
		return "/models/" + url.PathEscape(t.ID)
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(t.ID, "/") {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(segment))
	}
	return b.String()
}

// fetched are prefixes of the URLs that the vendor reads itself: Cloud Storage,
// its Files API and public videos.
var fetched = [...]string{
	"gs://", filesAPI, "https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/",
}

const filesAPI = "https://generativelanguage.googleapis.com/"

// Fetches tells whether the vendor reads this URL itself.
func Fetches(url string) bool {
	for _, prefix := range fetched {
		if strings.HasPrefix(url, prefix) {
			return true
		}
	}
	return false
}

// extra tags a raw member of this dialect, copied out of the text it lies in.
func extra(name string, raw []byte) llm.Extra {
	return llm.Extra{Dialect: llm.Gemini, Name: name, Value: members.Clone(raw)}
}
