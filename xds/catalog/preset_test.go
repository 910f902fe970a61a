package catalog

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheBundledPresetsAreSound(t *testing.T) {
	presets, err := bundled()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"cerebras", "deepseek", "fireworks", "groq", "mistral", "openai", "openrouter", "together", "xai"}
	if diff := cmp.Diff(want, sortedKeys(presets)); diff != "" {
		t.Errorf("presets (-want +got):\n%s", diff)
	}
	for _, name := range want {
		p := presets[name]
		if !slices.Contains(served, p.dialect) || !p.baseURL.TLS || p.credential.Scheme != SchemeEnv {
			t.Errorf("%s: dialect %s, %s, %s", name, p.dialect, p.baseURL, p.credential)
		}
		if len(p.models) < 2 || len(p.models) > 8 {
			t.Errorf("%s has %d models", name, len(p.models))
		}
		ids := map[string]bool{}
		for _, m := range p.models {
			if ids[m.id] || m.context < 4096 || m.created.Year() < 2022 {
				t.Errorf("%s: %+v", name, m)
			}
			ids[m.id] = true
			if p.model(m.name) == nil || p.model(m.name).id != m.id {
				t.Errorf("%s: model(%q) is another", name, m.name)
			}
		}
	}
	if !bytes.Contains(presetSource, []byte("models.dev")) {
		t.Error("the source of the data is not named")
	}
}

func TestABadPresetIsRefusedLikeABadCatalog(t *testing.T) {
	_, err := parsePresets("p.yaml", []byte(`presets:
  Up:
    base_url: http://example.com
    dialect: openai
    credential: sk-abc
    models: {one: {id: "a b", context: 0, created: never}}
  short: {dialect: openai, bse_url: x}
`))
	want := `p.yaml:2:3: presets.Up: is not a name for a preset; write 1 to 63 of a-z, 0-9 and -, not - first
p.yaml:3:15: presets.Up.base_url: is plain http to another host; write https://; http is only for 127.0.0.0/8, [::1] and localhost
p.yaml:5:17: presets.Up.credential: is not a reference; write env:NAME for an environment variable or file:PATH for a file, never the key itself
p.yaml:6:14: presets.Up.models.one: "one" is not a name for a model; write creator/model with letters, digits and . _ : + -, at most 128 characters, such as openai/gpt-4o-mini
p.yaml:6:24: presets.Up.models.one.id: is not an id; write the provider's id: 1 to 256 printable ASCII characters without spaces, " and \
p.yaml:6:40: presets.Up.models.one.context: is out of range; write the context window in tokens, 1 to 1000000000, or leave it out if it is unknown
p.yaml:6:52: presets.Up.models.one.created: "never" is not a day; write year-month-day, such as 2025-08-07
p.yaml:7:3: presets.short.base_url: is missing; add base_url: and its value
p.yaml:7:3: presets.short.credential: is missing; add credential: and its value
p.yaml:7:3: presets.short.models: is missing; add models: and its value
p.yaml:7:28: presets.short.bse_url: is not a known field; did you mean base_url?`
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
	if len(targets(c.Model("openai/gpt-4o"))) != 1 {
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
	c, err := Parse(Demo(DemoAddresses{"http://127.0.0.1:7001/v1", "http://127.0.0.1:7002", "http://[::1]:7003"}))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Open || c.Provider("beta").BaseURL.Port != 7002 || c.Provider("alpha").Credential != (Reference{}) {
		t.Errorf("open %t, beta %+v", c.Open, c.Provider("beta"))
	}
	got := map[string][]string{}
	for _, m := range c.Models {
		got[m.Name+" "+string(m.Lane)] = targets(m)
	}
	want := map[string][]string{
		"sim/chat ":                {"alpha chat", "beta chat", "gamma chat"},
		"sim/solo ":                {"alpha solo"},
		"sim/translated translate": {"alpha translated", "beta translated", "gamma translated"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := Parse(Demo(DemoAddresses{"http://10.0.0.1", "\x00\"", "http://localhost"})); err == nil {
		t.Error("addresses off loopback are accepted")
	}
}
