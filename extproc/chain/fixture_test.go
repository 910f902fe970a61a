package chain

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// The catalog of the tests: acme/big is served everywhere, acme/small by two
// small contexts, acme/solo by one provider, acme/wide by more than a chain
// holds. openai-eu and openai-us come from one preset.
const catalogText = `
open: true
providers:
  alpha: {dialect: openai, base_url: "https://alpha.example/v1"}
  beta: {dialect: openai, base_url: "https://beta.example/v1"}
  gamma: {dialect: openai, base_url: "https://gamma.example/v1"}
  openai-eu: {preset: openai, region: eu}
  openai-us: {preset: openai, region: us}
  p1: {dialect: openai, base_url: "https://p1.example"}
  p2: {dialect: openai, base_url: "https://p2.example"}
  p3: {dialect: openai, base_url: "https://p3.example"}
  p4: {dialect: openai, base_url: "https://p4.example"}
  p5: {dialect: openai, base_url: "https://p5.example"}
models:
  acme/big: {targets: [alpha, {provider: beta, context: 1000}, {provider: openai-eu, id: big}, {provider: openai-us, id: big}]}
  acme/small: {targets: [{provider: alpha, context: 100}, {provider: gamma, context: 200}]}
  acme/solo: {targets: [gamma]}
  acme/wide: {targets: [alpha, beta, gamma, openai-eu, openai-us, p1, p2, p3, p4, p5]}
aliases:
  little: acme/small
`

func testCatalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	return parse(t, catalogText)
}

func parse(t testing.TB, text string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// catalogOrder is the order in which a fresh xDS lists the catalog's targets.
func catalogOrder(c *catalog.Catalog) Order {
	order := Order{}
	for _, m := range c.Models {
		for _, t := range m.Targets {
			order[m.Name] = append(order[m.Name], t.Provider.Name)
		}
	}
	return order
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// written shows targets as "model@provider", without the creator acme.
func written(targets []Target) []string {
	var out []string
	for _, t := range targets {
		out = append(out, strings.TrimPrefix(t.Model.Name, "acme/")+"@"+t.Provider.Name)
	}
	return out
}

// target finds a target of the test catalog.
func target(t testing.TB, c *catalog.Catalog, model, provider string) Target {
	t.Helper()
	m := c.Model(model)
	got, ok := m.Target(provider)
	if !ok {
		t.Fatalf("the test catalog has no target %s at %s", model, provider)
	}
	return Target{Model: m, Target: got}
}

func diffProblem(want, got *llm.Problem) string {
	ignoreCause := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Cause" }, cmp.Ignore())
	return cmp.Diff(want, got, ignoreCause)
}
