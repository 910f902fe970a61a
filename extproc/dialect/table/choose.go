package table

import (
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// operation is the dialects of an operation that has wire formats of its own,
// by the family that a provider speaks.
type operation map[llm.Dialect]llm.Dialect

var (
	embeds = operation{llm.OpenAI: llm.Embeddings, llm.Gemini: llm.GeminiEmbeddings, llm.Bedrock: llm.BedrockEmbeddings}
	counts = operation{llm.Anthropic: llm.AnthropicCount, llm.Gemini: llm.GeminiCount}
)

// operations are those of all dialects that belong to one.
var operations = map[llm.Dialect]operation{
	llm.Embeddings: embeds, llm.GeminiEmbeddings: embeds, llm.BedrockEmbeddings: embeds,
	llm.AnthropicCount: counts, llm.GeminiCount: counts,
}

// For returns the codec in which a target that speaks these families, its first
// choice first, serves what a client asks for in its dialect: the client's own
// wherever the target has it. Nil if the target does not serve the operation.
func For(client llm.Dialect, spoken []llm.Dialect) *dialect.Codec {
	if families, ok := operations[client]; ok {
		return families.codec(client, spoken)
	}
	switch {
	case slices.Contains(spoken, client):
		return codecs[client]
	case len(spoken) > 0:
		return codecs[spoken[0]]
	}
	return nil
}

func (o operation) codec(client llm.Dialect, spoken []llm.Dialect) (first *dialect.Codec) {
	for _, family := range spoken {
		switch d := o[family]; {
		case d == client:
			return codecs[d]
		case first == nil:
			first = codecs[d]
		}
	}
	return first
}

// Family is the dialect of a vendor's API that an operation's dialect belongs
// to; others belong to themselves.
func Family(d llm.Dialect) llm.Dialect {
	for family, of := range operations[d] {
		if of == d {
			return family
		}
	}
	return d
}
