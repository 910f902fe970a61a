package responses_test

import (
	"flag"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/dialecttest"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/responses"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata/responses from their inputs")

var (
	genuine    = dialect.Target{ID: "gpt-x", Genuine: true}
	compatible = dialect.Target{ID: "vendor/\"target\""}
	reply      = dialect.Reply{Generation: "gen_1", Model: "public/name", Stream: true, WantsUsage: true, Created: 1700000000}
)

var suite = dialecttest.Suite{
	Codec:   responses.Codec(),
	Dir:     "../../../testdata/responses",
	Targets: []dialecttest.Target{{Name: "genuine", Target: genuine}, {Name: "compatible", Target: compatible}},
	Reply:   reply,
	Least:   140,
}

func TestGoldenVectors(t *testing.T) { suite.Golden(t, *update) }

func FuzzStreamsAreReadAlikeInAnyChunks(f *testing.F) { suite.FuzzStream(f) }

func FuzzRequestSurvivesEncoding(f *testing.F) {
	suite.FuzzRequest(f, func(a, b *llm.Request) string { return cmp.Diff(sorted(a), sorted(b)) })
}

func FuzzAnswerSurvivesEncoding(f *testing.F) { suite.FuzzAnswer(f) }

func FuzzErrorsAreReadAndWritten(f *testing.F) { suite.FuzzErrors(f) }
