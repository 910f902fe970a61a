package chain

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
)

func TestDefaultsGiveWhatBuildGives(t *testing.T) {
	c := testCatalog(t)
	order := catalogOrder(c)
	delete(order, "acme/small")
	d := NewDefaults(c, order)
	for _, m := range c.Models {
		want, p := Build(Input{Catalog: c, Order: order, Model: m})
		got, ok := d.Chain(m)
		if ok != (p == nil) || got.Override != want.Override {
			t.Errorf("%s: default chain %v %v, Build gives %v %v", m.Name, got, ok, want, p)
		}
		if p == nil {
			if diff := cmp.Diff(written(want.Targets), written(got.Targets)); diff != "" {
				t.Errorf("%s: targets differ (-Build +default):\n%s", m.Name, diff)
			}
		}
	}
}

func TestDefaultsLeaveTheRestToBuild(t *testing.T) {
	c := testCatalog(t)
	d := NewDefaults(c, catalogOrder(c))
	cooling := func(model, provider string) *Cooling {
		all := NewCooling()
		all.Add(target(t, c, model, provider), time.Minute, noon)
		return all
	}
	tests := []struct {
		name   string
		change func(*Input)
		want   bool
	}{
		{"nothing special", func(*Input) {}, true},
		{"a pause elsewhere", func(in *Input) { in.Cooling = cooling("acme/small", "alpha") }, true},
		{"a pause that is over", func(in *Input) { in.Cooling, in.Now = cooling("acme/big", "beta"), noon.Add(time.Minute) }, true},
		{"what just fits", func(in *Input) { in.InputTokens, in.MaxTokens = 500, 500 }, true},
		{"an allowed model", func(in *Input) { in.Allowed = func(m string) bool { return m == "acme/big" } }, true},
		{"what does not fit every target", func(in *Input) { in.InputTokens, in.MaxTokens = 500, 501 }, false},
		{"a pause of one target", func(in *Input) { in.Cooling = cooling("acme/big", "beta") }, false},
		{"an order", func(in *Input) { in.Options.Order = []string{"beta"} }, false},
		{"a limit", func(in *Input) { in.Options.Only = []string{"beta"} }, false},
		{"a fallback model", func(in *Input) { in.Options.Models = []string{"acme/solo"} }, false},
		{"a sort", func(in *Input) { in.Options.Sort = "cost" }, false},
		{"a model that is not allowed", func(in *Input) { in.Allowed = func(string) bool { return false } }, false},
		{"a model of another catalog", func(in *Input) { in.Model = testCatalog(t).Model("acme/big") }, false},
		{"an operation that one target lacks", func(in *Input) { in.Serves = only("beta") }, false},
		{"an operation that all have", func(in *Input) { in.Serves = func(*Target) bool { return true } }, true},
		{"leave to go on after a refusal", func(in *Input) { in.Options = dialect.Options{OnRefusal: true} }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Catalog: c, Model: c.Model("acme/big"), Now: noon}
			tt.change(&in)
			ch, ok := d.For(in)
			if ok != tt.want || ok != (len(ch.Targets) == 4) {
				t.Errorf("For gives %v, %v; want %v", written(ch.Targets), ok, tt.want)
			}
		})
	}
}

func TestTheDefaultChainAllocatesNothing(t *testing.T) {
	c := testCatalog(t)
	d := NewDefaults(c, catalogOrder(c))
	cooling := NewCooling()
	cooling.Add(target(t, c, "acme/small", "alpha"), time.Minute, noon)
	in := Input{
		Catalog: c, Model: c.Model("acme/big"), InputTokens: 100, Cooling: cooling, Now: noon,
		Allowed: func(string) bool { return true },
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := d.For(in); !ok {
			t.Fatal("no default chain")
		}
	}); n != 0 {
		t.Errorf("For allocates %v times, want never", n)
	}
}

func BenchmarkFor(b *testing.B) {
	c := testCatalog(b)
	d := NewDefaults(c, catalogOrder(c))
	in := Input{Catalog: c, Model: c.Model("acme/big"), InputTokens: 100, Cooling: NewCooling(), Now: noon}
	b.ReportAllocs()
	for b.Loop() {
		d.For(in)
	}
}

func BenchmarkBuild(b *testing.B) {
	c := testCatalog(b)
	in := Input{
		Catalog: c, Order: catalogOrder(c), Model: c.Model("acme/big"), Now: noon,
		Options: dialect.Options{Order: []string{"openai"}, Only: []string{"openai", "alpha"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Build(in)
	}
}
