package table

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// operations are the dialects of operations that have a wire format of their
// own, by the family that a provider speaks.
var operations = []map[llm.Dialect]llm.Dialect{
	{ // embedding
		llm.OpenAI: llm.Embeddings, llm.Gemini: llm.GeminiEmbeddings, llm.Bedrock: llm.BedrockEmbeddings,
	},
	{ // counting tokens
		llm.Anthropic: llm.AnthropicCount, llm.Gemini: llm.GeminiCount,
	},
}

// For returns the codec in which a target that speaks these families, its first
// choice first, serves what a client asks for in its dialect: the client's own
// wherever the target has it. Nil if the target does not serve the operation.
func For(client llm.Dialect, spoken []llm.Dialect) *dialect.Codec {
	for _, families := range operations {
		if !isOf(families, client) {
			continue
		}
		var first *dialect.Codec
		for _, family := range spoken {
			switch d := families[family]; {
			case d == client:
				return codecs[d]
			case first == nil:
				first = codecs[d]
			}
		}
		return first
	}
	switch {
	case slices.Contains(spoken, client):
		return codecs[client]
	case len(spoken) > 0:
		return codecs[spoken[0]]
	}
	return nil
}

// Family is the dialect of a vendor's API that an operation's dialect belongs
// to; others belong to themselves.
func Family(d llm.Dialect) llm.Dialect {
	for _, families := range operations {
		for family, of := range families {
			if of == d {
				return family
			}
		}
	}
	return d
}

func isOf(families map[llm.Dialect]llm.Dialect, d llm.Dialect) bool {
	for _, of := range families {
		if of == d {
			return true
		}
	}
	return false
}
