package generation_test

import (
	"encoding/json"
	"fmt"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// reporter is how a vendor counts: which classes it knows, and how it writes
// its usage object. Streams report twice, the second time in full.
type reporter struct {
	dialect llm.Dialect
	// What it does not count apart.
	noRead, noWrite, noHour, noAudio, noThought, noOutput bool
	write                                                 func(c counts, stream bool) []json.RawMessage
}

// fold moves tokens to the class that the vendor counts them under.
func (r reporter) fold(c counts) counts {
	move := func(is bool, from, to *int64) {
		if is {
			*to += *from
			*from = 0
		}
	}
	move(r.noHour, &c.hour, &c.write)
	move(r.noWrite, &c.write, &c.fresh)
	move(r.noRead, &c.read, &c.fresh)
	move(r.noAudio, &c.audioIn, &c.fresh)
	move(r.noAudio, &c.audioOut, &c.text)
	move(r.noThought, &c.reasoning, &c.text)
	if r.noOutput {
		c.text, c.reasoning, c.audioOut = 0, 0, 0
	}
	return c
}

// Sources: the vendors' API references of their usage objects.
var reporters = map[string]reporter{
	"bedrock amazon.nova-pro-v1:0":                         converse,
	"bedrock deepseek.r1-v1:0":                             converse,
	"anthropic claude-sonnet-4-5-20250929":                 messages,
	"anthropic claude-fable-5":                             messages,
	"azure-anthropic claude-opus-4-6":                      messages,
	"vertex claude-opus-4-6@default":                       messages,
	"bedrock eu.anthropic.claude-haiku-4-5-20251001-v1:0":  converse,
	"bedrock eu.anthropic.claude-sonnet-4-5-20250929-v1:0": converse,

	"openai gpt-5":                            {dialect: llm.Responses, noHour: true, noWrite: true, noAudio: true, write: writeResponses},
	"openai gpt-5.5-pro":                      {dialect: llm.Responses, noHour: true, noAudio: true, write: writeResponses},
	"openai gpt-5.4":                          {dialect: llm.OpenAI, noHour: true, noAudio: true, write: chat("")},
	"openai gpt-4o":                           {dialect: llm.OpenAI, noHour: true, write: chat("")},
	"openai o1":                               {dialect: llm.OpenAI, noHour: true, noWrite: true, noAudio: true, write: chat("")},
	"xai grok-4.3":                            {dialect: llm.OpenAI, noHour: true, noWrite: true, noAudio: true, write: chat("xai")},
	"deepseek deepseek-v4-pro":                {dialect: llm.OpenAI, noHour: true, noWrite: true, noAudio: true, write: chat("deepseek")},
	"moonshotai kimi-k2-thinking":             {dialect: llm.OpenAI, noHour: true, noWrite: true, noAudio: true, noThought: true, write: chat("moonshotai")},
	"alibaba qwen-omni-turbo":                 {dialect: llm.OpenAI, noHour: true, noWrite: true, noRead: true, noThought: true, write: chat("")},
	"alibaba qwen-plus":                       {dialect: llm.OpenAI, noHour: true, noWrite: true, noRead: true, noAudio: true, write: chat("")},
	"openrouter anthropic/claude-sonnet-4":    {dialect: llm.OpenAI, noHour: true, noAudio: true, write: chat("aggregator")},
	"openrouter google/gemini-2.5-flash-lite": {dialect: llm.OpenAI, noHour: true, write: chat("aggregator")},
	"gemini gemini-2.5-pro":                   {dialect: llm.Gemini, noHour: true, noWrite: true, noAudio: true, write: writeGemini},
	"gemini gemini-2.5-flash":                 {dialect: llm.Gemini, noHour: true, noWrite: true, write: writeGemini},
	"openai text-embedding-3-small": {
		dialect: llm.Embeddings, noHour: true, noWrite: true, noRead: true, noAudio: true, noThought: true, noOutput: true, write: writeEmbeddings,
	},
}

// messages: input beside the cache, which streams say at their start.
var messages = reporter{dialect: llm.Anthropic, noAudio: true, write: func(c counts, stream bool) []json.RawMessage {
	input := fmt.Sprintf(`"input_tokens":%d,"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d`, c.fresh, c.read, c.write+c.hour)
	if c.hour > 0 {
		input += fmt.Sprintf(`,"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d}`, c.write, c.hour)
	}
	output := fmt.Sprintf(`"output_tokens":%d`, c.output())
	if c.reasoning > 0 {
		output += fmt.Sprintf(`,"output_tokens_details":{"thinking_tokens":%d}`, c.reasoning)
	}
	if stream {
		return raw(`{`+input+`,"output_tokens":1,"service_tier":"standard"}`, `{`+output+`}`)
	}
	return raw(`{` + input + `,` + output + `}`)
}}

// converse: input beside the cache, one report even in streams.
var converse = reporter{dialect: llm.Bedrock, noAudio: true, noThought: true, write: func(c counts, _ bool) []json.RawMessage {
	text := fmt.Sprintf(`{"inputTokens":%d,"outputTokens":%d,"totalTokens":%d`, c.fresh, c.output(), c.input()+c.output())
	if c.read+c.write+c.hour > 0 {
		text += fmt.Sprintf(`,"cacheReadInputTokens":%d,"cacheWriteInputTokens":%d`, c.read, c.write+c.hour)
	}
	if c.hour > 0 {
		text += fmt.Sprintf(`,"cacheDetails":[{"ttl":"5m","inputTokens":%d},{"ttl":"1h","inputTokens":%d}]`, c.write, c.hour)
	}
	return raw(text + `}`)
}}

// chat: the cache within the prompt, told in each vendor's own place.
func chat(habit string) func(counts, bool) []json.RawMessage {
	return func(c counts, stream bool) []json.RawMessage {
		one := func(c counts) string {
			completion := c.output()
			if habit == "xai" {
				completion -= c.reasoning // which stands beside it
			}
			text := fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d`, c.input(), completion, c.input()+c.output())
			switch habit {
			case "deepseek":
				text += fmt.Sprintf(`,"prompt_cache_hit_tokens":%d,"prompt_cache_miss_tokens":%d`, c.read, c.fresh)
			case "moonshotai":
				text += fmt.Sprintf(`,"cached_tokens":%d`, c.read)
			case "aggregator":
				text += fmt.Sprintf(`,"cache_creation_input_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d,"audio_tokens":%d}`, c.write, c.read, c.audioIn)
			default:
				text += fmt.Sprintf(`,"prompt_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d,"audio_tokens":%d}`, c.read, c.write, c.audioIn)
			}
			return text + fmt.Sprintf(`,"completion_tokens_details":{"reasoning_tokens":%d,"audio_tokens":%d,"accepted_prediction_tokens":0}}`, c.reasoning, c.audioOut)
		}
		if stream && habit == "xai" { // running totals with every chunk
			return raw(one(counts{fresh: c.fresh, read: c.read, text: 1}), one(c))
		}
		return raw(one(c))
	}
}

func writeResponses(c counts, _ bool) []json.RawMessage {
	write := ""
	if c.write > 0 {
		write = fmt.Sprintf(`,"cache_write_tokens":%d`, c.write)
	}
	return raw(fmt.Sprintf(`{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d%s},"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}`,
		c.input(), c.read, write, c.output(), c.reasoning, c.input()+c.output()))
}

// writeGemini: the cache within the prompt, thoughts beside the candidates, what
// tools add beside the prompt. Every chunk of a stream reports running totals.
func writeGemini(c counts, stream bool) []json.RawMessage {
	tools := c.fresh / 10
	text := fmt.Sprintf(`{"promptTokenCount":%d,"cachedContentTokenCount":%d,"promptTokensDetails":[{"modality":"TEXT","tokenCount":%d},{"modality":"AUDIO","tokenCount":%d}]`,
		c.input()-tools, c.read, c.input()-tools-c.audioIn, c.audioIn)
	whole := text + fmt.Sprintf(`,"toolUsePromptTokenCount":%d,"candidatesTokenCount":%d,"thoughtsTokenCount":%d,"candidatesTokensDetails":[{"modality":"TEXT","tokenCount":%d},{"modality":"AUDIO","tokenCount":%d}],"totalTokenCount":%d}`,
		tools, c.text+c.audioOut, c.reasoning, c.text, c.audioOut, c.input()+c.output())
	if stream {
		return raw(text+fmt.Sprintf(`,"thoughtsTokenCount":%d}`, c.reasoning/2), whole)
	}
	return raw(whole)
}

func writeEmbeddings(c counts, _ bool) []json.RawMessage {
	return raw(fmt.Sprintf(`{"prompt_tokens":%d,"total_tokens":%d}`, c.input(), c.input()))
}

// oddities are reports that providers really send, beyond the shapes; their
// counts are written by hand.
var oddities = []struct {
	target, name string
	reports      []string
	counts       counts
}{
	{"anthropic claude-fable-5", "all but zeros at the end of a stream", []string{
		`{"input_tokens":38,"cache_read_input_tokens":9000,"output_tokens":1}`, `{"input_tokens":0,"cache_read_input_tokens":0,"output_tokens":50}`,
	}, counts{fresh: 38, read: 9000, text: 50}},
	{"anthropic claude-fable-5", "all but zeros at the start of a stream", []string{
		`{"input_tokens":0,"output_tokens":0}`, `{"input_tokens":38,"cache_read_input_tokens":9000,"output_tokens":50}`,
	}, counts{fresh: 38, read: 9000, text: 50}},
	{"anthropic claude-sonnet-4-5-20250929", "an hour's writes without their sum", []string{
		`{"input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":11,"ephemeral_1h_input_tokens":22},"output_tokens":5}`,
	}, counts{fresh: 3, write: 11, hour: 22, text: 5}},
	{"anthropic claude-sonnet-4-5-20250929", "nothing was made", []string{`{"input_tokens":0,"output_tokens":0}`}, counts{}},
	{"anthropic claude-sonnet-4-5-20250929", "null where nothing is known", []string{
		`{"input_tokens":7,"cache_read_input_tokens":null,"cache_creation_input_tokens":null,"output_tokens":3}`,
	}, counts{fresh: 7, text: 3}},
	{"openai gpt-4o", "more is cached than was asked", []string{
		`{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":150}}`,
	}, counts{read: 100, text: 10}},
	{"openai o1", "more was thought than was said", []string{
		`{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110,"completion_tokens_details":{"reasoning_tokens":64}}`,
	}, counts{fresh: 100, reasoning: 10}},
	{"openai gpt-4o", "a count below zero is none", []string{
		`{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":-5}}`,
	}, counts{fresh: 100, text: 10}},
	{"xai grok-4.3", "thoughts within the completion after all", []string{
		`{"prompt_tokens":100,"completion_tokens":30,"total_tokens":130,"completion_tokens_details":{"reasoning_tokens":20}}`,
	}, counts{fresh: 100, text: 10, reasoning: 20}},
	{"deepseek deepseek-v4-pro", "half a nano-dollar rounds up", []string{
		`{"prompt_tokens":4,"completion_tokens":0,"prompt_cache_hit_tokens":4}`,
	}, counts{read: 4}},
	{"deepseek deepseek-v4-pro", "a quarter of a nano-dollar rounds down", []string{
		`{"prompt_tokens":2,"completion_tokens":0,"prompt_cache_hit_tokens":2}`,
	}, counts{read: 2}},
	{"gemini gemini-2.5-pro", "only thoughts", []string{`{"promptTokenCount":9,"thoughtsTokenCount":1000,"totalTokenCount":1009}`}, counts{fresh: 9, reasoning: 1000}},
	{"bedrock eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "only writes for an hour", []string{
		`{"inputTokens":1,"outputTokens":2,"cacheWriteInputTokens":30,"cacheDetails":[{"ttl":"1h","inputTokens":30}]}`,
	}, counts{fresh: 1, hour: 30, text: 2}},
	{"openai gpt-5", "input without output", []string{`{"input_tokens":12345,"output_tokens":0,"total_tokens":12345}`}, counts{fresh: 12345}},
	{"alibaba qwen-plus", "a trillion tokens are the most that is believed", []string{
		`{"prompt_tokens":1000000000000,"completion_tokens":1000000000000,"completion_tokens_details":{"reasoning_tokens":999999999999}}`,
	}, counts{fresh: 1_000_000_000_000, text: 1, reasoning: 999_999_999_999}},
	{"openai text-embedding-3-small", "one token", []string{`{"prompt_tokens":1,"total_tokens":1}`}, counts{fresh: 1}},
}
