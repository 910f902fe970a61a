package chain

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
)

// list reads a fuzzed list: comma-separated, "" = none.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// FuzzBuild holds the laws of a chain against any options and any order.
func FuzzBuild(f *testing.F) {
	f.Add("acme/big", "alpha,beta,openai-eu,openai-us", "openai", "openai,alpha", "acme/small", "", int64(10), int64(10))
	f.Add("acme/wide", "p5,p4,p3,p2,p1,alpha,beta,gamma,openai-us,openai-eu", "gamma", "", "acme/big,little", "acme/wide@p5", int64(2000), int64(0))
	f.Add("acme/solo", "gamma", "", "gamma", "", "acme/solo@gamma", int64(0), int64(1)<<62)
	f.Add("acme/small", "alpha,gamma,alpha,x", "x,,gamma", "", "acme/small", "acme/small@alpha,acme/small@gamma", int64(-5), int64(150))
	c := testCatalog(f)
	rest := catalogOrder(c)
	f.Fuzz(func(t *testing.T, model, listed, order, only, models, paused string, input, output int64) {
		m := c.Model(model)
		if m == nil {
			return
		}
		in := Input{
			Catalog: c, Model: m, InputTokens: input, MaxTokens: output, Now: noon, Cooling: NewCooling(),
			Order:   Order{"acme/small": rest["acme/small"], "acme/big": rest["acme/big"], model: list(listed)},
			Options: dialect.Options{Order: list(order), Only: list(only), Models: list(models)},
		}
		for _, name := range list(paused) {
			who, where, _ := strings.Cut(name, "@")
			if m := c.Model(who); m != nil {
				if t, ok := m.Target(where); ok {
					in.Cooling.Add(Target{Model: m, Target: t}, time.Minute, noon)
				}
			}
		}
		ch, p := Build(in)
		if (p == nil) != (len(ch.Targets) > 0) {
			t.Fatalf("chain %v with problem %v", written(ch.Targets), p)
		}
		if p == nil {
			checkChain(t, in, ch)
		}
		if def, ok := NewDefaults(c, in.Order).For(in); ok {
			if p != nil || !slices.Equal(written(def.Targets), written(ch.Targets)) || def.Override != ch.Override {
				t.Errorf("the default chain %v is not what Build gives: %v, %v", written(def.Targets), written(ch.Targets), p)
			}
		}
	})
}

func checkChain(t *testing.T, in Input, ch Chain) {
	t.Helper()
	ts := ch.Targets
	if len(ts) < 2 || len(ts) > MaxTargets {
		t.Errorf("a chain of %d targets", len(ts))
	}
	seen := map[string]bool{}
	for i, name := range written(ts) {
		if seen[name] && (len(ts) != 2 || i != 1) {
			t.Errorf("%s stands twice in %v", name, written(ts))
		}
		seen[name] = true
		checkTarget(t, in, ts[i])
	}
	if i := slices.IndexFunc(ts, func(t Target) bool { return t.Model != in.Model }); i >= 0 {
		if slices.ContainsFunc(ts[i:], func(t Target) bool { return t.Model == in.Model }) {
			t.Errorf("a fallback model comes before the model asked for: %v", written(ts))
		}
	}
	for i := 1; i < len(ts); i++ {
		if ts[i].Model == ts[i-1].Model && rank(in, ts[i]) < rank(in, ts[i-1]) {
			t.Errorf("%v is not in the order asked for", written(ts))
		}
	}
	same := slices.EqualFunc(ts, in.Order[in.Model.Name], func(t Target, name string) bool {
		return t.Model == in.Model && t.Provider.Name == name
	})
	if !ch.Override && !same {
		t.Errorf("%v passes for the route's order %v", written(ts), in.Order[in.Model.Name])
	}
}

// checkTarget holds the laws of one target.
func checkTarget(t *testing.T, in Input, got Target) {
	t.Helper()
	known, ok := got.Model.Target(got.Provider.Name)
	if !ok || !reflect.DeepEqual(known, got.Target) || !slices.Contains(in.Order[got.Model.Name], got.Provider.Name) {
		t.Errorf("%v stands not both in the catalog and in the order", written([]Target{got}))
	}
	if len(in.Options.Only) > 0 && !slices.ContainsFunc(in.Options.Only, func(slug string) bool { return named(slug, got) }) {
		t.Errorf("%s is not among %q", got.Provider.Name, in.Options.Only)
	}
	asked := got.Model == in.Model || slices.ContainsFunc(in.Options.Models, func(name string) bool {
		m, err := in.Catalog.Resolve(name, "")
		return err == nil && m == got.Model
	})
	if !asked {
		t.Errorf("nobody asked for %s", got.Model.Name)
	}
}

// rank is the place of the first word in order that names the target.
func rank(in Input, t Target) int {
	i := slices.IndexFunc(in.Options.Order, func(slug string) bool { return named(slug, t) })
	if i < 0 {
		return len(in.Options.Order)
	}
	return i
}

// named tells whether a slug names a target's provider, by the rule and not by
// the catalog's index.
func named(slug string, t Target) bool {
	p := t.Provider
	return slug == p.Name || p.Preset != "" && slug == p.Preset || p.Preset != "" && p.Region != "" && slug == p.Preset+"/"+p.Region
}
