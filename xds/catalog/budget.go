package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Budget limits what may be used: requests, tokens, money, or how many
// requests may be under way.
type Budget struct {
	Name string // unique; refusals and figures show it
	// Keys, Tenants, Models and Tags are globs (* stands for any text). The
	// budget holds for requests that match each list; an empty list matches all.
	// A request matches by tag if one of its tags does.
	Keys, Tenants, Models, Tags []string
	// Each lists what is counted apart, of "key", "tenant", "model" and "tag",
	// in this order.
	Each []string
	// Per is how long Limits count: "minute", "hour", "day", "week", "month" or
	// "total"; "" if all that is limited is concurrent.
	Per string
	// Limits are never empty, in the order of BudgetUnits, each unit once.
	Limits []BudgetLimit
	// Soft are the percentages of a limit at which somebody is told, ascending,
	// each from 1 to 100.
	Soft []int
	// Shares divides the limits among regions, in percent, 100 together at most;
	// nil: they are not divided.
	Shares map[string]int
}

// BudgetLimit is the limit of one unit.
type BudgetLimit struct {
	// Unit is one of BudgetUnits.
	Unit string
	// Amount is in nano-dollars, tokens or requests, 0 to MaxAmount; 0 refuses
	// all.
	Amount int64
	// Away is what one process may grant a period while the store is away, at
	// most Amount; 0: nothing.
	Away int64
}

// Units of a BudgetLimit. Concurrent counts requests under way, which has no
// period.
const (
	UnitMoney      = "money" // nano-dollars
	UnitRequests   = "requests"
	UnitTokens     = "tokens" // of input and output
	UnitInput      = "input_tokens"
	UnitOutput     = "output_tokens"
	UnitConcurrent = "concurrent"
)

// BudgetUnits are all units.
func BudgetUnits() []string {
	return []string{UnitMoney, UnitRequests, UnitTokens, UnitInput, UnitOutput, UnitConcurrent}
}

var (
	dimensions  = []string{"key", "tenant", "model", "tag"}
	periods     = []string{"minute", "hour", "day", "week", "month", "total"}
	defaultSoft = []int{50, 80, 100}
)

const maxBudgets = 1000

func (c *compiler) budgets() {
	if n := len(c.doc.Budgets); n > maxBudgets {
		c.fail("budgets", fmt.Sprintf("has %d entries", n), fmt.Sprintf("at most %d are read; one budget can count many keys or tenants apart with each", maxBudgets))
		return
	}
	names := oneOf("budget")
	for i := range c.doc.Budgets {
		path := element("budgets", i)
		b := c.budget(path, &c.doc.Budgets[i], names)
		c.divided(path+".shares", b.Shares, c.catalog.Store)
		c.catalog.Budgets = append(c.catalog.Budgets, b)
	}
	slices.SortFunc(c.catalog.Budgets, func(a, b Budget) int { return strings.Compare(a.Name, b.Name) })
}

func (r *report) budget(path string, e *budgetEntry, names nameKind) Budget {
	r.name(member(path, "name"), e.Name, names)
	return Budget{
		Name:    e.Name,
		Keys:    r.globs(member(path, "keys"), e.Keys, keyGlobs),
		Tenants: r.globs(member(path, "tenants"), e.Tenants, tenantGlobs),
		Models:  r.globs(member(path, "models"), e.Models, modelGlobs),
		Tags:    r.globs(member(path, "tags"), e.Tags, tagGlobs),
		Each:    r.each(member(path, "each"), e.Each),
		Limits:  r.budgetLimits(path, e),
		Per:     r.per(path, e),
		Soft:    r.soft(member(path, "soft"), e.Soft),
		Shares:  r.shares(member(path, "shares"), e.Shares),
	}
}

// each puts what is counted apart into one order.
func (r *report) each(field string, list []string) []string {
	for i, name := range list {
		switch at := element(field, i); {
		case r.failed[at]:
		case !slices.Contains(dimensions, name):
			r.fail(at, show(name)+" is nothing to count by", "write one of "+strings.Join(dimensions, ", "))
		case slices.Contains(list[:i], name):
			r.fail(at, show(name)+" is given twice", "remove one of them")
		}
	}
	return slices.SortedFunc(slices.Values(list), func(a, b string) int {
		return cmp.Compare(slices.Index(dimensions, a), slices.Index(dimensions, b))
	})
}

// per needs a period exactly where something is limited that has one.
func (r *report) per(path string, e *budgetEntry) string {
	field, some, timed := member(path, "per"), false, false
	for _, unit := range BudgetUnits() {
		given := r.given(member(path, unit))
		some, timed = some || given, timed || given && unit != UnitConcurrent
	}
	const right = "write minute, hour, day, week, month or total"
	switch {
	case !some: // nothing is limited, and that has been reported
	case timed && !r.given(field):
		r.fail(field, "is missing", "add per: minute, hour, day, week, month or total")
	case !timed && r.given(field):
		r.fail(field, "means nothing for concurrent, which counts what is under way", "remove it")
	case r.given(field) && !slices.Contains(periods, e.Per):
		r.fail(field, show(e.Per)+" is not a period", right)
	}
	return e.Per
}

// soft are the percentages given, or those that hold without.
func (r *report) soft(field string, list []int64) []int {
	if !r.given(field) {
		return slices.Clone(defaultSoft)
	}
	out := make([]int, 0, len(list))
	for i, percent := range list {
		switch at := element(field, i); {
		case r.failed[at]:
		case percent < 1 || percent > 100:
			r.fail(at, fmt.Sprintf("%d is out of range", percent), "write percentages from 1 to 100")
		case slices.Contains(list[:i], percent):
			r.fail(at, fmt.Sprintf("%d is given twice", percent), "remove one of them")
		}
		out = append(out, int(percent))
	}
	slices.Sort(out)
	return out
}

// shares checks what of a division needs no store to tell.
func (r *report) shares(field string, table shareTable) map[string]int {
	if !r.given(field) {
		return nil
	}
	if len(table) == 0 {
		r.fail(field, "names no region", "write region: percent, or leave shares out")
	}
	shares, sum := make(map[string]int, len(table)), int64(0)
	for _, region := range sortedKeys(table) {
		at, percent := member(field, region), table[region]
		switch {
		case !slugName.MatchString(region):
			r.failName(at, "is not a name for a region", slugRight)
		case percent < 0 || percent > 100:
			r.fail(at, fmt.Sprintf("%d is out of range", percent), "write a percentage from 0 to 100")
		default:
			sum += percent
		}
		shares[region] = int(percent)
	}
	if sum > 100 {
		r.fail(field, fmt.Sprintf("add up to %d percent", sum), "divide 100 at most")
	}
	return shares
}

// divided checks that a store is where the shares are.
func (r *report) divided(field string, shares map[string]int, s Store) {
	if shares == nil || r.failed[field] {
		return
	}
	here := s.Region()
	if here == "" {
		r.fail(field, "need to know which region this is", "set store.redis.region, or leave shares out")
		return
	}
	if _, ours := shares[here]; !ours {
		r.fail(field, "leave nothing to this region, "+show(here), "add it, with 0 if that is meant")
	}
	for _, region := range sortedKeys(shares) {
		if region != here && s.Redis.Regions[region] == nil {
			r.failName(member(field, region), "is not a region of the store", "add it to store.redis.regions, or remove it")
		}
	}
}
