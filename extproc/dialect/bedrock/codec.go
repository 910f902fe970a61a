// Package bedrock is the provider half of Amazon Bedrock's Converse and
// ConverseStream (docs.aws.amazon.com/bedrock, API reference of the runtime).
// No client speaks it to the gateway.
//
// Promises: what Converse can say survives decode∘encode, what it cannot is
// named in dropped; messages alternate, no text is blank, ids of tools fit
// Amazon's pattern; members that only some models take go to those models.
// Frames of a stream are checked (both CRCs) and bounded; a stream cut behind
// its messageStop is whole, and what a frame carries is given on at once, so
// that no trailing piece of a tool's JSON is lost. Output is byte-stable.
//
// Refuses: media by URL other than Amazon's own s3:// (Inlines), InvokeModel
// (embeddings have a codec of their own), judging messages.
//
// The model's family is read from its id, an inference profile's prefix or an
// ARN around it included; an application inference profile's ARN does not name
// its model, and such a target gets what every model takes.
//
// Concurrency: functions are pure; a Probe or Reader belongs to one goroutine.
package bedrock

import (
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/members"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// streamType is the media type of AWS event streams.
const streamType = "application/vnd.amazon.eventstream"

// Codec returns the dialect's functions.
func Codec() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.Bedrock,
		Wire: dialect.Wire{
			Path:          Path,
			EncodeRequest: EncodeRequest,
			Inlines:       true,
			Fetches:       func(url string) bool { return strings.HasPrefix(url, s3Scheme) },
			NewProbe:      func() dialect.Probe { return new(probe) },
			CheckAnswer:   CheckAnswer,
			FindUsage:     FindUsage,
			DecodeUsage:   DecodeUsage,
			FinishAt:      []string{"stopReason"},
			Finishes:      finishReasons,
			StreamType:    streamType,
			NewReader:     func() dialect.Reader { return new(reader) },
			DecodeAnswer:  DecodeAnswer,
			DecodeError:   DecodeError,
		},
	}
}

// Path is where Converse or ConverseStream of the target's model is below the
// endpoint.
func Path(e *dialect.Envelope, t dialect.Target) string {
	if e.Stream {
		return ModelPath(t.ID) + "/converse-stream"
	}
	return ModelPath(t.ID) + "/converse"
}

// ModelPath is the path of a model, by id or ARN: one segment in Amazon's way
// of escaping, in which only RFC 3986's unreserved characters stay. SigV4
// escapes this path once more for its canonical request.
func ModelPath(id string) string {
	const prefix, digits = "/model/", "0123456789ABCDEF"
	b := make([]byte, 0, len(prefix)+3*len(id))
	b = append(b, prefix...)
	for i := range len(id) {
		if c := id[i]; alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// extra tags a raw member of this dialect, copied out of the text it lies in.
func extra(name string, raw []byte) *llm.Extra {
	return &llm.Extra{Dialect: llm.Bedrock, Name: name, Value: members.Clone(raw)}
}
