package chain

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// fitText has targets that are able to do different things, at different
// prices.
const fitText = `
open: true
providers:
  alpha: {dialect: openai, base_url: "https://alpha.example"}
  beta: {dialect: openai, base_url: "https://beta.example"}
  gamma: {dialect: openai, base_url: "https://gamma.example"}
models:
  acme/mixed:
    targets:
      - {provider: alpha, capabilities: [tools, json_schema], context: 1000, output: 100, prices: {input: 3, output: 15}}
      - {provider: beta, capabilities: [tools, images], context: 2000, output: 500, prices: {input: 1, output: 20}}
      - {provider: gamma, prices: {input: 5, output: 5, tiers: [{over: 1500, input: 500}]}}
  acme/blind: {targets: [alpha, beta], capabilities: [tools, json_schema]}
  acme/apart: {targets: [{provider: alpha, capabilities: [images]}, {provider: beta, capabilities: [tools]}]}
  acme/sees: {targets: [{provider: gamma, capabilities: [tools, images]}]}
  other/sees: {targets: [{provider: alpha, capabilities: [images]}]}
  other/gone: {targets: [{provider: alpha, capabilities: [images]}]}
  other/unknown: {targets: [alpha]}
  acme/priceless: {targets: [alpha, {provider: beta, prices: {input: 1, output: 1}}, gamma]}
`

func TestTargetsThatCannotDoWhatIsNeededArePassedOver(t *testing.T) {
	c := parse(t, fitText)
	tests := []struct {
		name    string
		model   string
		change  func(*Input)
		want    []string
		skipped []Skip
	}{
		{
			name: "nothing is needed", model: "acme/mixed", change: func(*Input) {},
			want: []string{"mixed@alpha", "mixed@beta", "mixed@gamma"},
		},
		{
			name: "a target that lacks images is passed over, one of which nothing is known is not", model: "acme/mixed",
			change:  func(in *Input) { in.Needs = llm.NeedImages | llm.NeedTools },
			want:    []string{"mixed@beta", "mixed@gamma"},
			skipped: []Skip{{"alpha", "acme/mixed", "images"}},
		},
		{
			name: "a lone target that is left is tried twice", model: "acme/apart",
			change:  func(in *Input) { in.Needs = llm.NeedTools },
			want:    []string{"apart@beta", "apart@beta"},
			skipped: []Skip{{"alpha", "acme/apart", "tools"}},
		},
		{
			name: "what can be emulated is asked of those that have it", model: "acme/mixed",
			change:  func(in *Input) { in.Needs = llm.NeedJSONSchema },
			want:    []string{"mixed@alpha", "mixed@gamma"},
			skipped: []Skip{{"beta", "acme/mixed", "json schema"}},
		},
		{
			name: "and of all if none has it", model: "acme/blind",
			change: func(in *Input) { in.Needs = llm.NeedReasoning | llm.NeedChoices | llm.NeedTools },
			want:   []string{"blind@alpha", "blind@beta"},
		},
		{
			name: "several abilities are named", model: "acme/mixed",
			change: func(in *Input) {
				in.Needs = llm.NeedImages | llm.NeedAudio
			},
			want:    []string{"mixed@gamma", "mixed@gamma"},
			skipped: []Skip{{"alpha", "acme/mixed", "images and audio"}, {"beta", "acme/mixed", "audio"}},
		},
		{
			name: "a context that the estimate exceeds", model: "acme/mixed",
			change:  func(in *Input) { in.InputTokens, in.MaxTokens = 950, 51 },
			want:    []string{"mixed@beta", "mixed@gamma"},
			skipped: []Skip{{"alpha", "acme/mixed", "context"}},
		},
		{
			name: "the size of a request with pictures says nothing in tokens", model: "acme/mixed",
			change:  func(in *Input) { in.Needs, in.InputTokens = llm.NeedImages, math.MaxInt64 },
			want:    []string{"mixed@beta", "mixed@gamma"},
			skipped: []Skip{{"alpha", "acme/mixed", "images"}},
		},
		{
			name: "more output than a target makes", model: "acme/mixed",
			change:  func(in *Input) { in.MaxTokens = 101 },
			want:    []string{"mixed@beta", "mixed@gamma"},
			skipped: []Skip{{"alpha", "acme/mixed", "output"}},
		},
		{
			name: "by price, the cheapest first", model: "acme/mixed",
			change: func(in *Input) { in.Options.Sort, in.InputTokens, in.MaxTokens = "cost", 900, 90 },
			want:   []string{"mixed@beta", "mixed@alpha", "mixed@gamma"},
		},
		{
			name: "by the price of this request", model: "acme/mixed",
			change: func(in *Input) { in.Options.Sort, in.InputTokens, in.MaxTokens = "cost", 10, 100 },
			want:   []string{"mixed@gamma", "mixed@alpha", "mixed@beta"},
		},
		{
			name: "an unknown price comes last, as the route has it", model: "acme/priceless",
			change: func(in *Input) { in.Options.Sort = "cost" },
			want:   []string{"priceless@beta", "priceless@alpha", "priceless@gamma"},
		},
		{
			name: "what the client names goes before the price", model: "acme/priceless",
			change: func(in *Input) { in.Options = dialect.Options{Sort: "cost", Order: []string{"gamma"}} },
			want:   []string{"priceless@gamma", "priceless@beta", "priceless@alpha"},
		},
		{
			name: "a fallback model can do what the model cannot", model: "acme/blind",
			change:  func(in *Input) { in.Needs, in.Options.Models = llm.NeedImages, []string{"acme/sees"} },
			want:    []string{"sees@gamma", "sees@gamma"},
			skipped: []Skip{{"alpha", "acme/blind", "images"}, {"beta", "acme/blind", "images"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Catalog: c, Order: catalogOrder(c), Model: c.Model(tt.model)}
			tt.change(&in)
			ch, p := Build(in)
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(tt.want, written(ch.Targets)); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.skipped, ch.Skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
			if len(tt.skipped) > 0 && !ch.Override {
				t.Error("a chain without the targets passed over does not travel")
			}
			if short, ok := NewDefaults(c, in.Order).For(in); ok {
				if diff := cmp.Diff(written(ch.Targets), written(short.Targets)); diff != "" {
					t.Errorf("the default chain differs (-built +default):\n%s", diff)
				}
			} else if tt.name == "nothing is needed" {
				t.Error("the default chain does not serve a request without needs")
			}
		})
	}
}

func TestWhatNoTargetCanDoIsRefusedByName(t *testing.T) {
	c := parse(t, fitText)
	order := catalogOrder(c)
	delete(order, "other/gone")
	tests := []struct {
		name, model string
		needs       llm.Needs
		allowed     func(string) bool
		want        string
	}{
		{
			name: "one ability, and who has it", model: "acme/blind", needs: llm.NeedImages | llm.NeedJSON,
			want: "No target of acme/blind supports images; these models do: acme/apart, acme/mixed, acme/sees, other/sees.",
		},
		{
			name: "only models of this key", model: "acme/blind", needs: llm.NeedImages,
			allowed: func(m string) bool { return m == "acme/blind" || strings.HasPrefix(m, "other/") },
			want:    "No target of acme/blind supports images; these models do: other/sees.",
		},
		{
			name: "nobody has it", model: "acme/blind", needs: llm.NeedEmbeddings,
			want: "No target of acme/blind supports embeddings.",
		},
		{
			name: "each lacks something else", model: "acme/apart", needs: llm.NeedImages | llm.NeedTools,
			want: "No target of acme/apart supports tools and images together; these models do: acme/mixed, acme/sees.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch, p := Build(Input{Catalog: c, Order: order, Model: c.Model(tt.model), Needs: tt.needs, Allowed: tt.allowed})
			want := &llm.Problem{Kind: llm.Unsupported, Param: "model", Message: tt.want}
			if diff := diffProblem(want, p); diff != "" || len(ch.Targets) > 0 {
				t.Errorf("%d targets, problem (-want +got):\n%s", len(ch.Targets), diff)
			}
		})
	}
}
