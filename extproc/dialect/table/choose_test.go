package table_test

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect/table"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestEveryOperationBelongsToAFamily(t *testing.T) {
	for d, want := range map[llm.Dialect]llm.Dialect{
		llm.AnthropicCount: llm.Anthropic, llm.GeminiCount: llm.Gemini, llm.Embeddings: llm.OpenAI, llm.Responses: llm.Responses,
	} {
		if got := table.Family(d); got != want {
			t.Errorf("%s belongs to %s, want %s", d, got, want)
		}
	}
}

func TestATargetServesAClientInItsOwnDialectWhereItCan(t *testing.T) {
	spoken := func(d ...llm.Dialect) []llm.Dialect { return d }
	for _, c := range []struct {
		client llm.Dialect
		spoken []llm.Dialect
		want   llm.Dialect // "" = not served
	}{
		{llm.OpenAI, spoken(llm.OpenAI, llm.Responses), llm.OpenAI},
		{llm.Responses, spoken(llm.OpenAI, llm.Responses), llm.Responses},
		{llm.Anthropic, spoken(llm.OpenAI, llm.Responses), llm.OpenAI},
		{llm.OpenAI, spoken(llm.Responses), llm.Responses},
		{llm.Gemini, spoken(llm.Bedrock), llm.Bedrock},
		{llm.OpenAI, nil, ""},
		{llm.Embeddings, spoken(llm.OpenAI, llm.Responses), llm.Embeddings},
		{llm.Embeddings, spoken(llm.Responses, llm.Gemini), llm.GeminiEmbeddings},
		{llm.Embeddings, spoken(llm.Bedrock), llm.BedrockEmbeddings},
		{llm.Embeddings, spoken(llm.Anthropic), ""},
		{llm.AnthropicCount, spoken(llm.Anthropic), llm.AnthropicCount},
		{llm.AnthropicCount, spoken(llm.Gemini, llm.Anthropic), llm.AnthropicCount},
		{llm.AnthropicCount, spoken(llm.Gemini), llm.GeminiCount},
		{llm.GeminiCount, spoken(llm.OpenAI), ""},
	} {
		got := llm.Dialect("")
		if codec := table.For(c.client, c.spoken); codec != nil {
			got = codec.Name
		}
		if got != c.want {
			t.Errorf("%s asks who speaks %v: got %q, want %q", c.client, c.spoken, got, c.want)
		}
	}
}
