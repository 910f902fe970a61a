package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/xds/catalog/internal/listing"
)

func TestAKeyIsWhatAllCallAModel(t *testing.T) {
	for _, test := range []struct {
		creator string
		same    []string
	}{
		{"anthropic", []string{"claude-opus-4-5", "claude-opus-4.5", "Claude Opus 4.5 (latest)", "claude-opus-4-5-20251101", "AU Anthropic Claude Opus 4.5"}},
		{"anthropic", []string{"claude-3-5-haiku", "Claude Haiku 3.5", "claude-haiku-3.5"}},
		{"meta", []string{"llama3-3-70b-instruct", "llama-3.3-70b", "Llama-3.3-70B-Instruct", "meta-llama-3.3-70b"}[:3]},
		{"meta", []string{"llama-4-scout-17b-16e-instruct", "Llama 4 Scout 17B", "llama4-scout-17b-instruct"}},
		{"moonshotai", []string{"kimi-k2.6", "Kimi K2.6", "kimi-k2-6"}},
		{"alibaba", []string{"qwen3-32b", "qwen-3-32b", "Qwen3 32B (dense)", "Qwen3-32B-FP8"}},
		{"zai", []string{"glm-4.7", "Z.AI GLM-4.7", "zai-glm-4.7"}},
		{"cohere", []string{"command-r-plus-08-2024", "command-r+ 08-2024"}},
	} {
		for _, name := range test.same[1:] {
			if a, b := key(test.creator, test.same[0]), key(test.creator, name); a != b {
				t.Errorf("%q is %q, %q is %q", test.same[0], a, name, b)
			}
		}
	}
	for _, pair := range [][2]string{
		{"gpt-4o", "gpt-4o-mini"},
		{"gpt-4o", "gpt-4o-2024-08-06"},
		{"gpt-4", "gpt-4-32k"},
		{"grok-4-fast-reasoning", "grok-4-fast-non-reasoning"},
		{"llama-3-8b", "llama-3.8b"},
		{"glm-5", "glm-5.1"},
		{"kimi-k2-0905", "kimi-k2"},
		{"phi-3-mini-4k", "phi-3-mini-128k"},
	} {
		if a, b := key("x", pair[0]), key("x", pair[1]); a == b {
			t.Errorf("%q and %q are both %q", pair[0], pair[1], a)
		}
	}
}

// data has what the joins and the prices are about, in the form of models.dev.
const data = `{
"vercel": {"models": {
  "openai/gpt-9": {"base_model": "openai/gpt-9", "name": "GPT 9", "release_date": "2026-01-02", "limit": {"context": 10, "output": 1}, "modalities": {"input": ["text"], "output": ["text"]}},
  "acme/only-here": {"name": "Only Here", "release_date": "2026-01-02", "limit": {"context": 10, "output": 1}, "modalities": {"input": ["text"], "output": ["text"]}}
}},
"openai": {"models": {
  "gpt-9": {"name": "GPT-9", "family": "gpt", "release_date": "2026-01-03", "tool_call": true, "structured_output": false, "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text", "image"], "output": ["text"]},
    "cost": {"input": 0.049999999999999996, "output": 37.5, "cache_read": 0, "tiers": [{"input": 8.75, "output": 40, "tier": {"size": 200000}}]}},
  "gpt-9-pro": {"name": "GPT-9 Pro", "family": "gpt", "release_date": "2026-01-03", "reasoning": true, "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 1, "output": 0}},
  "gpt-8": {"name": "GPT-8", "family": "gpt", "status": "deprecated", "release_date": "2025", "limit": {"context": 1}, "modalities": {"input": ["text"], "output": ["text"]}},
  "text-embedding-9": {"name": "text-embedding-9", "family": "text-embedding", "release_date": "2026-01", "limit": {"context": 8191, "output": 1536}, "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 0.02, "output": 0}},
  "gpt-image-9": {"name": "gpt-image-9", "release_date": "2026-01-02", "limit": {"context": 1}, "modalities": {"input": ["text"], "output": ["image"]}}
}},
"azure": {"models": {
  "gpt-9": {"base_model": "openai/gpt-9", "name": "GPT 9", "family": "gpt", "release_date": "2026-03-30", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 1, "output": 2}},
  "claude-x-4-5": {"name": "Claude X 4.5", "family": "claude-x", "release_date": "2026-02-01", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text"], "output": ["text"]}, "provider": {"npm": "@ai-sdk/anthropic", "api": "https://x/anthropic/v1"}},
  "odd": {"name": "Odd", "family": "gpt", "release_date": "2026-02-01", "limit": {"context": 1000}, "modalities": {"input": ["text"], "output": ["text"]}, "provider": {"npm": "other"}}
}},
"anthropic": {"models": {
  "claude-x-4-5": {"name": "Claude X 4.5 (latest)", "family": "claude-x", "release_date": "2026-02-01", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "cost": {"input": 3, "output": 15, "cache_write": 3.75}},
  "claude-x-4-5-20260201": {"name": "Claude X 4.5", "family": "claude-x", "release_date": "2026-02-01", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "cost": {"input": 3, "output": 15, "cache_write": 3.75}}
}},
"amazon-bedrock": {"models": {
  "anthropic.claude-x-4-5-20260201-v1:0": {"name": "Claude X 4.5", "family": "claude-x", "release_date": "2026-02-01", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 3, "output": 15}},
  "global.anthropic.claude-x-4-5-20260201-v1:0": {"name": "Claude X 4.5 (Global)", "family": "claude-x", "release_date": "2026-02-01", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 3, "output": 15}}
}},
"openrouter": {"models": {
  "openai/gpt-9": {"name": "OpenAI: GPT-9", "release_date": "2026-01-05", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 0, "output": 0}},
  "openai/gpt-9:free": {"base_model": "openai/gpt-9", "name": "GPT-9 (free)", "release_date": "2026-01-03", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 0, "output": 0}},
  "openai/gpt-9-omega": {"name": "GPT-9", "release_date": "2024-01-01", "limit": {"context": 1000, "output": 100}, "modalities": {"input": ["text"], "output": ["text"]}}
}},
"elsewhere": {"models": {"x": {"name": "X", "release_date": "2026-01-02", "limit": {"context": 1}, "modalities": {"input": ["text"], "output": ["text"]}}}}
}`

const wantModels = `{"name":"anthropic/claude-x-4-5","title":"Claude X 4.5","created":"2026-02-01","aliases":["anthropic/claude-x-4-5-20260201"],"hosts":[` +
	`{"at":"anthropic","id":"claude-x-4-5-20260201","context":1000,"output":100,"able":["images","files","json_schema"],"prices":{"input":3,"output":15,"cache_write":3.75,"cache_write_hour":6}},` +
	`{"at":"azure-anthropic","id":"claude-x-4-5","context":1000,"output":100,"able":["json_schema"]},` +
	`{"at":"bedrock","id":"anthropic.claude-x-4-5-20260201-v1:0","context":1000,"output":100,"able":["json_schema"],"prices":{"input":3.3,"output":16.5}},` +
	`{"at":"bedrock","id":"global.anthropic.claude-x-4-5-20260201-v1:0","area":"global","context":1000,"output":100,"able":["json_schema"],"prices":{"input":3,"output":15}}]},
{"name":"openai/gpt-9","title":"GPT-9","created":"2026-01-03","hosts":[` +
	`{"at":"azure","id":"gpt-9","context":1000,"output":100,"able":["json_schema"],"prices":{"input":1,"output":2}},` +
	`{"at":"openai","id":"gpt-9","context":1000,"output":100,"able":["tools","images","files"],"prices":{"input":0.05,"output":37.5,"tiers":[{"over":200000,"input":8.75,"output":40}]}},` +
	`{"at":"openrouter","id":"openai/gpt-9","context":1000,"output":100,"able":["files","json_schema"]}]},
{"name":"openai/gpt-9-omega","title":"GPT-9","created":"2024-01-01","hosts":[{"at":"openrouter","id":"openai/gpt-9-omega","context":1000,"output":100,"able":["files","json_schema"]}]},
{"name":"openai/gpt-9-pro","title":"GPT-9 Pro","created":"2026-01-03","hosts":[{"at":"openai","id":"gpt-9-pro","dialects":["responses"],"context":1000,"output":100,"able":["json_schema","reasoning"]}]},
{"name":"openai/gpt-9:free","title":"GPT-9","created":"2026-01-03","hosts":[{"at":"openrouter","id":"openai/gpt-9:free","context":1000,"output":100,"able":["files","json_schema"],"prices":{"input":0,"output":0}}]},
{"name":"openai/text-embedding-9","title":"text-embedding-9","hosts":[{"at":"openai","id":"text-embedding-9","context":8191,"able":["embeddings"],"prices":{"input":0.02,"output":0}}]}
`

func TestRowsJoinByTheirSignsAndOtherwiseStayApart(t *testing.T) {
	rows, skipped, err := readRows([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := listing.Encode(&listing.List{Models: list(join(rows))})
	if err != nil {
		t.Fatal(err)
	}
	_, models, _ := strings.Cut(string(text), "[\n")
	models = strings.TrimSuffix(models, "]}\n")
	if diff := cmp.Diff(wantModels, models); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{
		"deprecated by its provider": 1, "from a provider without a preset": 1, "with an API of its own": 1, "without text in its output": 1,
	}, skipped); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}

func TestTheCommandWritesTheSameListAgain(t *testing.T) {
	dir := t.TempDir()
	in, file := filepath.Join(dir, "data.json"), filepath.Join(dir, "list.json")
	if err := os.WriteFile(in, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-data", in, "-date", "2026-07-02", "-revision", "abc", "-o", file, "-compare=false", "-v"}
	var lists [2][]byte
	for i := range lists {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lists[i] = text
		if said := "6 models with 1 aliases at 6 presets: 11 hosts, 7 with a price"; !strings.Contains(out.String(), said) {
			t.Errorf("no %q in\n%s", said, out.String())
		}
		if !bytes.Contains(text, []byte(`commit abc`)) || !bytes.Contains(text, []byte(`"date":"2026-07-02"`)) {
			t.Errorf("the list does not say where it comes from: %.300s", text)
		}
	}
	if !bytes.Equal(lists[0], lists[1]) {
		t.Error("the second list is another")
	}
	if err := run(t.Context(), []string{"-data", in}, &bytes.Buffer{}); err == nil {
		t.Error("a list without a date is written")
	}
}

func TestPricesThatDifferByMoreThanAHundredthAreNamed(t *testing.T) {
	ours := &listing.Prices{
		Rates: listing.Rates{Input: "3", Output: "15", CacheRead: "0.3"},
		Tiers: []listing.Tier{{Over: 200_000, Rates: listing.Rates{Input: "6"}}},
	}
	other := map[string]theirs{}
	for name, text := range map[string]string{
		"input_mtok": `{"base":3.02,"tiers":[{"start":200000,"price":5}]}`, "output_mtok": "15.2", "cache_read_mtok": "0.303", "cache_write_mtok": "9", "requests_kcount": "5",
	} {
		var p theirs
		if err := p.UnmarshalJSON([]byte(text)); err != nil {
			t.Fatal(err)
		}
		other[name] = p
	}
	want := []string{"input over 200000 6 here, 5 there", "output 15 here, 15.2 there"}
	if diff := cmp.Diff(want, differ(ours, other)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
