package chain

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestBuildOrdersTheTargets(t *testing.T) {
	c := testCatalog(t)
	tests := []struct {
		name     string
		model    string
		order    Order // nil = as the catalog has it
		options  dialect.Options
		change   func(*Input)
		want     []string
		override bool
	}{
		{
			name: "the default is the route's order, which need not travel", model: "acme/big",
			want: []string{"big@alpha", "big@beta", "big@openai-eu", "big@openai-us"},
		},
		{
			name: "the route's order holds, not the catalog's", model: "acme/big",
			order: Order{"acme/big": {"openai-us", "alpha"}},
			want:  []string{"big@openai-us", "big@alpha"},
		},
		{
			name: "a target the catalog has lost leaves the chain, which then differs from the route", model: "acme/big",
			order: Order{"acme/big": {"alpha", "gone", "beta"}},
			want:  []string{"big@alpha", "big@beta"}, override: true,
		},
		{
			name: "a provider listed twice is tried once", model: "acme/big",
			order: Order{"acme/big": {"alpha", "beta", "alpha"}},
			want:  []string{"big@alpha", "big@beta"}, override: true,
		},
		{
			name: "a lone target is repeated once", model: "acme/solo",
			want: []string{"solo@gamma", "solo@gamma"}, override: true,
		},
		{
			name: "eight targets are the most", model: "acme/wide", override: true,
			want: []string{"wide@alpha", "wide@beta", "wide@gamma", "wide@openai-eu", "wide@openai-us", "wide@p1", "wide@p2", "wide@p3"},
		},
		{
			name: "order moves the named to the front, as named", model: "acme/big",
			options: dialect.Options{Order: []string{"openai-us", "beta"}},
			want:    []string{"big@openai-us", "big@beta", "big@alpha", "big@openai-eu"}, override: true,
		},
		{
			name: "order by a preset moves all its providers, in the route's order", model: "acme/big",
			options: dialect.Options{Order: []string{"openai"}},
			want:    []string{"big@openai-eu", "big@openai-us", "big@alpha", "big@beta"}, override: true,
		},
		{
			name: "order by preset and region moves that one", model: "acme/big",
			options: dialect.Options{Order: []string{"openai/us"}},
			want:    []string{"big@openai-us", "big@alpha", "big@beta", "big@openai-eu"}, override: true,
		},
		{
			name: "order ignores what serves nothing here", model: "acme/big",
			options: dialect.Options{Order: []string{"nobody", "p1", "beta", "beta"}},
			want:    []string{"big@beta", "big@alpha", "big@openai-eu", "big@openai-us"}, override: true,
		},
		{
			name: "an order that changes nothing need not travel", model: "acme/big",
			options: dialect.Options{Order: []string{"alpha"}},
			want:    []string{"big@alpha", "big@beta", "big@openai-eu", "big@openai-us"},
		},
		{
			name: "order can bring a target among the first eight", model: "acme/wide",
			options: dialect.Options{Order: []string{"p5"}}, override: true,
			want: []string{"wide@p5", "wide@alpha", "wide@beta", "wide@gamma", "wide@openai-eu", "wide@openai-us", "wide@p1", "wide@p2"},
		},
		{
			name: "only leaves the rest out", model: "acme/big",
			options: dialect.Options{Only: []string{"openai", "alpha"}},
			want:    []string{"big@alpha", "big@openai-eu", "big@openai-us"}, override: true,
		},
		{
			name: "only and order together", model: "acme/big",
			options: dialect.Options{Only: []string{"openai", "alpha"}, Order: []string{"openai/us", "beta"}},
			want:    []string{"big@openai-us", "big@alpha", "big@openai-eu"}, override: true,
		},
		{
			name: "only that leaves one repeats it", model: "acme/big",
			options: dialect.Options{Only: []string{"openai/eu"}},
			want:    []string{"big@openai-eu", "big@openai-eu"}, override: true,
		},
		{
			name: "fallback models follow, each once", model: "acme/solo",
			options: dialect.Options{Models: []string{"acme/small", "little", "acme/solo"}},
			want:    []string{"solo@gamma", "small@alpha", "small@gamma"}, override: true,
		},
		{
			name: "only and order hold for fallback models too", model: "acme/big",
			options: dialect.Options{Models: []string{"acme/small"}, Only: []string{"gamma", "alpha"}, Order: []string{"gamma"}},
			want:    []string{"big@alpha", "small@gamma", "small@alpha"}, override: true,
		},
		{
			name: "a fallback model serves where the model asked for is not ready", model: "acme/solo",
			order: Order{"acme/small": {"alpha", "gamma"}}, options: dialect.Options{Models: []string{"acme/small"}},
			want: []string{"small@alpha", "small@gamma"}, override: true,
		},
		{
			name: "a context that is too small is passed over", model: "acme/big",
			change: func(in *Input) { in.InputTokens, in.MaxTokens = 900, 101 },
			want:   []string{"big@alpha", "big@openai-eu", "big@openai-us"}, override: true,
		},
		{
			name: "a context that just suffices is not", model: "acme/big",
			change: func(in *Input) { in.InputTokens, in.MaxTokens = 900, 100 },
			want:   []string{"big@alpha", "big@beta", "big@openai-eu", "big@openai-us"},
		},
		{
			name: "contexts count for nothing where all are too small", model: "acme/small",
			change: func(in *Input) { in.InputTokens, in.MaxTokens = math.MaxInt64, math.MaxInt64 },
			want:   []string{"small@alpha", "small@gamma"},
		},
		{
			name: "a fallback model takes what is too long for the first", model: "acme/small",
			change:  func(in *Input) { in.InputTokens = 150 },
			options: dialect.Options{Models: []string{"acme/solo"}},
			want:    []string{"small@gamma", "solo@gamma"}, override: true,
		},
		{
			name: "negative counts are none", model: "acme/small",
			change: func(in *Input) { in.InputTokens, in.MaxTokens = -1000, 100 },
			want:   []string{"small@alpha", "small@gamma"},
		},
		{
			name: "a target that asked for a pause is left out", model: "acme/big",
			change: func(in *Input) {
				in.Cooling = NewCooling()
				in.Cooling.Add(target(t, c, "acme/big", "alpha"), time.Minute, noon.Add(-time.Second))
			},
			want: []string{"big@beta", "big@openai-eu", "big@openai-us"}, override: true,
		},
		{
			name: "a pause never takes the only target away", model: "acme/solo",
			change: func(in *Input) {
				in.Cooling = NewCooling()
				in.Cooling.Add(target(t, c, "acme/solo", "gamma"), time.Minute, noon)
			},
			want: []string{"solo@gamma", "solo@gamma"}, override: true,
		},
		{
			name: "pauses of all targets that fit count for nothing", model: "acme/small",
			change: func(in *Input) {
				in.InputTokens, in.Cooling = 150, NewCooling()
				in.Cooling.Add(target(t, c, "acme/small", "gamma"), time.Minute, noon)
			},
			want: []string{"small@gamma", "small@gamma"}, override: true,
		},
		{
			name: "targets without the operation are none, so that the one left is repeated", model: "acme/big",
			change: func(in *Input) { in.Serves = only("beta") },
			want:   []string{"big@beta", "big@beta"}, override: true,
		},
		{
			name: "a pause never takes the only target with the operation away", model: "acme/big",
			change: func(in *Input) {
				in.Serves, in.Cooling = only("beta"), NewCooling()
				in.Cooling.Add(target(t, c, "acme/big", "beta"), time.Minute, noon)
			},
			want: []string{"big@beta", "big@beta"}, override: true,
		},
		{
			name: "nor does its context, which is an estimate", model: "acme/big",
			change: func(in *Input) { in.Serves, in.InputTokens = only("beta"), 2000 },
			want:   []string{"big@beta", "big@beta"}, override: true,
		},
		{
			name: "targets beyond the first eight may be the ones with the operation", model: "acme/wide",
			change: func(in *Input) { in.Serves = only("p5") },
			want:   []string{"wide@p5", "wide@p5"}, override: true,
		},
		{
			name: "an operation that no target has leaves none", model: "acme/big",
			change: func(in *Input) { in.Serves = only("nobody") },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Catalog: c, Order: tt.order, Model: c.Model(tt.model), Options: tt.options, Now: noon}
			if in.Order == nil {
				in.Order = catalogOrder(c)
			}
			if tt.change != nil {
				tt.change(&in)
			}
			ch, p := Build(in)
			if p != nil {
				t.Fatalf("Build refused: %v", p)
			}
			if diff := cmp.Diff(tt.want, written(ch.Targets)); diff != "" {
				t.Errorf("targets differ (-want +got):\n%s", diff)
			}
			if ch.Override != tt.override {
				t.Errorf("Override = %v, want %v", ch.Override, tt.override)
			}
		})
	}
}

// only makes an operation that one provider has.
func only(provider string) func(*Target) bool {
	return func(t *Target) bool { return t.Provider.Name == provider }
}

func TestBuildRefuses(t *testing.T) {
	c := testCatalog(t)
	many := strings.Split(strings.Repeat("alpha ", maxNames+1), " ")[:maxNames+1]
	tests := []struct {
		name    string
		model   string
		order   Order
		options dialect.Options
		allowed func(string) bool
		want    llm.Problem
	}{
		{
			name: "a model without ready targets", model: "acme/solo", order: Order{},
			want: llm.Problem{Kind: llm.Unavailable, Message: "No target of acme/solo is ready."},
		},
		{
			name: "a model without ready targets, whatever only says", model: "acme/solo", order: Order{}, options: dialect.Options{Only: []string{"gamma"}},
			want: llm.Problem{Kind: llm.Unavailable, Message: "No target of acme/solo is ready."},
		},
		{
			name: "an unknown provider in only", model: "acme/solo", options: dialect.Options{Only: []string{"gamma", "nobody"}},
			want: llm.Problem{
				Kind: llm.InvalidRequest, Param: "providerOptions.gateway.only",
				Message: `There is no provider "nobody" here; known are alpha, beta, gamma, openai-eu, openai-us, p1, p2, p3, p4, p5.`,
			},
		},
		{
			name: "only without anyone who serves the model", model: "acme/small", options: dialect.Options{Only: []string{"openai"}},
			want: llm.Problem{
				Kind: llm.InvalidRequest, Param: "providerOptions.gateway.only",
				Message: "None of the providers named serves acme/small; it is served by alpha, gamma.",
			},
		},
		{
			name: "sorting", model: "acme/big", options: dialect.Options{Sort: "ttft"},
			want: llm.Problem{
				Kind: llm.InvalidRequest, Param: "providerOptions.gateway.sort",
				Message: `Sorting targets by "ttft" is not supported yet; write "cost" or leave sort out to use the gateway's order.`,
			},
		},
		{
			name: "an unknown fallback model", model: "acme/big", options: dialect.Options{Models: []string{"acme/smal"}},
			want: llm.Problem{
				Kind: llm.NotFound, Code: "model_not_found", Param: "providerOptions.gateway.models",
				Message: `Among the fallback models, there is no model "acme/smal"; did you mean acme/small, acme/solo? GET /v1/models lists those that there are`,
			},
		},
		{
			name: "an endless provider in only is cut short", model: "acme/solo", options: dialect.Options{Only: []string{strings.Repeat("x", 5000)}},
			want: llm.Problem{
				Kind: llm.InvalidRequest, Param: "providerOptions.gateway.only",
				Message: `There is no provider "` + strings.Repeat("x", 200) + `" here; known are alpha, beta, gamma, openai-eu, openai-us, p1, p2, p3, p4, p5.`,
			},
		},
		{
			name: "a fallback model that the key may not use", model: "acme/big", options: dialect.Options{Models: []string{"little"}},
			allowed: func(model string) bool { return model != "acme/small" },
			want: llm.Problem{
				Kind: llm.Forbidden, Code: "model_not_allowed", Param: "providerOptions.gateway.models",
				Message: "This key may not use the model acme/small.",
			},
		},
		{
			name: "a model that the key may not use", model: "acme/big", allowed: func(string) bool { return false },
			want: llm.Problem{Kind: llm.Forbidden, Code: "model_not_allowed", Param: "model", Message: "This key may not use the model acme/big."},
		},
		{
			name: "endless lists", model: "acme/big", options: dialect.Options{Order: many},
			want: llm.Problem{Kind: llm.InvalidRequest, Param: "providerOptions.gateway.order", Message: "The list has 65 names; at most 64 are read."},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Catalog: c, Order: tt.order, Model: c.Model(tt.model), Options: tt.options, Allowed: tt.allowed}
			if in.Order == nil {
				in.Order = catalogOrder(c)
			}
			ch, p := Build(in)
			if diff := diffProblem(&tt.want, p); diff != "" {
				t.Errorf("problem differs (-want +got):\n%s", diff)
			}
			if len(ch.Targets) > 0 {
				t.Errorf("a refused request has the chain %v", written(ch.Targets))
			}
		})
	}
}

func TestALongListOfProvidersIsCutShortInMessages(t *testing.T) {
	var text strings.Builder
	text.WriteString("providers:\n")
	for i := range 23 {
		fmt.Fprintf(&text, "  p%02d: {dialect: openai, base_url: \"https://p.example\"}\n", i)
	}
	text.WriteString("models: {acme/one: {targets: [p00]}}\nopen: true\n")
	c := parse(t, text.String())
	_, p := Build(Input{Catalog: c, Order: catalogOrder(c), Model: c.Model("acme/one"), Options: dialect.Options{Only: []string{"x"}}})
	if p == nil || !strings.HasSuffix(p.Message, "p19 and 3 more.") {
		t.Errorf("problem = %v, want one that counts what it leaves out", p)
	}
}

func TestTheDefaultCaseAllocatesTheChainOnly(t *testing.T) {
	c := testCatalog(t)
	in := Input{
		Catalog: c, Order: catalogOrder(c), Model: c.Model("acme/big"), InputTokens: 100, Cooling: NewCooling(), Now: noon,
		Allowed: func(string) bool { return true },
	}
	if n := testing.AllocsPerRun(100, func() {
		if ch, p := Build(in); p != nil || len(ch.Targets) != 4 {
			t.Fatal("no chain")
		}
	}); n > 1 {
		t.Errorf("Build allocates %v times, want once", n)
	}
	in.Model = c.Model("acme/solo")
	if n := testing.AllocsPerRun(100, func() { _, _ = Build(in) }); n > 1 {
		t.Errorf("Build of a lone target allocates %v times, want once", n)
	}
}
