package catalog

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FromEnvironment is the source for an operator who has keys and no file: all
// presets that have bundled models and for which the environment holds a key and
// what else their URLs need, sorted by name, and the client keys given. Without
// any such variable enabled is empty, and Parse says what to add.
func FromEnvironment(env func(string) (string, bool), keys ...Key) (src Source, enabled []string) {
	all, err := bundled()
	if err != nil {
		all = nil // Parse returns the same error
	}
	list, err := known()
	if err != nil {
		list = nil // likewise
	}
	var text strings.Builder
	for _, name := range all.names() {
		if list == nil || len(list.hosts[name]) == 0 || !all[name].keyed(env) {
			continue
		}
		if len(enabled) == 0 {
			text.WriteString("providers:\n")
		}
		fmt.Fprintf(&text, "  %s: {}\n", name)
		enabled = append(enabled, name)
	}
	for i, k := range keys {
		if i == 0 {
			text.WriteString("keys:\n")
		}
		writeKey(&text, k)
	}
	return Source{Name: "environment", Data: []byte(text.String()), Env: env}, enabled
}

// Halfway is a preset for which the environment holds a key, and not all else that
// its URL needs.
type Halfway struct {
	Provider string
	Key      string   // the variable with the key
	Missing  []string // what to set; of several names of one variable the first
}

// HalfwayEnabled are the presets that FromEnvironment passes over for want of
// more, sorted by name.
func HalfwayEnabled(env func(string) (string, bool)) (halfway []Halfway) {
	all, err := bundled()
	if err != nil {
		return nil // Parse returns the same error
	}
	list, err := known()
	if err != nil {
		return nil // likewise
	}
	for _, name := range all.names() {
		p := all[name]
		ref := p.credential(env)
		if len(list.hosts[name]) == 0 || p.keyed(env) || ref.Scheme != SchemeEnv || lookUp(env, ref.Name) == "" {
			continue
		}
		one := Halfway{Provider: name, Key: ref.Name}
		for _, what := range p.baseURL.holes() {
			if names := p.variables[what]; p.variable(env, what) == "" && len(names) > 0 {
				one.Missing = append(one.Missing, names[0])
			}
		}
		if len(one.Missing) > 0 {
			halfway = append(halfway, one)
		}
	}
	return halfway
}

// writeKey writes a key as an entry of the catalog's list.
func writeKey(text *strings.Builder, k Key) {
	fmt.Fprintf(text, "  - name: %s\n    hash: sha256:%s\n", strconv.Quote(k.Name), hex.EncodeToString(k.Hash[:]))
	if k.Tenant != "" {
		fmt.Fprintf(text, "    tenant: %s\n", strconv.Quote(k.Tenant))
	}
	for _, list := range []struct {
		field string
		words []string
	}{{"models", k.Models}, {"tags", k.Tags}} {
		for j, word := range list.words {
			if j == 0 {
				fmt.Fprintf(text, "    %s:\n", list.field)
			}
			fmt.Fprintf(text, "      - %s\n", strconv.Quote(word))
		}
	}
	if !k.Expires.IsZero() {
		fmt.Fprintf(text, "    expires: %s\n", strconv.Quote(k.Expires.UTC().Format(time.RFC3339Nano)))
	}
}

// DemoAddresses are the base URLs of the simulator's providers, plain http on
// loopback, each as the dialect of that provider has it.
type DemoAddresses struct{ Alpha, Beta, Gamma, Delta string }

// Demo is the source for the simulator: open, with four providers that speak a
// dialect each, sim/chat at all of them in this order, a model at each alone,
// and one that makes vectors.
func Demo(at DemoAddresses) Source {
	text := fmt.Sprintf(`open: true
providers:
  alpha: {dialects: [openai, responses], base_url: %s}
  beta: {dialect: anthropic, base_url: %s}
  gamma: {dialect: gemini, base_url: %s}
  delta: {dialect: bedrock, base_url: %s}
models:
  sim/chat: {targets: [alpha, beta, gamma, delta]}
  sim/openai: {targets: [alpha]}
  sim/anthropic: {targets: [beta]}
  sim/gemini: {targets: [gamma]}
  sim/bedrock: {targets: [delta]}
  sim/embedding: {targets: [alpha, gamma, {provider: delta, id: amazon.titan-embed-text-v2:0}], capabilities: [embeddings]}
`, strconv.Quote(at.Alpha), strconv.Quote(at.Beta), strconv.Quote(at.Gamma), strconv.Quote(at.Delta))
	return Source{Name: "demo", Data: []byte(text)}
}
