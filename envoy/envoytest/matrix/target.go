package matrix

import (
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// Target is a provider and the model that it serves, as one way of a vendor's
// API.
type Target struct {
	// Name is the provider's; its model is "at/" and the name.
	Name string
	// Family is the vendor's dialect, whoever hosts it.
	Family Family
	// Account is the provider's entry in the catalog, ID its id of the model.
	Account, ID string
	// Thinks tells whether the model can reason.
	Thinks bool
}

// Family is a vendor's dialect.
type Family string

// Families.
const (
	OpenAI    Family = "openai"
	Responded Family = "responses"
	Anthropic Family = "anthropic"
	Gemini    Family = "gemini"
	Bedrock   Family = "bedrock"
)

// Targets are the providers' dialects, each as its vendor serves it and as other
// platforms do. The ids are such as the vendors have, since what a model can do
// and must be told goes by them.
var Targets = []Target{
	{"openai", OpenAI, `{preset: openai, dialect: openai, base_url: "$URL/v1", credential: env:KEY}`, "gpt-5", true},
	{"compatible", OpenAI, `{preset: together, base_url: "$URL/v1", credential: env:KEY}`, "some/model", true},
	{"azure", OpenAI, `{preset: azure, dialect: openai, api_version: "2024-10-21", base_url: "$URL/openai", credential: env:KEY}`, "gpt-5-mini", true},
	{"responses", Responded, `{preset: openai, dialect: responses, base_url: "$URL/v1", credential: env:KEY}`, "gpt-5", true},
	{"anthropic", Anthropic, `{preset: anthropic, base_url: "$URL/v1", credential: env:KEY}`, "claude-sonnet-4-5-20250929", true},
	{"vertex-claude", Anthropic, `{preset: vertex, dialect: anthropic, base_url: "$URL/v1/projects/p/locations/l", credential: env:KEY}`, "claude-sonnet-4-5@20250929", true},
	{"gemini", Gemini, `{preset: gemini, base_url: "$URL/v1beta", credential: env:KEY}`, "gemini-3.1-pro-preview", true},
	{"vertex", Gemini, `{preset: vertex, dialect: gemini, base_url: "$URL/v1/projects/p/locations/l", credential: env:KEY}`, "gemini-2.5-flash", true},
	{"bedrock", Bedrock, `{preset: bedrock, region: eu-central-1, base_url: "$URL", credential: "aws:"}`, "anthropic.claude-sonnet-4-5-20250929-v1:0", true},
	{"nova", Bedrock, `{preset: bedrock, region: eu-central-1, base_url: "$URL", credential: env:KEY}`, "amazon.nova-pro-v1:0", false},
}

// Vectors are models of the same providers that embed, by public name.
var Vectors = map[string]string{
	"vectors/openai": "{provider: openai, id: text-embedding-3-small}", "vectors/azure": "{provider: azure, id: text-embedding-3-small}",
	"vectors/gemini": "{provider: gemini, id: gemini-embedding-001}", "vectors/vertex": "{provider: vertex, id: text-embedding-005}",
	"vectors/vertex-single": "{provider: vertex, id: gemini-embedding-001}",
	"vectors/titan":         `{provider: bedrock, id: "amazon.titan-embed-text-v2:0"}`, "vectors/cohere": "{provider: bedrock, id: cohere.embed-english-v3}",
}

// Key is what opens the providers; aws: takes its pair from the environment.
const (
	Key       = "sk-matrix-provider-key"
	AccessKey = "AKIAMATRIXEXAMPLE000"
)

// Model is the public name of the target's model.
func (t *Target) Model() string { return "at/" + t.Name }

// records is how many requests of each provider are kept: more than a long run
// makes.
const records = 1 << 14

// Options are those of a gateway with all targets behind it.
func Options() envoytest.Options {
	o := envoytest.Options{Env: func(name string) (string, bool) { return Key, name == "KEY" }}
	var providers, models strings.Builder
	for i := range Targets {
		t := &Targets[i]
		providers.WriteString("  " + t.Name + ": " + strings.ReplaceAll(t.Account, "$URL", `{{url "`+t.Name+`"}}`) + "\n")
		models.WriteString("  " + t.Model() + ": {targets: [{provider: " + t.Name + `, id: "` + t.ID + "\"}]}\n")
		o.Providers = append(o.Providers, simulator.Config{
			Name: t.Name, Key: Key, Record: records,
			AccessKeys: []simulator.AccessKey{{ID: AccessKey, Secret: Key, Region: "eu-central-1"}},
		})
	}
	for name, target := range Vectors {
		models.WriteString("  " + name + ": {targets: [" + target + "]}\n")
	}
	o.Catalog = "open: true\nlisten: {port: {{port}}}\nproviders:\n" + providers.String() + "models:\n" + models.String()
	return o
}

// patience is what one combination may take.
const patience = 30 * time.Second
