package catalog

import "strings"

// budgetLimits reads what is limited and what is granted while the store is
// away.
func (r *report) budgetLimits(path string, e *budgetEntry) []BudgetLimit {
	away := member(path, "away")
	if e.Away == nil {
		e.Away = &awayEntry{}
	}
	if word := e.Away.Word; r.given(away) && word != "deny" && (word != "" || e.Away.silent()) {
		r.fail(away, awayFault(word), "write deny, or what one process may grant a period, such as {money: 1}")
	}
	var limits []BudgetLimit
	for _, u := range []struct {
		unit        string
		limit, away *int64
	}{
		{UnitMoney, (*int64)(e.Money), (*int64)(e.Away.Money)},
		{UnitRequests, (*int64)(e.Requests), (*int64)(e.Away.Requests)},
		{UnitTokens, (*int64)(e.Tokens), (*int64)(e.Away.Tokens)},
		{UnitInput, (*int64)(e.InputTokens), (*int64)(e.Away.InputTokens)},
		{UnitOutput, (*int64)(e.OutputTokens), (*int64)(e.Away.OutputTokens)},
		{UnitConcurrent, (*int64)(e.Concurrent), (*int64)(e.Away.Concurrent)},
	} {
		field, granted := member(path, u.unit), member(away, u.unit)
		switch {
		case u.limit == nil && u.away != nil:
			r.fail(granted, "is not limited by this budget", "add "+u.unit+" to the budget, or remove this")
		case u.limit != nil && u.away != nil && *u.away > *u.limit && !r.failed[field] && !r.failed[granted]:
			r.fail(granted, "is more than the limit itself", "write at most what "+u.unit+" says")
		}
		if u.limit == nil {
			continue
		}
		l := BudgetLimit{Unit: u.unit, Amount: *u.limit}
		if u.away != nil {
			l.Away = *u.away
		}
		limits = append(limits, l)
	}
	if len(limits) == 0 {
		units := BudgetUnits()
		r.fail(member(path, UnitMoney), "is missing, and nothing else is limited", "add one or more of "+strings.Join(units, ", "))
	}
	return limits
}

// silent tells whether nothing is granted by name.
func (a *awayEntry) silent() bool {
	return a.Money == nil && a.Requests == nil && a.Tokens == nil && a.InputTokens == nil && a.OutputTokens == nil && a.Concurrent == nil
}

func awayFault(word string) string {
	if word == "" {
		return "says nothing"
	}
	return show(word) + " is not a word for it"
}
