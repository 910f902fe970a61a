package extproc

import (
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// TestABudgetThatBothKnowTurnsNoLimitOff: the ledger refuses two limits of one
// name, and with them all others.
func TestABudgetThatBothKnowTurnsNoLimitOff(t *testing.T) {
	budget := func(name string, amount int64) catalog.Budget {
		return catalog.Budget{Name: name, Per: "day", Limits: []catalog.BudgetLimit{{Unit: "requests", Amount: amount}}}
	}
	c := &catalog.Catalog{Budgets: []catalog.Budget{budget("team", 1)}}
	d := &directory.Snapshot{Budgets: []*directory.Budget{{Budget: budget("team", 99)}, {Budget: budget("other", 2)}}}
	all := budgetsOf(c, d)
	if len(all) != 2 || all[0].Limits[0].Amount != 1 || all[1].Name != "other" {
		t.Errorf("budgets %+v", all)
	}
	l := quota.NewLedger(quota.Config{})
	if err := l.Use(LimitsOf(all, "")); err != nil {
		t.Error(err)
	}
}
