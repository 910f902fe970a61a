package main

import (
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// The tables of this file are decisions taken by hand. What they name but the
// data lacks does no harm.

// sources are the providers of the data and the presets that reach them.
var sources = map[string]struct{ preset string }{
	"alibaba": {"alibaba"}, "amazon-bedrock": {"bedrock"}, "anthropic": {"anthropic"}, "azure": {"azure"},
	"baseten": {"baseten"}, "cerebras": {"cerebras"}, "cohere": {"cohere"}, "deepinfra": {"deepinfra"},
	"deepseek": {"deepseek"}, "fireworks-ai": {"fireworks"}, "google": {"gemini"}, "google-vertex": {"vertex"},
	"google-vertex-anthropic": {"vertex"}, "groq": {"groq"}, "huggingface": {"huggingface"}, "inception": {"inception"},
	"minimax": {"minimax"}, "mistral": {"mistral"}, "moonshotai": {"moonshotai"}, "morph": {"morph"},
	"nebius": {"nebius"}, "novita-ai": {"novita"}, "nvidia": {"nvidia"}, "openai": {"openai"},
	"openrouter": {"openrouter"}, "perplexity": {"perplexity"}, "stepfun": {"stepfun"}, "togetherai": {"together"},
	"xai": {"xai"}, "xiaomi": {"xiaomi"}, "zai": {"zai"},
}

// elsewhere are models that a provider serves at another address, and so by
// another preset: api is the end of that address.
var elsewhere = []struct{ slug, npm, api, preset string }{
	{"azure", "@ai-sdk/anthropic", "", "azure-anthropic"},
	{"cohere", "@ai-sdk/openai-compatible", "", "cohere"}, // the address that the preset has for all
	{"google-vertex", "@ai-sdk/google-vertex/anthropic", "", "vertex"},
	{"google-vertex", "@ai-sdk/openai-compatible", "/endpoints/openapi", "vertex-openapi"},
}

// owners are the creators whose own API a provider of the data is.
var owners = map[string]string{
	"alibaba": "alibaba", "anthropic": "anthropic", "cohere": "cohere", "deepseek": "deepseek", "google": "google",
	"inception": "inception", "minimax": "minimax", "mistral": "mistral", "moonshotai": "moonshotai", "morph": "morph",
	"nvidia": "nvidia", "openai": "openai", "perplexity": "perplexity", "stepfun": "stepfun", "xai": "xai",
	"xiaomi": "xiaomi", "zai": "zai",
}

// otherAPIs are words in ids of models that no surface of the gateway serves.
var otherAPIs = []string{
	"realtime", "livetranslate", "-tts", "tts-", "-asr", "whisper", "transcribe", "rerank", "voicechat", "lyria",
	"gpt-3.5-turbo-instruct", "model-router", "mercury-edit", "image-latest", "esm2", "esmfold", "gliner", "studiovoice",
	"paligemma", "prompt-guard",
}

// routers pick a model themselves: nobody can tell what they are able to do or
// what they cost.
var routers = []string{
	"openrouter:openrouter/auto", "openrouter:openrouter/bodybuilder", "openrouter:openrouter/free",
	"openrouter:openrouter/fusion", "openrouter:openrouter/pareto-code", "openrouter:switchpoint/router", "morph:auto",
}

// creators are the prefixes under which providers list a creator's models.
var creators = map[string]string{
	"zai-org": "zai", "z-ai": "zai", "zhipuai": "zai", "thudm": "zai",
	"qwen":       "alibaba",
	"meta-llama": "meta", "facebook": "meta",
	"minimaxai":   "minimax",
	"deepseek-ai": "deepseek",
	"x-ai":        "xai",
	"mistralai":   "mistral",
	"moonshot":    "moonshotai",
	"stepfun-ai":  "stepfun",
	"xiaomimimo":  "xiaomi",
	"liquidai":    "liquid", "bytedance-seed": "bytedance", "ibm-granite": "ibm", "black-forest-labs": "bfl",
}

// families say who makes a model that a host of many lists without a prefix.
var families = []struct{ prefix, creator string }{
	{"gpt", "openai"},
	{"text-embedding-3", "openai"},
	{"text-embedding-ada", "openai"},
	{"o1", "openai"},
	{"o3", "openai"},
	{"o4", "openai"},
	{"codex", "openai"},
	{"claude", "anthropic"},
	{"llama", "meta"},
	{"meta-llama", "meta"},
	{"phi", "microsoft"},
	{"deepseek", "deepseek"},
	{"grok", "xai"},
	{"kimi", "moonshotai"},
	{"mistral", "mistral"},
	{"ministral", "mistral"},
	{"codestral", "mistral"},
	{"command", "cohere"},
	{"cohere", "cohere"},
	{"gemini", "google"},
	{"gemma", "google"},
	{"glm", "zai"},
	{"zai-glm", "zai"},
	{"minimax", "minimax"},
	{"qwen", "alibaba"},
	{"nemotron", "nvidia"},
}

// silent are words that say nothing about which model it is.
var silent = []string{"instruct", "it", "fp8", "bf16", "z.ai", "openai", "nvidia", "meta", "google", "anthropic", "au"}

// misnamed are rows whose name says something else than their id, and the name
// to go by.
var misnamed = map[string]string{
	"vercel:deepseek/deepseek-v3":          "DeepSeek V3",
	"vercel:alibaba/qwen-3-235b":           "Qwen3 235B",
	"vercel:alibaba/qwen-3-32b":            "Qwen3 32B",
	"vercel:mistral/mistral-medium":        "Mistral Medium",
	"vercel:mistral/mistral-medium-3.5":    "Mistral Medium 3.5",
	"vercel:zai/glm-4.5-air":               "GLM 4.5 Air",
	"vercel:alibaba/qwen3-coder":           "Qwen3 Coder 480B A35B",
	"groq:llama-3.1-8b-instant":            "Llama 3.1 8B",
	"azure:gpt-4":                          "GPT-4",
	"openrouter:openai/gpt-3.5-turbo-0613": "GPT-3.5 Turbo 0613",
}

// misdated are the release days that the data has wrong.
var misdated = map[string]string{
	"mistral/mistral-large-3":        "2025-12-02", // Mistral's announcement; the data has the month of Large 2.1
	"nvidia/nemotron-3-nano-30b-a3b": "2025-12-15", // as all others have it
}

// wrongBase are rows that the data joins to another model than their own.
var wrongBase = []string{
	"moonshotai:kimi-k2.7-code-highspeed",
}

// named are models that only their maker's ids name, by what he calls them.
var named = map[string]string{
	"mistral:mistral-medium-2505": "mistral/mistral-medium-3",
	"mistral:mistral-medium-2508": "mistral/mistral-medium-3.1",
	"azure:mistral-small-2503":    "mistral/mistral-small-3.1",
	"mistral:mistral-small-2506":  "mistral/mistral-small-3.2",
	"mistral:mistral-small-2603":  "mistral/mistral-small-4",
}

// reviewed joins rows to models by hand; a row whose model is not there stays
// apart.
var reviewed = map[string]string{
	"groq:llama-3.1-8b-instant":                           "meta/llama-3.1-8b",
	"groq:llama-3.3-70b-versatile":                        "meta/llama-3.3-70b",
	"togetherai:meta-llama/Llama-3.3-70B-Instruct-Turbo":  "meta/llama-3.3-70b",
	"deepinfra:meta-llama/Llama-3.3-70B-Instruct-Turbo":   "meta/llama-3.3-70b",
	"mistral:mistral-large-2512":                          "mistral/mistral-large-3",
	"openrouter:mistralai/mistral-large-2512":             "mistral/mistral-large-3",
	"nvidia:mistralai/mistral-large-3-675b-instruct-2512": "mistral/mistral-large-3",
	"nvidia:mistralai/mistral-medium-3-instruct":          "mistral/mistral-medium-3",
	"nvidia:mistralai/mistral-small-4-119b-2603":          "mistral/mistral-small-4",
	"openrouter:mistralai/mistral-small-3.1-24b-instruct": "mistral/mistral-small-3.1",
	"openrouter:mistralai/mistral-small-3.2-24b-instruct": "mistral/mistral-small-3.2",
	"openrouter:mistralai/ministral-14b-2512":             "mistral/ministral-14b",
	"amazon-bedrock:mistral.ministral-3-14b-instruct":     "mistral/ministral-14b",
	"openrouter:mistralai/ministral-8b-2512":              "mistral/ministral-3-8b-instruct",
	"openrouter:mistralai/ministral-3b-2512":              "mistral/ministral-3-3b-instruct",
	"amazon-bedrock:mistral.devstral-2-123b":              "mistral/devstral-2",
	"alibaba:qwen3-coder-480b-a35b-instruct":              "alibaba/qwen3-coder",
	"amazon-bedrock:qwen.qwen3-coder-480b-a35b-v1:0":      "alibaba/qwen3-coder",
	"moonshotai:kimi-k2-0711-preview":                     "moonshotai/kimi-k2",
	"openrouter:amazon/nova-lite-v1":                      "amazon/nova-lite",
	"openrouter:amazon/nova-micro-v1":                     "amazon/nova-micro",
	"openrouter:amazon/nova-pro-v1":                       "amazon/nova-pro",
	"openrouter:openai/gpt-4o-mini-2024-07-18":            "openai/gpt-4o-mini",
}

// snapshots are ids of the one snapshot that an undated id means. Source: the
// page of each model in OpenAI's documentation.
var snapshots = map[string][]string{
	"openai/gpt-4.1":      {"openai/gpt-4.1-2025-04-14"},
	"openai/gpt-4.1-mini": {"openai/gpt-4.1-mini-2025-04-14"},
	"openai/gpt-4.1-nano": {"openai/gpt-4.1-nano-2025-04-14"},
	"openai/gpt-4-turbo":  {"openai/gpt-4-turbo-2024-04-09"},
	"openai/gpt-5":        {"openai/gpt-5-2025-08-07"},
	"openai/gpt-5-mini":   {"openai/gpt-5-mini-2025-08-07"},
	"openai/gpt-5-nano":   {"openai/gpt-5-nano-2025-08-07"},
	"openai/gpt-5-pro":    {"openai/gpt-5-pro-2025-10-06"},
	"openai/gpt-5.1":      {"openai/gpt-5.1-2025-11-13"},
	"openai/gpt-5.2":      {"openai/gpt-5.2-2025-12-11"},
	"openai/gpt-5.2-pro":  {"openai/gpt-5.2-pro-2025-12-11"},
	"openai/o1":           {"openai/o1-2024-12-17"},
	"openai/o1-pro":       {"openai/o1-pro-2025-03-19"},
	"openai/o3":           {"openai/o3-2025-04-16"},
	"openai/o3-mini":      {"openai/o3-mini-2025-01-31"},
	"openai/o3-pro":       {"openai/o3-pro-2025-06-10"},
	"openai/o4-mini":      {"openai/o4-mini-2025-04-16"},
}

// free are the providers whose price of zero means that a model costs nothing.
// Elsewhere it stands for a price that nobody publishes (Nvidia's trial, Hugging
// Face's routes to others).
var free = []string{"zai"}

// hourly are the presets where a cache that lives for an hour costs twice the
// input, of Anthropic's models. Source: Anthropic's documentation, "Prompt
// caching"; Amazon's and Google's price lists say the same.
var hourly = []string{"anthropic", "bedrock", "vertex", "azure-anthropic"}

// readsFiles tells of providers that take PDFs wherever they take images, or
// read them themselves, though the data does not say so. Source: OpenAI's
// documentation, "PDF files"; Anthropic's, "PDF support"; OpenRouter's, "PDF
// inputs".
func readsFiles(r *row) bool {
	sees := slices.Contains(r.Modalities.Input, "image")
	return r.preset == "openrouter" || sees && r.creator == "anthropic" || sees && r.creator == "openai" && (r.preset == "openai" || r.preset == "azure")
}

// callsTools are models that call tools though the data denies it. Source:
// OpenAI's documentation, "Function calling".
var callsTools = []string{
	"openai:gpt-3.5-turbo", "azure:gpt-3.5-turbo-0125", "azure:gpt-3.5-turbo-0613", "azure:gpt-3.5-turbo-1106",
}

// spoken are the dialects of models that do not speak their preset's.
var spoken = []struct {
	presets  []string
	of       func(*row) bool
	dialects []llm.Dialect
}{
	// OpenAI's documentation of each model, "Endpoints": chat completions are
	// missing.
	{[]string{"openai", "azure"}, func(r *row) bool {
		return r.creator == "openai" && (strings.Contains(r.id, "codex") || strings.HasSuffix(r.id, "-pro") || strings.Contains(r.id, "deep-research"))
	}, []llm.Dialect{llm.Responses}},
	{[]string{"xai"}, func(r *row) bool { return strings.Contains(r.id, "multi-agent") }, []llm.Dialect{llm.Responses}},
	// What Azure hosts of others is only served as chat completions.
	{[]string{"azure"}, func(r *row) bool { return r.creator != "openai" }, []llm.Dialect{llm.OpenAI}},
	{[]string{"vertex"}, func(r *row) bool { return r.creator == "anthropic" }, []llm.Dialect{llm.Anthropic}},
	{[]string{"vertex"}, func(*row) bool { return true }, []llm.Dialect{llm.Gemini}},
}
