package anthropic_test

import (
	"flag"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/anthropic"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
)

var update = flag.Bool("update", false, "rewrite the golden vectors from their inputs")

var reply = dialect.Reply{Generation: "gen_1", Model: "acme/model", Stream: true, WantsUsage: true, Created: 1700000000}

var (
	recent     = dialecttest.Target{Name: "recent", Target: dialect.Target{ID: "claude-opus-5", Genuine: true, MaxOutput: 64000}}
	budgets    = dialecttest.Target{Name: "budgets", Target: dialect.Target{ID: "claude-sonnet-4-5-20250929", Genuine: true}}
	vertex     = dialecttest.Target{Name: "vertex", Target: dialect.Target{ID: "claude-haiku-4-5@20251001", Genuine: true, Platform: dialect.Vertex}}
	compatible = dialecttest.Target{Name: "compatible", Target: dialect.Target{ID: "kimi-x"}}
)

// suite is this dialect at both ends.
func suite() dialecttest.Suite {
	return dialecttest.Suite{
		Codec: anthropic.Codec(), Dir: "../../../testdata/anthropic", Reply: reply, Least: 150,
		Targets: []dialecttest.Target{recent, budgets, vertex, compatible},
	}
}

// fromOpenAI is a client of OpenAI chat in front of this dialect.
func fromOpenAI() dialecttest.Suite {
	s := suite()
	client := openai.Codec()
	wire := anthropic.Codec().Wire
	wire.Patch = client.Patch // which knows the client's envelope
	s.Codec = &dialect.Codec{Name: client.Name, Surface: client.Surface, Wire: wire}
	s.Dir, s.Least = "../../../testdata/anthropic/openai_client", 20
	return s
}

// toOpenAI is a client of this dialect in front of a provider of OpenAI chat.
func toOpenAI() dialecttest.Suite {
	s := suite()
	wire := openai.Codec().Wire
	s.Codec = &dialect.Codec{Name: "anthropic", Surface: anthropic.Codec().Surface, Wire: wire}
	s.Dir, s.Least = "../../../testdata/anthropic/openai_provider", 15
	return s
}

// counting is the dialect of token counting.
func counting() dialecttest.Suite {
	s := suite()
	s.Codec = anthropic.CountCodec()
	s.Dir, s.Least = "../../../testdata/anthropic/count", 8
	return s
}

func TestGoldenVectors(t *testing.T)                  { suite().Golden(t, *update) }
func TestGoldenVectorsOfOpenAIClients(t *testing.T)   { fromOpenAI().Golden(t, *update) }
func TestGoldenVectorsOfOpenAIProviders(t *testing.T) { toOpenAI().Golden(t, *update) }
func TestGoldenVectorsOfCounting(t *testing.T)        { counting().Golden(t, *update) }
