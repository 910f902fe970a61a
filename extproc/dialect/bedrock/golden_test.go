package bedrock_test

import (
	"flag"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/bedrock"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata/bedrock from their inputs")

// suite reads requests in OpenAI's words, since no client speaks Converse.
func suite() dialecttest.Suite {
	codec := bedrock.Codec()
	codec.Scan, codec.DecodeRequest = openai.Scan, openai.DecodeRequest
	return dialecttest.Suite{
		Codec: codec,
		Dir:   "../../../testdata/bedrock",
		Targets: []dialecttest.Target{
			{Name: "claude", Target: dialect.Target{ID: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", MaxOutput: 64000}},
			{Name: "claude 5", Target: dialect.Target{ID: "global.anthropic.claude-opus-5-v1"}},
			{Name: "nova 2", Target: dialect.Target{ID: "us.amazon.nova-2-lite-v1:0"}},
			{Name: "gpt-oss", Target: dialect.Target{ID: "openai.gpt-oss-120b-1:0"}},
			{Name: "llama", Target: dialect.Target{ID: "us.meta.llama4-maverick-17b-instruct-v1:0"}},
		},
		Reply:  dialect.Reply{Generation: "gen_1", Model: "public/name", Stream: true, WantsUsage: true, Created: 1700000000},
		Least:  60,
		Stream: frames,
	}
}

func TestGoldenVectors(t *testing.T) { suite().Golden(t, *update) }
