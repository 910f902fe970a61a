package extproc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestEveryUnitAndPeriodOfTheCatalogIsOneOfTheLedgers(t *testing.T) {
	t.Parallel()
	seen := make(map[quota.Unit]bool)
	for _, word := range catalog.BudgetUnits() {
		u, ok := units[word]
		if !ok || seen[u] {
			t.Errorf("%q is %v, %t", word, u, ok)
		}
		seen[u] = true
	}
	if len(units) != int(quota.NumUnits) || len(windows) != int(quota.NumWindows) || len(dimensions) != int(quota.NumDimensions) {
		t.Errorf("%d units, %d windows, %d dimensions", len(units), len(windows), len(dimensions))
	}
}

func TestBudgetsBecomeALimitEachUnit(t *testing.T) {
	t.Parallel()
	c := parsed(t, "open: true"+shopModels+`
budgets:
  - {name: b, money: 2.5, concurrent: 3, per: week, each: [tenant, tag], tenants: ["a*"], tags: ["t-*"], soft: [10, 90], away: {money: 1}}
  - {name: a, concurrent: 1, keys: [ci], models: ["sim/*"]}
`)
	b := func(l quota.Limit) quota.Limit {
		l.Match[quota.Tenant], l.Match[quota.Tag] = []string{"a*"}, []string{"t-*"}
		l.Each[quota.Tenant], l.Each[quota.Tag] = true, true
		l.Soft = []uint8{10, 90}
		return l
	}
	a := quota.Limit{Name: "a/concurrent", Unit: quota.Concurrent, Amount: 1, Soft: []uint8{50, 80, 100}}
	a.Match[quota.Key], a.Match[quota.Model] = []string{"ci"}, []string{"sim/*"}
	want := []quota.Limit{
		a,
		b(quota.Limit{Name: "b/money", Unit: quota.Money, Window: quota.Week, Amount: 2_500_000_000, Away: 1_000_000_000}),
		b(quota.Limit{Name: "b/concurrent", Unit: quota.Concurrent, Amount: 3}),
	}
	got := LimitsOf(c.Budgets, "")
	if diff := cmp.Diff(want, got, cmp.Transformer("empty", func(list []string) []string { return append([]string{}, list...) })); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if err := quota.NewLedger(quota.Config{}).Use(got); err != nil {
		t.Errorf("the ledger refuses them: %v", err)
	}
}

func TestARegionHasItsShare(t *testing.T) {
	t.Parallel()
	budgets := []catalog.Budget{{
		Name: "world", Per: "day", Shares: map[string]int{"eu": 33, "us": 67, "ap": 0},
		Limits: []catalog.BudgetLimit{{Unit: catalog.UnitRequests, Amount: 10, Away: 5}},
	}}
	for region, want := range map[string][2]quota.Amount{"eu": {3, 3}, "us": {6, 5}, "ap": {0, 0}, "elsewhere": {0, 0}} {
		if l := LimitsOf(budgets, region)[0]; [2]quota.Amount{l.Amount, l.Away} != want {
			t.Errorf("%s: %d, away %d; want %v", region, l.Amount, l.Away, want)
		}
	}
}

func TestSharesAreNeverMoreThanTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		amount := rapid.Int64Range(0, catalog.MaxAmount).Draw(rt, "amount")
		left, sum := 100, quota.Amount(0)
		for range rapid.IntRange(1, 8).Draw(rt, "regions") {
			percent := rapid.IntRange(0, left).Draw(rt, "percent")
			left -= percent
			share := shareOf(amount, percent)
			if share < 0 {
				rt.Fatalf("%d percent of %d are %d", percent, amount, share)
			}
			sum += share
		}
		if sum > quota.Amount(amount) {
			rt.Fatalf("the shares of %d are %d", amount, sum)
		}
	})
}
