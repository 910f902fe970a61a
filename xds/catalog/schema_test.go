package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	return compiled(t, Schema())
}

func compiled(t testing.TB, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("dragoman.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("dragoman.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instance(t *testing.T, data []byte) any {
	t.Helper()
	text, err := yaml.YAMLToJSON(withoutBOM(data))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheSchemaIsTheOneInTheRepository(t *testing.T) {
	golden(t, filepath.Join(corpus, "schema.json"), string(Schema()))
}

func TestEveryGoodCatalogIsValidBySchema(t *testing.T) {
	s := compiledSchema(t)
	for _, path := range corpusFiles(t, "good") {
		if err := s.Validate(instance(t, corpusSource(t, path).Data)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTheSchemaRefusesWhatHasTheWrongForm(t *testing.T) {
	s := compiledSchema(t)
	for _, name := range []string{
		"unknown-field", "unknown-fields-nested", "wrong-types", "empty-sections", "durations", "sizes", "provider-names", "dialect-not-served",
		"model-names", "model-without-targets", "lane", "created", "keys-hash", "listen-port", "listen-tls-half", "credential-clear-text", "root-list",
		"keys-who", "tenants", "budgets-names", "budgets-per", "budgets-scope", "budgets-soft", "budgets-away",
		"issuers-form", "issuers-algorithms", "store-form", "store-parts", "quota",
	} {
		var invalid *jsonschema.ValidationError
		if err := s.Validate(instance(t, corpusSource(t, filepath.Join(corpus, "bad", name+".yaml")).Data)); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryFieldHasADescription holds the schema to what editors show.
func TestEveryFieldHasADescription(t *testing.T) {
	type node struct {
		Description string          `json:"description"`
		Properties  map[string]node `json:"properties"`
		Defs        map[string]node `json:"$defs"`
		OneOf       []node          `json:"oneOf"`
	}
	fields := 0
	var walk func(path string, n node)
	walk = func(path string, n node) {
		for name, p := range n.Properties {
			if fields++; p.Description == "" {
				t.Errorf("%s.%s has no description", path, name)
			}
			walk(path+"."+name, p)
		}
		for name, d := range n.Defs {
			walk(name, d)
		}
		for _, alternative := range n.OneOf {
			walk(path, alternative)
		}
	}
	for _, text := range [][]byte{Schema(), KeySchema(), TenantSchema(), BudgetSchema()} {
		var root node
		if err := json.Unmarshal(text, &root); err != nil {
			t.Fatal(err)
		}
		walk("", root)
	}
	if fields < 150 {
		t.Errorf("only %d fields were looked at", fields)
	}
}
