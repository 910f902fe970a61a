package embedding_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/embedding"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestPaths(t *testing.T) {
	e := &dialect.Envelope{}
	for _, c := range []struct {
		codec  *dialect.Codec
		target dialect.Target
		want   string
	}{
		{embedding.OpenAI(), dialect.Target{ID: "m", BasePath: "/v1"}, "/embeddings"},
		{
			embedding.OpenAI(),
			dialect.Target{ID: "a b", Platform: dialect.Azure, BasePath: "/openai", APIVersion: "2024-10-21"},
			"/deployments/a%20b/embeddings?api-version=2024-10-21",
		},
		{embedding.Gemini(), dialect.Target{ID: "gemini-embedding-001"}, "/models/gemini-embedding-001:batchEmbedContents"},
		{embedding.Gemini(), dialect.Target{ID: "models/gemini-embedding-001"}, "/models/gemini-embedding-001:batchEmbedContents"},
		{
			embedding.Gemini(),
			dialect.Target{ID: "text-embedding-005", Platform: dialect.Vertex},
			"/publishers/google/models/text-embedding-005:predict",
		},
		{
			embedding.Gemini(),
			dialect.Target{ID: "gemini-embedding-2", Platform: dialect.Vertex},
			"/publishers/google/models/gemini-embedding-2:embedContent",
		},
		{embedding.Bedrock(), dialect.Target{ID: "amazon.titan-embed-text-v2:0"}, "/model/amazon.titan-embed-text-v2%3A0/invoke"},
	} {
		if got := c.codec.Path(e, c.target); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestNothingStreams(t *testing.T) {
	for _, c := range []*dialect.Codec{embedding.OpenAI(), embedding.Gemini(), embedding.Bedrock()} {
		if c.NewReader != nil || c.NewProbe != nil || c.NewWriter != nil || c.EncodeStreamError != nil {
			t.Errorf("%s has streams", c.Name)
		}
	}
	e, p := embedding.OpenAI().Scan([]byte(`{"model":"m","input":"x","stream":true}`))
	if p != nil || e.Stream || e.Needs != llm.NeedEmbeddings || e.N != 1 {
		t.Errorf("envelope %+v %v", e, p)
	}
}

func TestTitleGoesWithDocuments(t *testing.T) {
	r := &llm.Request{Embed: &llm.Embed{Inputs: []llm.EmbedInput{{Text: "x"}}, Task: "RETRIEVAL_DOCUMENT", Title: "T"}}
	out, dropped, p := embedding.Gemini().EncodeRequest(nil, r, dialect.Target{ID: "g"})
	const want = `{"requests":[{"model":"models/g","content":{"parts":[{"text":"x"}]},"taskType":"RETRIEVAL_DOCUMENT","title":"T"}]}`
	if p != nil || string(out) != want || dropped != nil {
		t.Errorf("%s %v %v", out, dropped, p)
	}
	r.Embed.Task = "CLUSTERING"
	if _, dropped, _ = embedding.Gemini().EncodeRequest(nil, r, dialect.Target{ID: "g"}); !cmp.Equal(dropped, []string{"title"}) {
		t.Errorf("dropped %v", dropped)
	}
	if _, dropped, _ = embedding.Bedrock().EncodeRequest(nil, r, dialect.Target{ID: "cohere.embed-v4:0"}); !cmp.Equal(dropped, []string{"title"}) {
		t.Errorf("dropped %v", dropped)
	}
}

func TestARequestWithoutEmbedIsRefused(t *testing.T) {
	for _, c := range []*dialect.Codec{embedding.OpenAI(), embedding.Gemini(), embedding.Bedrock()} {
		if _, _, p := c.EncodeRequest(nil, &llm.Request{}, dialect.Target{ID: "amazon.titan-embed-text-v2:0"}); p == nil || p.Kind != llm.InvalidRequest {
			t.Errorf("%s: %v", c.Name, p)
		}
	}
}

func TestUsageIsFoundInWholeAnswers(t *testing.T) {
	for _, c := range []struct {
		codec *dialect.Codec
		body  string
		want  llm.Tokens
	}{
		{embedding.OpenAI(), `{"usage":{"prompt_tokens":4,"total_tokens":4}}`, 4},
		{embedding.Gemini(), `{"usageMetadata":{"promptTokenCount":4}}`, 4},
		{embedding.Gemini(), `{"predictions":[{"embeddings":{"statistics":{"token_count":3}}},{"embeddings":{"statistics":{"token_count":1.0}}}]}`, 4},
		{embedding.Bedrock(), `{"inputTextTokenCount":4}`, 4},
	} {
		u := c.codec.DecodeUsage(c.codec.FindUsage([]byte(c.body)))
		if u == nil || u.Input != llm.Some(c.want) || u.Output.Set() {
			t.Errorf("%s: %+v", c.body, u)
		}
		if u := c.codec.DecodeUsage(c.codec.FindUsage([]byte(`{}`))); u != nil {
			t.Errorf("%s: %+v of nothing", c.codec.Name, u)
		}
	}
}

// answerOf is an answer of n vectors with 1536 numbers each.
func answerOf(n int) []byte {
	one := `{"object":"embedding","index":0,"embedding":[` + strings.TrimSuffix(strings.Repeat("-0.0123456789,", 1536), ",") + `]}`
	return []byte(`{"object":"list","data":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `],"model":"m"}`)
}

// A vector costs its text and the object that points to it.
func TestAVectorIsCopiedOnce(t *testing.T) {
	c := embedding.OpenAI()
	few, many := answerOf(2), answerOf(34)
	cost := func(body []byte) float64 {
		return testing.AllocsPerRun(20, func() {
			if _, p := c.DecodeAnswer(body); p != nil {
				t.Error(p)
			}
		})
	}
	if perVector := (cost(many) - cost(few)) / 32; perVector > 2.3 { // and the growth of the list
		t.Errorf("%v allocations for a vector", perVector)
	}
}

func BenchmarkAnswerToBase64(b *testing.B) {
	c, body := embedding.OpenAI(), answerOf(1)
	dst := make([]byte, 0, len(body))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		events, p := c.DecodeAnswer(body)
		if p != nil {
			b.Fatal(p)
		}
		dst = c.EncodeAnswer(dst[:0], events, dialect.Reply{Base64: true})
	}
}
