package openai_test

import (
	"flag"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata/openai from their inputs")

const vectors = "../../../testdata/openai"

var reply = dialect.Reply{Generation: "gen_1", Model: "public/name", Stream: true, WantsUsage: true, Created: 1700000000}

// The vendor itself and a provider of whom nothing is known.
var (
	compatible = dialecttest.Target{Name: "compatible", Target: dialect.Target{ID: "vendor/\"target\"", AddUsage: true}}
	genuine    = dialecttest.Target{Name: "genuine", Target: dialect.Target{ID: "gpt-x", Genuine: true}}
)

// Providers with quirks, one of each way to depart from the dialect.
var (
	// closed refuses what it does not know, as Mistral's API does.
	closed = quirky("closed", llm.Quirks{
		MaxTokens: "max_tokens", ReasoningText: "none", RequiredTool: "any", Seed: "random_seed", CallIDs: "short", SystemRole: true,
		NoStreamOptions: true, Closed: true, Refuses: []string{"logit_bias", "user", "store", "service_tier"},
	})
	// thinker thinks between tool calls and knows JSON without a schema, as
	// DeepSeek's API does.
	thinker = quirky("thinker", llm.Quirks{MaxTokens: "max_tokens", Reasoning: "thinking", Schema: "json_object", SystemRole: true})
	// aggregator carries every vendor's thoughts, as OpenRouter does.
	aggregator = quirky("aggregator", llm.Quirks{MaxTokens: "max_tokens", Reasoning: "object", ReasoningText: "reasoning"})
	// switched has its own members for thinking, as Alibaba's Qwen does.
	switched = quirky("switched", llm.Quirks{Reasoning: "enable_thinking", ReasoningText: "reasoning_content", Schema: "json_schema"})
	// plain knows as little as it can.
	plain = quirky("plain", llm.Quirks{
		MaxTokens: "max_completion_tokens", Reasoning: "none", ReasoningText: "reasoning", Schema: "none",
		RequiredTool: "auto", TextOnly: true, Refuses: []string{"top_p", "stop"},
	})
)

func quirky(name string, q llm.Quirks) dialecttest.Target {
	return dialecttest.Target{Name: name, Target: dialect.Target{ID: "m-1", AddUsage: true, Quirks: &q}}
}

// suite is this dialect at both ends.
func suite() dialecttest.Suite {
	return dialecttest.Suite{
		Codec: openai.Codec(), Dir: vectors, Reply: reply, Least: 180, Blocks: true,
		Targets: []dialecttest.Target{compatible, genuine},
	}
}

// quirks is the same for providers with quirks.
func quirks() dialecttest.Suite {
	s := suite()
	s.Dir, s.Least = vectors+"/quirks", 25
	s.Targets = []dialecttest.Target{closed, thinker, aggregator, switched, plain}
	return s
}

// from is a client of another dialect in front of this one.
func from(client *dialect.Codec, least int) dialecttest.Suite {
	s := suite()
	wire := openai.Codec().Wire
	wire.Patch = client.Patch // which knows the client's envelope
	s.Codec = &dialect.Codec{Name: client.Name, Surface: client.Surface, Wire: wire}
	s.Dir, s.Least = vectors+"/from_"+string(client.Name), least
	s.Targets = []dialecttest.Target{genuine, compatible, closed, thinker, aggregator}
	return s
}

func TestGoldenVectors(t *testing.T)                      { suite().Golden(t, *update) }
func TestGoldenVectorsOfProvidersWithQuirks(t *testing.T) { quirks().Golden(t, *update) }
func TestGoldenVectorsOfAnthropicClients(t *testing.T) {
	from(anthropic.Codec(), 25).Golden(t, *update)
}

func TestGoldenVectorsOfResponsesClients(t *testing.T) {
	from(responses.Codec(), 13).Golden(t, *update)
}
func TestGoldenVectorsOfGeminiClients(t *testing.T) { from(gemini.Codec(), 13).Golden(t, *update) }
