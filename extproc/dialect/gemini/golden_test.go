package gemini_test

import (
	"flag"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
)

var update = flag.Bool("update", false, "rewrite the golden vectors from their inputs")

const vectors = "../../../testdata/gemini"

var (
	reply   = dialect.Reply{Generation: "gen_1", Model: "public/name", Stream: true, WantsUsage: true}
	targets = []dialecttest.Target{
		{Name: "gemini 2.5", Target: dialect.Target{ID: "gemini-2.5-flash", Genuine: true}},
		{Name: "gemini 3", Target: dialect.Target{ID: "gemini-3-pro-preview", Platform: dialect.Vertex, Genuine: true}},
		{Name: "gemini 2.0", Target: dialect.Target{ID: "gemini-2.0-flash", Genuine: true}},
	}
)

func suite() dialecttest.Suite {
	return dialecttest.Suite{Codec: gemini.Codec(), Dir: vectors, Targets: targets, Reply: reply, Least: 140}
}

// arrays is the same for clients that did not ask for server-sent events.
func arrays() dialecttest.Suite {
	s := suite()
	s.Reply.Array = true
	return s
}

func counts() dialecttest.Suite {
	s := suite()
	s.Codec, s.Dir, s.Least = gemini.CountCodec(), vectors+"/count", 9
	return s
}

func TestGoldenVectors(t *testing.T) { suite().Golden(t, *update) }

func TestGoldenVectorsOfCounting(t *testing.T) { counts().Golden(t, *update) }
