package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// variables is an environment.
func variables(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, pair := range pairs {
			if key, value, _ := strings.Cut(pair, "="); key == name {
				return value, true
			}
		}
		return "", false
	}
}

func TestABaseURLIsFilledFromTheSourceOrTheEnvironment(t *testing.T) {
	env := variables("AWS_DEFAULT_REGION=eu-west-1", "GOOGLE_CLOUD_PROJECT=proj-1", "GOOGLE_VERTEX_LOCATION=us-east5", "AZURE_RESOURCE_NAME=Contoso", "AZURE_API_KEY=k", "KEY=k")
	for _, test := range []struct{ name, entry, want string }{
		{"the second variable", "bedrock: {}", "https://bedrock-runtime.eu-west-1.amazonaws.com eu-west-1 aws:"},
		{"the field goes first", "bedrock: {region: us-west-2, credential: env:KEY}", "https://bedrock-runtime.us-west-2.amazonaws.com us-west-2 env:KEY"},
		{"a region with another URL", "bedrock: {region: cn-north-1}", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn cn-north-1 aws:"},
		{"two variables", "vertex: {}", "https://us-east5-aiplatform.googleapis.com/v1/projects/proj-1/locations/us-east5 us-east5 gcp:"},
		{"everywhere", "google-vertex: {region: global}", "https://aiplatform.googleapis.com/v1/projects/proj-1/locations/global global gcp:"},
		{"a host in small letters", "azure: {}", "https://contoso.openai.azure.com/openai/v1  env:AZURE_API_KEY"},
		{"the older API", "azure: {api_version: 2024-10-21}", "https://contoso.openai.azure.com/openai  env:AZURE_API_KEY"},
		{"the newer API's preview", "azure: {api_version: preview}", "https://contoso.openai.azure.com/openai/v1  env:AZURE_API_KEY"},
		{"an own URL needs no region", "bedrock: {base_url: 'http://127.0.0.1:9000'}", "http://127.0.0.1:9000  aws:"},
		{"an own URL with holes", "mine: {dialect: openai, base_url: 'https://{region}.example/{project}/{resource}', region: eu, project: p, resource: r}", "https://eu.example/p/r eu "},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse(Source{Name: "f", Data: []byte("providers:\n  " + test.entry + "\nmodels: {a/b: {targets: [" + test.entry[:strings.IndexByte(test.entry, ':')] + "]}}"), Env: env})
			if err != nil {
				t.Fatal(err)
			}
			p := c.Providers[0]
			if got := p.BaseURL.String() + " " + p.Region + " " + p.Credential.String(); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestWhatABaseURLLacksIsNamed(t *testing.T) {
	_, err := Parse(Source{Name: "f", Env: variables("OPENAI_API_KEY=k", "GOOGLE_CLOUD_PROJECT=a/b"), Data: []byte(`providers:
  bedrock: {}
  vertex: {region: global}
  azure: {credential: env:OPENAI_API_KEY}
`)})
	want := `f:2:3: providers.bedrock.region: is missing, and the base URL needs it; add region:, or set AWS_REGION or AWS_DEFAULT_REGION
f:3:3: providers.vertex.project: comes from GOOGLE_VERTEX_PROJECT or GOOGLE_CLOUD_PROJECT and is not a name for a project; set the variable to a project, or add project:
f:4:3: providers.azure.resource: is missing, and the base URL needs it; add resource:, or set AZURE_RESOURCE_NAME`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWithoutAnEnvironmentNothingIsMissing(t *testing.T) {
	c := parse(t, "providers: {bedrock: {}, vertex: {}, azure: {}}")
	for name, want := range map[string]string{
		"bedrock": "https://bedrock-runtime.region.amazonaws.com env:AWS_BEARER_TOKEN_BEDROCK",
		"vertex":  "https://region-aiplatform.googleapis.com/v1/projects/project/locations/region gcp:",
		"azure":   "https://resource.openai.azure.com/openai/v1 env:AZURE_API_KEY",
	} {
		p := c.Provider(name)
		if got := p.BaseURL.String() + " " + p.Credential.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestTheFirstCredentialThatIsThereIsTaken(t *testing.T) {
	for _, test := range []struct {
		env  []string
		want string
	}{
		{[]string{"GEMINI_API_KEY=a", "GOOGLE_API_KEY=b"}, "env:GEMINI_API_KEY"},
		{[]string{"GEMINI_API_KEY=", "GOOGLE_API_KEY=b"}, "env:GOOGLE_API_KEY"},
		{[]string{"GOOGLE_GENERATIVE_AI_API_KEY=b", "GOOGLE_API_KEY=b"}, "env:GOOGLE_GENERATIVE_AI_API_KEY"},
	} {
		c, err := Parse(Source{Name: "f", Data: []byte("providers: {google: {}}"), Env: variables(test.env...)})
		if err != nil || c.Providers[0].Credential.String() != test.want || c.Providers[0].Preset != "gemini" {
			t.Errorf("%v: %v, %v", test.env, c, err)
		}
	}
	if _, err := Parse(Source{Name: "f", Data: []byte("providers: {google: {}}"), Env: variables()}); err == nil || !strings.Contains(err.Error(), "GEMINI_API_KEY is not set") {
		t.Errorf("without any: %v", err)
	}
}

func TestFromEnvironmentWantsAllThatAURLNeeds(t *testing.T) {
	for _, test := range []struct {
		env  []string
		want []string
	}{
		{[]string{"AWS_BEARER_TOKEN_BEDROCK=a"}, nil},
		{[]string{"AWS_BEARER_TOKEN_BEDROCK=a", "AWS_REGION=eu-west-1"}, []string{"bedrock"}},
		{[]string{"AWS_ACCESS_KEY_ID=a", "AWS_REGION=eu-west-1"}, nil}, // those of a machine are not a wish to spend
		{[]string{"AZURE_API_KEY=a", "AZURE_RESOURCE_NAME=r", "GOOGLE_API_KEY=x"}, []string{"azure", "azure-anthropic", "gemini"}},
		{[]string{"SAMBANOVA_API_KEY=a"}, nil}, // no models of it are bundled
	} {
		_, enabled := FromEnvironment(variables(test.env...))
		if diff := cmp.Diff(test.want, enabled); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.env, diff)
		}
	}
}

func TestAKeyThatSwitchesOnNothingIsNamedWithWhatIsMissing(t *testing.T) {
	for _, test := range []struct {
		env  []string
		want []Halfway
	}{
		{[]string{"OPENAI_API_KEY=a"}, nil},
		{[]string{"AZURE_API_KEY=a", "AZURE_RESOURCE_NAME=r"}, nil},
		{[]string{"AZURE_API_KEY=a", "AWS_BEARER_TOKEN_BEDROCK=a"}, []Halfway{
			{"azure", "AZURE_API_KEY", []string{"AZURE_RESOURCE_NAME"}},
			{"azure-anthropic", "AZURE_API_KEY", []string{"AZURE_RESOURCE_NAME"}},
			{"bedrock", "AWS_BEARER_TOKEN_BEDROCK", []string{"AWS_REGION"}},
		}},
	} {
		if diff := cmp.Diff(test.want, HalfwayEnabled(variables(test.env...))); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.env, diff)
		}
	}
}

func TestOrderNamesPresetsByAnyOfTheirNames(t *testing.T) {
	c := parse(t, "providers: {google: {}, eu: {preset: bedrock, region: eu-west-1}, bedrock: {region: us-east-1}}")
	for slug, want := range map[string]string{
		"gemini": "google", "google": "google", "bedrock": "bedrock eu", "amazon-bedrock": "bedrock eu",
		"bedrock/eu-west-1": "eu", "amazon-bedrock/us-east-1": "bedrock", "eu": "eu", "vertex": "",
	} {
		var names []string
		for _, p := range c.Slug(slug) {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s means %q, want %q", slug, got, want)
		}
	}
}

func TestAProviderIsGenuineAtItsOwnVendor(t *testing.T) {
	for _, test := range []struct {
		preset   string
		dialects []llm.Dialect
		want     bool
	}{
		{"openai", []llm.Dialect{llm.OpenAI, llm.Responses}, true},
		{"openai", []llm.Dialect{llm.Responses}, true},
		{"azure", []llm.Dialect{llm.OpenAI}, true},
		{"anthropic", []llm.Dialect{llm.Anthropic}, true},
		{"azure-anthropic", []llm.Dialect{llm.Anthropic}, true},
		{"vertex", []llm.Dialect{llm.Gemini, llm.Anthropic}, true},
		{"gemini", []llm.Dialect{llm.Gemini}, true},
		{"gemini", []llm.Dialect{llm.OpenAI}, false}, // its compatible endpoint
		{"bedrock", []llm.Dialect{llm.Bedrock}, true},
		{"minimax", []llm.Dialect{llm.Anthropic}, false},
		{"", []llm.Dialect{llm.OpenAI}, false},
		{"openai", nil, false},
	} {
		if got := (&Provider{Preset: test.preset, Dialects: test.dialects}).Genuine(); got != test.want {
			t.Errorf("%s speaking %s: %t", test.preset, joined(test.dialects), got)
		}
	}
}

func TestQuirksAreThePresetsFieldByField(t *testing.T) {
	c := parse(t, `providers:
  mistral: {quirks: {seed: seed, closed: false}}
  plain: {preset: mistral}
`)
	got, plain := c.Provider("mistral").Quirks, c.Provider("plain").Quirks
	want := plain
	want.Seed, want.Closed = "seed", false
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !plain.Closed || plain.Seed != "random_seed" {
		t.Errorf("the preset's own changed: %+v", plain)
	}
}
