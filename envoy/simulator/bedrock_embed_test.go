package simulator

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

func TestAmazonClientCountsTokens(t *testing.T) {
	s := serveBedrock(t, Config{})
	out, err := s.amazon("").CountTokens(t.Context(), &bedrockruntime.CountTokensInput{
		ModelId: aws.String(claudeID),
		Input: &types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{
			Messages: []types.Message{saysUser(asText("How many tokens are these?"))},
		}},
	})
	if err != nil || *out.InputTokens == 0 {
		t.Fatalf("%v: %+v", err, out)
	}
}

func TestAmazonClientEmbeds(t *testing.T) {
	s := serveBedrock(t, Config{})
	invoke := func(model, body string, into any) error {
		out, err := s.amazon("").InvokeModel(t.Context(), &bedrockruntime.InvokeModelInput{ModelId: aws.String(model), Body: []byte(body)})
		if err != nil {
			return err
		}
		return json.Unmarshal(out.Body, into)
	}
	var titan struct {
		Embedding           []float32
		EmbeddingsByType    struct{ Binary []int }
		InputTextTokenCount int
	}
	if err := invoke("amazon.titan-embed-text-v2:0", `{"inputText":"camel","dimensions":256,"normalize":true,"embeddingTypes":["float","binary"]}`, &titan); err != nil ||
		len(titan.Embedding) != 256 || len(titan.EmbeddingsByType.Binary) != 256 || titan.InputTextTokenCount != 2 {
		t.Errorf("%v: %+v", err, titan)
	}
	var floats struct{ Embeddings [][]float32 }
	if err := invoke("cohere.embed-multilingual-v3", `{"texts":["a","b"],"input_type":"search_document"}`, &floats); err != nil || len(floats.Embeddings) != 2 || len(floats.Embeddings[0]) != 1024 {
		t.Errorf("%v: %+v", err, floats)
	}
	var kinds struct {
		Embeddings struct {
			Float [][]float32
			Int8  [][]int8
		}
	}
	if err := invoke("cohere.embed-v4:0", `{"texts":["a"],"input_type":"search_query","embedding_types":["float","int8"],"output_dimension":512}`, &kinds); err != nil ||
		len(kinds.Embeddings.Float[0]) != 512 || len(kinds.Embeddings.Int8[0]) != 512 {
		t.Errorf("%v: %+v", err, kinds)
	}
	amazonError(t, invoke("cohere.embed-english-v3", `{"texts":["a"]}`, nil), "ValidationException",
		"Malformed input request: #: required key [input_type] not found, please reformat your input and try again.")
	amazonError(t, invoke("amazon.titan-embed-text-v2:0", `{"inputText":"a","user":"x"}`, nil), "ValidationException",
		"Malformed input request: #: extraneous key [user] is not permitted, please reformat your input and try again.")
}
