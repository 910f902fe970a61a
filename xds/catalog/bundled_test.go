package catalog

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog/internal/listing"
)

func TestTheBundledListIsSound(t *testing.T) {
	k, err := known()
	if err != nil {
		t.Fatal(err)
	}
	if len(k.models) < 400 || len(k.hosts) < 30 || len(bundledSource) > 300<<10 {
		t.Errorf("%d models at %d presets in %d bytes", len(k.models), len(k.hosts), len(bundledSource))
	}
	aliases := map[string]string{}
	for i := range k.models {
		m := &k.models[i]
		if !validModel(m.name) || m.title == "" || len(m.hosts) == 0 || i > 0 && k.models[i-1].name >= m.name {
			t.Errorf("model %+v", m)
		}
		for _, alias := range m.aliases {
			if other := aliases[alias]; other != "" || !validModel(alias) || slices.ContainsFunc(k.models, func(other knownModel) bool { return other.name == alias }) {
				t.Errorf("alias %s of %s, and of %q", alias, m.name, other)
			}
			aliases[alias] = m.name
		}
		for j := range m.hosts {
			h := &m.hosts[j]
			if !providerID.MatchString(h.ID) || h.Context < 0 || h.Context > maxContext || h.Output < 0 || !h.Judged {
				t.Errorf("%s at %+v", m.name, h)
			}
			if slices.ContainsFunc(m.hosts[:j], func(other knownHost) bool { return other.preset == h.preset && other.area == h.area }) {
				t.Errorf("%s is twice at %s in %q", m.name, h.preset, h.area)
			}
			if h.Prices != nil && (!h.Prices.Input.Set() || !h.Prices.Output.Set()) {
				t.Errorf("%s at %s has half a price", m.name, h.preset)
			}
		}
	}
	list, err := listing.Decode(bundledSource)
	if err != nil {
		t.Fatal(err)
	}
	again, err := listing.Encode(list)
	if err != nil || !bytes.Equal(again, bundledSource) {
		t.Errorf("written again it is another: %v", err)
	}
	if !strings.Contains(list.Source, "models.dev") || !strings.Contains(list.Source, "presets.LICENSE") {
		t.Errorf("the source of the data is not named: %s", list.Source)
	}
}

// The facts of some models, from their vendors' pages.
func TestTheBundledListSaysWhatVendorsSay(t *testing.T) {
	c := parse(t, "providers: {openai: {}, anthropic: {}, gemini: {}, nvidia: {}, xai: {}}")
	for _, test := range []struct {
		model, provider string
		dialects        []llm.Dialect
		context, output int64
		able, unable    llm.Needs
		prices          string
	}{
		{"openai/gpt-4o-mini", "openai", []llm.Dialect{"openai", "responses"}, 128_000, 16_384, llm.NeedTools | llm.NeedImages | llm.NeedFiles | llm.NeedLogprobs, llm.NeedAudio | llm.NeedReasoning, "input 0.15 output 0.6 cache_read 0.075"},
		{"openai/gpt-5.4-pro", "openai", []llm.Dialect{"responses"}, 1_050_000, 128_000, llm.NeedReasoning, llm.NeedChoices, "input 30 output 180 over 272000 input 60 output 270"},
		{"openai/text-embedding-3-small", "openai", []llm.Dialect{"openai", "responses"}, 8191, 0, llm.NeedEmbeddings, llm.NeedTools, "input 0.02 output 0"},
		{"anthropic/claude-sonnet-4", "anthropic", []llm.Dialect{"anthropic"}, 200_000, 64_000, llm.NeedTools | llm.NeedImages | llm.NeedReasoning, llm.NeedAudio | llm.NeedLogprobs, "input 3 output 15 cache_read 0.3 cache_write 3.75 cache_write_hour 6"},
		{"google/gemini-2.5-pro", "gemini", []llm.Dialect{"gemini"}, 1_048_576, 65_536, llm.NeedVideo | llm.NeedAudio | llm.NeedFiles, llm.NeedAudioOut, "input 1.25 output 10 cache_read 0.125 over 200000 input 2.5 output 15 cache_read 0.25"},
		{"openai/gpt-oss-120b", "nvidia", []llm.Dialect{"openai"}, 128_000, 8192, llm.NeedTools, llm.NeedImages, "unknown"},
		{"xai/grok-4.20-multi-agent", "xai", []llm.Dialect{"responses"}, 1_000_000, 30_000, llm.NeedReasoning, llm.NeedTools, "input 1.25 output 2.5 cache_read 0.2 over 200000 input 2.5 output 5 cache_read 0.4"},
	} {
		m := c.Model(test.model)
		if m == nil {
			t.Errorf("%s is not there", test.model)
			continue
		}
		got, _ := m.Target(test.provider)
		if !slices.Equal(got.Dialects, test.dialects) || got.Context != test.context || got.Output != test.output ||
			!got.Able.Has(test.able) || got.Able&test.unable != 0 || priced(got.Prices) != test.prices {
			t.Errorf("%s: %s %d %d %q %s", test.model, joined(got.Dialects), got.Context, got.Output, got.Able, priced(got.Prices))
		}
	}
}

func TestDatedAndOtherNamesResolve(t *testing.T) {
	c := parse(t, "providers: {openai: {}, anthropic: {}, bedrock: {region: us-east-1}, groq: {}}\naliases: {\"gpt-5-2025-08-07\": openai/gpt-4o, fast: openai/gpt-5-mini-2025-08-07}")
	for name, want := range map[string]string{
		"anthropic/claude-sonnet-4-20250514": "anthropic/claude-sonnet-4",
		"anthropic/claude-sonnet-4-5":        "anthropic/claude-sonnet-4.5",
		"claude-sonnet-4-5-20250929":         "anthropic/claude-sonnet-4.5",
		"claude-opus-4-0":                    "anthropic/claude-opus-4",
		"openai/gpt-4.1-2025-04-14":          "openai/gpt-4.1",
		"o3-2025-04-16":                      "openai/o3",
		"openai/gpt-4o-2024-11-20":           "openai/gpt-4o-2024-11-20", // another snapshot, at another price
		"meta-llama/llama-3.3-70b-instruct":  "meta/llama-3.3-70b",
		"llama-3.3-70b-versatile":            "meta/llama-3.3-70b",
		"gpt-5-2025-08-07":                   "openai/gpt-4o", // the operator's word goes first
		"fast":                               "openai/gpt-5-mini",
	} {
		if m, err := c.Resolve(name, ""); err != nil || m.Name != want {
			t.Errorf("%s is %v, %v; want %s", name, m, err, want)
		}
	}
	if m, err := parse(t, "providers: {groq: {}}").Resolve("claude-sonnet-4-5", ""); err == nil {
		t.Errorf("%s is not served", m.Name)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Resolve("claude-sonnet-4-5-20250929", "") }); n > 0 {
		t.Errorf("a hit allocates %v times", n)
	}
}

func TestARegionServesTheModelsOfItsPartOfTheWorld(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1":      "us.anthropic.claude-sonnet-4-5-20250929-v1:0 3.3",
		"eu-central-1":   "eu.anthropic.claude-sonnet-4-5-20250929-v1:0 3.3",
		"ap-northeast-1": "jp.anthropic.claude-sonnet-4-5-20250929-v1:0 3.3",
		"ap-southeast-2": "au.anthropic.claude-sonnet-4-5-20250929-v1:0 3.3",
		"ap-south-1":     "global.anthropic.claude-sonnet-4-5-20250929-v1:0 3",
		"sa-east-1":      "global.anthropic.claude-sonnet-4-5-20250929-v1:0 3",
		"us-gov-west-1":  "anthropic.claude-sonnet-4-5-20250929-v1:0 3.3",
	} {
		c := parse(t, "providers: {bedrock: {region: "+region+"}}")
		got, _ := c.Model("anthropic/claude-sonnet-4.5").Target("bedrock")
		if shown := got.ID + " " + got.Prices.Input.Or(0).PerMillion(); shown != want {
			t.Errorf("%s: %s, want %s", region, shown, want)
		}
	}
	if c := parse(t, "providers: {bedrock: {region: us-gov-west-1}}"); c.Model("anthropic/claude-fable-5") != nil {
		t.Error("a model without a profile of that part is served")
	}
	vertex := func(region string) string {
		c := parse(t, "providers: {vertex: {project: p, region: "+region+"}}")
		claude, _ := c.Model("anthropic/claude-sonnet-4.5").Target("vertex")
		gemini, _ := c.Model("google/gemini-2.5-pro").Target("vertex")
		return priced(claude.Prices) + " " + joined(claude.Dialects) + " " + joined(gemini.Dialects)
	}
	if diff := cmp.Diff("input 3 output 15 cache_read 0.3 cache_write 3.75 cache_write_hour 6 anthropic gemini", vertex("global")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff("input 3.3 output 16.5 cache_read 0.33 cache_write 4.125 cache_write_hour 6.6 anthropic gemini", vertex("europe-west1")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestATargetSpeaksTheClientsDialectIfItCan(t *testing.T) {
	target := Target{Dialects: []llm.Dialect{llm.OpenAI, llm.Responses}}
	for client, want := range map[llm.Dialect]llm.Dialect{
		llm.OpenAI: llm.OpenAI, llm.Responses: llm.Responses, llm.Anthropic: llm.OpenAI, "": llm.OpenAI,
	} {
		if got := target.Dialect(client); got != want {
			t.Errorf("to %q: %s, want %s", client, got, want)
		}
	}
}

func TestTheOperatorsWordOnDialectsHolds(t *testing.T) {
	c := parse(t, `
providers: {openai: {dialects: [openai]}, both: {preset: openai}}
models:
  a/by-id: {targets: [{provider: openai, id: gpt-5.4-pro}, {provider: both, id: gpt-5.4-pro}]}
  a/own: {targets: [{provider: openai, id: gpt-5.4-pro, dialects: [responses]}]}
`)
	for _, test := range []struct{ model, provider, want string }{
		{"openai/gpt-5.4-pro", "openai", "openai"},
		{"openai/gpt-5.4-pro", "both", "responses"},
		{"openai/gpt-5.5", "both", "openai, responses"},
		{"a/by-id", "openai", "openai"},
		{"a/by-id", "both", "responses"},
		{"a/own", "openai", "responses"},
	} {
		if got, _ := c.Model(test.model).Target(test.provider); joined(got.Dialects) != test.want {
			t.Errorf("%s at %s speaks %s, want %s", test.model, test.provider, joined(got.Dialects), test.want)
		}
	}
}

func TestABrokenListIsAnError(t *testing.T) {
	for _, text := range []string{
		"", "{", `{"date":"soon"}`, `{"date":"2026-01-02","models":[{"name":"a/b","created":"x"}]}`,
		`{"date":"2026-01-02","models":[{"name":"a/b","hosts":[{"at":"x","able":["flight"]}]}]}`,
		`{"date":"2026-01-02","models":[{"name":"a/b","hosts":[{"at":"x","prices":{"input":-1}}]}]}`,
		`{"date":"2026-01-02","models":[{"name":"a/b","hosts":[{"at":"x","prices":{"tiers":[{"over":1,"input":1e99}]}}]}]}`,
		`{"date":"2026-01-02","size":1}`,
	} {
		if k, err := readKnown([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", text, k)
		}
	}
}
