package catalog

import (
	"encoding/json"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Schema is the JSON Schema (draft 2020-12) of dragoman.yaml, for editors. It
// accepts every source that Parse accepts and tells names and types; what
// depends on other fields only Parse tells.
func Schema() []byte {
	names := map[string]string{
		"listenSection": "listen", "tlsSection": "tls", "limitsSection": "limits", "providerEntry": "provider",
		"modelEntry": "model", "targetEntry": "target", "keyEntry": "key", "quirksEntry": "quirks", "pricesEntry": "prices", "tierEntry": "tier", "providerTable": "providers",
		"modelTable": "models", "aliasTable": "aliases", "headerTable": "headers",
	}
	reflector := jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: true,
		Namer: func(t reflect.Type) string {
			if name, ok := names[t.Name()]; ok {
				return name
			}
			return t.Name()
		},
	}
	schema := reflector.Reflect(&document{})
	schema.Title = "dragoman.yaml"
	schema.Description = "The catalog of a Dragoman gateway: providers, models and keys."
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil // a schema is plain values; it always marshals
	}
	return append(text, '\n')
}

// JSONSchemaExtend adds what names are allowed.
func (providerTable) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = pattern(slugName.String())
}

// JSONSchemaExtend adds what names are allowed.
func (modelTable) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = pattern(modelName.String())
	limit := uint64(maxName)
	s.PropertyNames.MaxLength = &limit
}

// JSONSchemaExtend adds what patterns are allowed.
func (aliasTable) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = pattern(modelGlob.String())
}

// JSONSchemaExtend adds the short notation.
func (targetEntry) JSONSchemaExtend(s *jsonschema.Schema) {
	listAbilities(s)
	listDialects(s)
	long := *s
	*s = jsonschema.Schema{
		OneOf:       []*jsonschema.Schema{{Type: "string", Pattern: slugName.String()}, &long},
		Description: "A provider's name, or a provider with the id it has for the model.",
	}
}

// JSONSchemaExtend adds what capabilities there are.
func (modelEntry) JSONSchemaExtend(s *jsonschema.Schema) { listAbilities(s) }

// JSONSchemaExtend adds what dialects this build speaks.
func (providerEntry) JSONSchemaExtend(s *jsonschema.Schema) { listDialects(s) }

func listAbilities(s *jsonschema.Schema) {
	if list, ok := s.Properties.Get("capabilities"); ok {
		for _, name := range llm.AllNeeds.Names() {
			list.Items.Enum = append(list.Items.Enum, name)
		}
	}
}

func listDialects(s *jsonschema.Schema) {
	one, _ := s.Properties.Get("dialect")
	several, _ := s.Properties.Get("dialects")
	for _, d := range served {
		if one != nil {
			one.Enum = append(one.Enum, string(d))
		}
		several.Items.Enum = append(several.Items.Enum, string(d))
	}
}

func pattern(expression string) *jsonschema.Schema { return &jsonschema.Schema{Pattern: expression} }
