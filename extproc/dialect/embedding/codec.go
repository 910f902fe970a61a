// Package embedding holds the codecs of the operation of embedding, which has
// no streams: OpenAI's, which clients speak too (platform.openai.com,
// "Embeddings"), and the provider halves of Google's (batchEmbedContents of the
// Gemini API; predict and embedContent of Vertex AI) and of Amazon Bedrock's
// InvokeModel (Titan, Cohere).
//
// Promises: one vector for each input, in their order; numbers keep their text,
// and base64 and numbers turn into each other without losing a bit of their
// float32. Inputs that are too long fail rather than be cut, wherever the
// provider leaves the choice. What a provider cannot take at all (token numbers,
// more inputs than one call has room for, dimensions of its own) is an
// llm.Unsupported problem, so that the next target of the chain is tried.
//
// Refuses: images, asynchronous jobs, splitting a request over several calls.
//
// Concurrency: all functions are pure.
package embedding

import (
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/bedrock"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/gemini"
	"github.com/dragoman-gateway/dragoman/extproc/dialect/openai"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// OpenAI returns the codec of POST /embeddings, which clients and the many
// compatible providers speak.
func OpenAI() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.Embeddings,
		Surface: dialect.Surface{
			Scan:          scanOpenAI,
			DecodeRequest: decodeOpenAI,
			EncodeAnswer:  encodeAnswer,
			EncodeError:   openai.EncodeError,
		},
		Wire: dialect.Wire{
			Path:          func(_ *dialect.Envelope, t dialect.Target) string { return t.OpenAIPath("/embeddings") },
			Patch:         openai.Pieces,
			EncodeRequest: encodeOpenAI,
			CheckAnswer: func(body []byte, complete bool) *llm.Problem {
				return check(body, complete, readOpenAI, openai.DecodeError)
			},
			FindUsage:    openai.FindUsage,
			DecodeUsage:  openAIUsage,
			DecodeAnswer: func(body []byte) ([]llm.Event, *llm.Problem) { return decode(body, readOpenAI, openai.DecodeError) },
			DecodeError:  openai.DecodeError,
		},
	}
}

// Gemini returns the codec of Google's embedding models.
func Gemini() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.GeminiEmbeddings,
		Wire: dialect.Wire{
			Path:          geminiPath,
			EncodeRequest: encodeGemini,
			CheckAnswer: func(body []byte, complete bool) *llm.Problem {
				return check(body, complete, readGemini, gemini.DecodeError)
			},
			FindUsage:    findGeminiUsage,
			DecodeUsage:  geminiUsage,
			DecodeAnswer: func(body []byte) ([]llm.Event, *llm.Problem) { return decode(body, readGemini, gemini.DecodeError) },
			DecodeError:  gemini.DecodeError,
		},
	}
}

// Bedrock returns the codec of Titan's and Cohere's embedding models.
func Bedrock() *dialect.Codec {
	return &dialect.Codec{
		Name: llm.BedrockEmbeddings,
		Wire: dialect.Wire{
			Path:          func(_ *dialect.Envelope, t dialect.Target) string { return bedrock.ModelPath(t.ID) + "/invoke" },
			EncodeRequest: encodeBedrock,
			CheckAnswer: func(body []byte, complete bool) *llm.Problem {
				return check(body, complete, readBedrock, bedrock.DecodeError)
			},
			FindUsage:    findBedrockUsage,
			DecodeUsage:  bedrockUsage,
			DecodeAnswer: func(body []byte) ([]llm.Event, *llm.Problem) { return decode(body, readBedrock, bedrock.DecodeError) },
			DecodeError:  bedrock.DecodeError,
		},
	}
}

func unsupported(param, message string) *llm.Problem {
	return &llm.Problem{Kind: llm.Unsupported, Param: param, Message: message}
}
