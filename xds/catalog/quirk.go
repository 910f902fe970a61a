package catalog

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// quirksEntry is llm.Quirks with what editors show. Its fields must be those of
// llm.Quirks, in their order.
type quirksEntry struct {
	MaxTokens       string   `json:"max_tokens,omitempty" jsonschema_description:"Member for the output limit."`
	Reasoning       string   `json:"reasoning,omitempty" jsonschema_description:"How thinking is asked for: effort is reasoning_effort, object is reasoning with effort and max_tokens, thinking is thinking with a type, enable_thinking goes with thinking_budget, none is not at all."`
	ReasoningText   string   `json:"reasoning_text,omitempty" jsonschema_description:"Member of messages that carries thinking; none if the provider refuses it in requests."`
	Schema          string   `json:"schema,omitempty" jsonschema_description:"What response_format can be. Without json_schema, a schema is asked for by a forced tool."`
	RequiredTool    string   `json:"required_tool,omitempty" jsonschema_description:"Word of tool_choice for: some tool must be called. By default required."`
	Seed            string   `json:"seed,omitempty" jsonschema_description:"Member for the seed. By default seed."`
	CallIDs         string   `json:"call_ids,omitempty" jsonschema_description:"Form of ids of tool calls: short is nine letters and digits. By default any."`
	SystemRole      bool     `json:"system_role,omitempty" jsonschema_description:"Send developer messages as system ones."`
	NoStreamOptions bool     `json:"no_stream_options,omitempty" jsonschema_description:"The usage of a stream comes unasked: never send stream_options."`
	TextOnly        bool     `json:"text_only,omitempty" jsonschema_description:"Join the text parts of a message into one string."`
	Closed          bool     `json:"closed,omitempty" jsonschema_description:"Send no members outside the documented ones: they would be refused."`
	Refuses         []string `json:"refuses,omitempty" jsonschema_description:"Request members that are not sent, though the dialect has them."`
}

// quirkWords are the words that a quirk may be, by its name.
var quirkWords = map[string][]string{
	"max_tokens":     {"max_tokens", "max_completion_tokens"},
	"reasoning":      {"effort", "object", "thinking", "enable_thinking", "none"},
	"reasoning_text": {"reasoning_content", "reasoning", "none"},
	"schema":         {"json_schema", "json_object", "none"},
	"call_ids":       {"short"},
}

var memberName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)

// quirks reads those that the source gives into q; the others stay as they are.
func (r *report) quirks(path string, e quirksEntry, q *llm.Quirks) {
	from, into := reflect.ValueOf(llm.Quirks(e)), reflect.ValueOf(q).Elem()
	for _, f := range fieldsOf(from.Type()) {
		field := member(path, f.name)
		if !r.given(field) || r.failed[field] {
			continue
		}
		value := from.Field(f.index)
		if value.Kind() == reflect.String {
			r.quirk(field, f.name, value.String())
		}
		into.Field(f.index).Set(value)
	}
	for i, name := range e.Refuses {
		if !memberName.MatchString(name) {
			r.fail(element(path+".refuses", i), show(name)+" is not the name of a request member", "write a name such as logit_bias")
		}
	}
}

func (r *report) quirk(field, name, word string) {
	words, closed := quirkWords[name]
	switch {
	case closed && !slices.Contains(words, word):
		r.fail(field, show(word)+" is not known", "write one of "+strings.Join(words, ", "))
	case !closed && !memberName.MatchString(word):
		r.fail(field, show(word)+" is not a word", "write letters, digits and _")
	}
}

// JSONSchemaExtend adds the words.
func (quirksEntry) JSONSchemaExtend(s *jsonschema.Schema) {
	for name, words := range quirkWords {
		if property, ok := s.Properties.Get(name); ok {
			for _, word := range words {
				property.Enum = append(property.Enum, word)
			}
		}
	}
}
