package chain

import (
	"slices"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestATenantsOwnAccountIsTriedBeforeTheGateways(t *testing.T) {
	c := parse(t, `
open: true
providers:
  a: {dialect: openai, base_url: "https://a.example"}
  b: {dialect: openai, base_url: "https://b.example"}
  c: {dialect: openai, base_url: "https://c.example"}
models: {x/m: {targets: [a, b, c]}}
`)
	m := c.Model("x/m")
	own := func(names ...string) func(*catalog.Provider) bool {
		return func(p *catalog.Provider) bool { return slices.Contains(names, p.Name) }
	}
	tests := []struct {
		name string
		own  func(*catalog.Provider) bool
		only bool
		want string
	}{
		{"no account of its own", own(), false, "a b c"},
		{"one", own("b"), false, "a b* b c"},
		{"all", own("a", "b", "c"), false, "a* a b* b c* c"},
		{"one, and the gateway's is not wanted there", own("b"), true, "a b* c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Catalog: c, Order: CatalogOrder(c), Model: m, Own: tt.own, OwnOnly: tt.only}
			ch, p := Build(in)
			if p != nil {
				t.Fatal(p)
			}
			var got []string
			for _, target := range ch.Targets {
				name := target.Provider.Name
				if target.Own {
					name += "*"
				}
				got = append(got, name)
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%s, want %s", s, tt.want)
			}
			if ch.Override != (tt.want != "a b c") {
				t.Errorf("override %t", ch.Override)
			}
			if _, ok := NewDefaults(c, in.Order).For(in); ok {
				t.Error("the default chain is given to a tenant that may have accounts of its own")
			}
		})
	}
}
