package quota

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestARequestCountsInTheLimitsOfEveryModelThatMayServeIt(t *testing.T) {
	dear := Limit{Name: "dear", Unit: Money, Window: Day, Amount: 10}
	dear.Match[Model] = []string{"anthropic/*"}
	all := Limit{Name: "all", Unit: Requests, Window: Day, Amount: 10}
	each := Limit{Name: "each", Unit: Tokens, Window: Day, Amount: 10}
	each.Each[Model] = true
	set, err := compile([]Limit{dear, all, each})
	if err != nil {
		t.Fatal(err)
	}
	for models, want := range map[string][]string{
		"openai/small":    {"all ", "each model openai/small"},
		"anthropic/large": {"dear ", "all ", "each model anthropic/large"},
		"openai/small" + separator + "anthropic/large": {"all ", "each model openai/small", "dear ", "each model anthropic/large"},
	} {
		var got []string
		for _, a := range set.resolve(&Subject{}, models) {
			got = append(got, a.rule.Name+" "+a.scope)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", models, diff)
		}
	}
}
