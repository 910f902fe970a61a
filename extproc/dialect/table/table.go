// Package table is the one list of the dialects this build speaks.
//
// Promises: every codec is complete (no function is nil) and stands under its
// own name. Refuses registration at run time: a dialect is added by its line
// here.
//
// Concurrency: the table is never written to.
package table

import (
	"maps"
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/bedrock"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/embedding"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var codecs = map[llm.Dialect]*dialect.Codec{
	llm.OpenAI:            openai.Codec(),
	llm.Responses:         responses.Codec(),
	llm.Anthropic:         anthropic.Codec(),
	llm.AnthropicCount:    anthropic.CountCodec(),
	llm.Gemini:            gemini.Codec(),
	llm.GeminiCount:       gemini.CountCodec(),
	llm.Bedrock:           bedrock.Codec(),
	llm.Embeddings:        embedding.OpenAI(),
	llm.GeminiEmbeddings:  embedding.Gemini(),
	llm.BedrockEmbeddings: embedding.Bedrock(),
}

// Codec returns the codec of a dialect, or nil if this build does not speak it.
func Codec(d llm.Dialect) *dialect.Codec { return codecs[d] }

// Dialects returns the dialects of this build, sorted.
func Dialects() []llm.Dialect { return slices.Sorted(maps.Keys(codecs)) }
