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
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var codecs = map[llm.Dialect]*dialect.Codec{
	llm.OpenAI: openai.Codec(),
}

// Codec returns the codec of a dialect, or nil if this build does not speak it.
func Codec(d llm.Dialect) *dialect.Codec { return codecs[d] }

// Dialects returns the dialects of this build, sorted.
func Dialects() []llm.Dialect { return slices.Sorted(maps.Keys(codecs)) }
