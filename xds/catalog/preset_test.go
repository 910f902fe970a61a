package catalog

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestTheBundledPresetsAreSound(t *testing.T) {
	all, err := bundled()
	if err != nil {
		t.Fatal(err)
	}
	local := []string{"lmstudio", "ollama", "vllm"}
	unlisted := append([]string{"sambanova"}, local...) // the data has none of their models
	list, err := known()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all.names() {
		p := all[name]
		if len(p.dialects) == 0 {
			t.Errorf("%s speaks nothing", name)
		}
		if slices.Contains(local, name) != (len(p.credentials) == 0) {
			t.Errorf("%s has the credentials %v", name, p.credentials)
		}
		if n := len(list.hosts[name]); slices.Contains(unlisted, name) != (n == 0) {
			t.Errorf("%s serves %d models of the list", name, n)
		}
		for _, text := range append(slices.Collect(maps.Values(p.regional)), p.baseURL) {
			u, wrong, _ := parseBaseURL(text.fill(func(what string) string { return what }))
			if wrong != "" || u.TLS == slices.Contains(local, name) {
				t.Errorf("%s: %s %s", name, text, wrong)
			}
		}
	}
	for preset := range list.hosts {
		if all[preset] == nil || all[preset].name != preset {
			t.Errorf("the list has models at %q, which is no preset", preset)
		}
	}
	for preset, dialects := range vendors {
		if all[preset] == nil || !slices.Contains(dialects, all[preset].dialects[0]) {
			t.Errorf("%s is a vendor of %v", preset, dialects)
		}
	}
}

func TestABadPresetIsRefusedLikeABadCatalog(t *testing.T) {
	_, err := parsePresets("p.yaml", []byte(`presets:
  Up:
    base_url: http://example.com
    regional: {eu: "https://a b"}
    dialects: [openai, morse]
    platform: moon
    credential: [sk-abc]
    quirks: {max_tokens: tokens, seed: "a b", refuses: ["1"]}
  short: {dialects: [openai], bse_url: x}
  there: {base_url: "https://{region}.example", dialects: [openai], aliases: [short]}
`))
	want := `p.yaml:2:3: presets.Up: is not a name for a preset; write 1 to 63 of a-z, 0-9 and -, not - first
p.yaml:3:15: presets.Up.base_url: is plain http to another host; write https://; http is only for 127.0.0.0/8, [::1] and localhost
p.yaml:4:20: presets.Up.regional.eu: holds a space, a control character or a letter outside ASCII; write https://host/path, such as https://api.openai.com/v1
p.yaml:5:24: presets.Up.dialects[1]: "morse" is not served; this build speaks to providers in: openai, responses, anthropic, gemini, bedrock
p.yaml:6:15: presets.Up.platform: "moon" is not a platform; write azure or vertex, or leave it out
p.yaml:7:18: presets.Up.credential[0]: is not a reference; write env:NAME for an environment variable, file:PATH for a file, or aws:, gcp: or azure: for a cloud's own credentials, never the key itself
p.yaml:8:26: presets.Up.quirks.max_tokens: "tokens" is not known; write one of max_tokens, max_completion_tokens
p.yaml:8:40: presets.Up.quirks.seed: "a b" is not a word; write letters, digits and _
p.yaml:8:57: presets.Up.quirks.refuses[0]: "1" is not the name of a request member; write a name such as logit_bias
p.yaml:9:3: presets.short.base_url: is missing; add base_url: and its value
p.yaml:9:31: presets.short.bse_url: is not a known field; did you mean base_url?
p.yaml:10:3: presets.there.variables: does not say where region comes from; name the environment variables that hold it
p.yaml:10:79: presets.there.aliases[0]: "short" names another preset; give each its own name`
	if err == nil || err.Error() != want {
		t.Errorf("-want +got:\n%s", cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")))
	}
}

func targets(m *Model) []string {
	var names []string
	for _, t := range m.Targets {
		names = append(names, t.Provider.Name+" "+t.ID)
	}
	return names
}

func TestPresetsThatServeTheSameModelJoinInTheOrderOfTheSource(t *testing.T) {
	c := parse(t, "providers:\n  together: {}\n  groq-b: {preset: groq}\n  cerebras: {}\n  groq-a: {preset: groq}\n")
	want := []string{"together openai/gpt-oss-120b", "groq-b openai/gpt-oss-120b", "cerebras gpt-oss-120b", "groq-a openai/gpt-oss-120b"}
	if diff := cmp.Diff(want, targets(c.Model("openai/gpt-oss-120b"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAModelOfTheOperatorReplacesThePresets(t *testing.T) {
	c := parse(t, `
providers: {openai: {}, openrouter: {}, local: {dialect: openai, base_url: "http://127.0.0.1:1"}}
models:
  openai/gpt-5.5: {targets: [local, openrouter]}
  openai/gpt-5.4-mini: {targets: [{provider: openrouter, context: 1000}, {provider: openai, id: other}]}
`)
	m := c.Model("openai/gpt-5.5")
	if diff := cmp.Diff([]string{"local gpt-5.5", "openrouter openai/gpt-5.5"}, targets(m)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if m.Targets[0].Context != 0 || m.Targets[1].Context == 0 {
		t.Errorf("contexts %d and %d: only the preset's is known", m.Targets[0].Context, m.Targets[1].Context)
	}
	m = c.Model("openai/gpt-5.4-mini")
	if m.Targets[0].Context != 1000 || m.Targets[1].Context != 0 {
		t.Errorf("contexts %d and %d: one is given, the other's id is not the preset's", m.Targets[0].Context, m.Targets[1].Context)
	}
	if len(targets(c.Model("openai/gpt-4o"))) != 2 {
		t.Error("what the operator did not define is gone")
	}
}

func TestFromEnvironmentTakesThePresetsThatHaveAKey(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"XAI_API_KEY": "a", "GROQ_API_KEY": "b", "OPENAI_API_KEY": "", "PATH": "x"}[name]
		return v, ok
	}
	key := Key{Name: `made "here"`, Models: []string{"xai/*"}}
	src, enabled := FromEnvironment(env, Key{Name: "first", Hash: [32]byte{1, 2}, Models: []string{"xai/*", "*"}}, Key{Name: "second"})
	if diff := cmp.Diff([]string{"groq", "xai"}, enabled); diff != "" {
		t.Errorf("enabled (-want +got):\n%s", diff)
	}
	c, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Providers) != 2 || c.Provider("groq") == nil || c.Provider("xai") == nil || c.Open {
		t.Errorf("providers %v, open %t", c.Providers, c.Open)
	}
	if diff := cmp.Diff([]Key{{Name: "first", Hash: [32]byte{1, 2}, Models: []string{"xai/*", "*"}}, {Name: "second"}}, c.Keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if src, _ := FromEnvironment(env, key); bytes.Contains(src.Data, []byte(": \"b\"")) {
		t.Error("a value of the environment is in the text")
	} else if _, err := Parse(src); err == nil || !strings.Contains(err.Error(), "keys[0].name") {
		t.Errorf("a key's name that is none: %v", err)
	}
}

func TestFromEnvironmentWithoutKeysSaysWhatToAdd(t *testing.T) {
	src, enabled := FromEnvironment(func(string) (string, bool) { return "", false })
	if len(enabled) != 0 {
		t.Errorf("enabled %v", enabled)
	}
	if _, err := Parse(src); err == nil || !strings.Contains(err.Error(), "no provider is configured; add one") {
		t.Error(err)
	}
}

func TestDemoIsTheSimulatorsCatalog(t *testing.T) {
	c, err := Parse(Demo(DemoAddresses{"http://127.0.0.1:7001/v1", "http://127.0.0.1:7002", "http://[::1]:7003", "http://localhost:7004"}))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Open || c.Provider("beta").BaseURL.Port != 7002 || c.Provider("alpha").Credential != (Reference{}) {
		t.Errorf("open %t, beta %+v", c.Open, c.Provider("beta"))
	}
	got := map[string][]string{}
	for _, m := range c.Models {
		got[m.Name] = targets(m)
	}
	want := map[string][]string{
		"sim/chat":      {"alpha chat", "beta chat", "gamma chat", "delta chat"},
		"sim/openai":    {"alpha openai"},
		"sim/anthropic": {"beta anthropic"},
		"sim/gemini":    {"gamma gemini"},
		"sim/bedrock":   {"delta bedrock"},
		"sim/embedding": {"alpha embedding", "gamma embedding", "delta amazon.titan-embed-text-v2:0"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for provider, speaks := range map[string]llm.Dialect{"alpha": llm.OpenAI, "beta": llm.Anthropic, "gamma": llm.Gemini, "delta": llm.Bedrock} {
		if got := c.Provider(provider).Dialects[0]; got != speaks {
			t.Errorf("%s speaks %s, want %s", provider, got, speaks)
		}
	}
	if _, err := Parse(Demo(DemoAddresses{"http://10.0.0.1", "\x00\"", "http://localhost", "http://localhost"})); err == nil {
		t.Error("addresses off loopback are accepted")
	}
}
