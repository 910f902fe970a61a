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
	return schemaOf(&document{}, "dragoman.yaml", "The catalog of a Dragoman gateway: providers, models, keys, and what may be spent.")
}

// KeySchema is the JSON Schema of what ParseKey reads.
func KeySchema() []byte { return schemaOf(&keyBody{}, "key", "What may be said of an API key.") }

// TenantSchema is the JSON Schema of what ParseTenant reads.
func TenantSchema() []byte {
	return schemaOf(&tenantBody{}, "tenant", "Who several keys and identities belong to.")
}

// BudgetSchema is the JSON Schema of what ParseBudget reads.
func BudgetSchema() []byte {
	return schemaOf(&budgetEntry{}, "budget", "What may be used at most, and by whom.")
}

// definitions are what the types of the source are called in its schema.
var definitions = map[string]string{
	"listenSection": "listen", "tlsSection": "tls", "limitsSection": "limits", "providerEntry": "provider",
	"modelEntry": "model", "targetEntry": "target", "keyEntry": "key", "quirksEntry": "quirks", "pricesEntry": "prices", "tierEntry": "tier", "providerTable": "providers",
	"modelTable": "models", "aliasTable": "aliases", "headerTable": "headers",
	"tenantEntry": "tenant", "tenantTable": "tenants", "budgetEntry": "budget", "awayEntry": "away", "shareTable": "shares", "issuerEntry": "issuer", "claimTable": "claims",
	"storeSection": "store", "redisEntry": "redis", "regionTable": "regions", "quotaSection": "quota", "byokSection": "byok",
	"generationsSection": "generations", "secretsSection": "secrets",
}

func schemaOf(document any, title, description string) []byte {
	reflector := jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: true,
		Namer: func(t reflect.Type) string {
			if name, ok := definitions[t.Name()]; ok {
				return name
			}
			return t.Name()
		},
	}
	schema := reflector.Reflect(document)
	schema.Title = title
	schema.Description = description
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

// JSONSchemaExtend adds what names are allowed.
func (tenantTable) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = pattern(keyName.String())
}

// JSONSchemaExtend adds what names are allowed.
func (shareTable) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = pattern(slugName.String())
}

// JSONSchemaExtend adds what names are allowed.
func (regionTable) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = pattern(slugName.String())
}

// JSONSchemaExtend adds what names are allowed.
func (claimTable) JSONSchemaExtend(s *jsonschema.Schema) {
	s.PropertyNames = pattern(claimName.String())
}

// JSONSchemaExtend adds the one word that stands for no mapping.
func (awayEntry) JSONSchemaExtend(s *jsonschema.Schema) {
	long := *s
	*s = jsonschema.Schema{
		OneOf:       []*jsonschema.Schema{{Type: "string", Enum: []any{"deny"}}, &long},
		Description: "What one process may grant a period while the store is away, or deny.",
	}
}

// JSONSchemaExtend adds what can be counted apart.
func (budgetEntry) JSONSchemaExtend(s *jsonschema.Schema) { enumerate(s, "each", dimensions) }

// JSONSchemaExtend adds what algorithms are accepted.
func (issuerEntry) JSONSchemaExtend(s *jsonschema.Schema) { enumerate(s, "algorithms", algorithms) }

// enumerate lists what may stand in a list.
func enumerate(s *jsonschema.Schema, field string, words []string) {
	if list, ok := s.Properties.Get(field); ok {
		for _, word := range words {
			list.Items.Enum = append(list.Items.Enum, word)
		}
	}
}

func pattern(expression string) *jsonschema.Schema { return &jsonschema.Schema{Pattern: expression} }
