package embedding_test

import (
	"flag"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/embedding"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata/embedding from their inputs")

const vectors = "../../../testdata/embedding/"

var reply = dialect.Reply{Generation: "gen_1", Model: "public/name", Created: 1700000000}

func openAI() dialecttest.Suite {
	return dialecttest.Suite{
		Codec: embedding.OpenAI(),
		Dir:   vectors + "openai",
		Targets: []dialecttest.Target{
			{Name: "compatible", Target: dialect.Target{ID: "vendor/\"target\"", BasePath: "/v1"}},
			{Name: "genuine", Target: dialect.Target{ID: "text-embedding-3-small", Genuine: true}},
			{Name: "azure", Target: dialect.Target{
				ID: "my deployment", Genuine: true, Platform: dialect.Azure, BasePath: "/openai", APIVersion: "2024-10-21",
			}},
		},
		Reply: reply,
		Least: 40,
	}
}

// provider is a suite whose requests are in OpenAI's words and whose answers are
// shown in them.
func provider(c *dialect.Codec, dir string, least int, targets ...dialecttest.Target) dialecttest.Suite {
	client := embedding.OpenAI()
	c.Scan, c.DecodeRequest, c.EncodeAnswer = client.Scan, client.DecodeRequest, client.EncodeAnswer
	return dialecttest.Suite{Codec: c, Dir: vectors + dir, Targets: targets, Reply: reply, Least: least}
}

func google() dialecttest.Suite {
	return provider(embedding.Gemini(), "gemini", 20,
		dialecttest.Target{Name: "gemini", Target: dialect.Target{ID: "gemini-embedding-001"}},
		dialecttest.Target{Name: "vertex", Target: dialect.Target{ID: "text-embedding-005", Platform: dialect.Vertex}},
		dialecttest.Target{Name: "vertex one", Target: dialect.Target{ID: "gemini-embedding-001", Platform: dialect.Vertex}},
		dialecttest.Target{Name: "vertex new", Target: dialect.Target{ID: "gemini-embedding-2", Platform: dialect.Vertex}},
	)
}

func amazon() dialecttest.Suite {
	return provider(embedding.Bedrock(), "bedrock", 20,
		dialecttest.Target{Name: "titan", Target: dialect.Target{ID: "amazon.titan-embed-text-v2:0"}},
		dialecttest.Target{Name: "titan 1", Target: dialect.Target{ID: "amazon.titan-embed-text-v1"}},
		dialecttest.Target{Name: "cohere 3", Target: dialect.Target{ID: "cohere.embed-multilingual-v3"}},
		dialecttest.Target{Name: "cohere 4", Target: dialect.Target{ID: "us.cohere.embed-v4:0"}},
		dialecttest.Target{Name: "other", Target: dialect.Target{ID: "twelvelabs.marengo-embed-2-7-v1:0"}},
	)
}

func TestGoldenVectors(t *testing.T) {
	t.Run("openai", func(t *testing.T) { openAI().Golden(t, *update) })
	t.Run("gemini", func(t *testing.T) { google().Golden(t, *update) })
	t.Run("bedrock", func(t *testing.T) { amazon().Golden(t, *update) })
}
