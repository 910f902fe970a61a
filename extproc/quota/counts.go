package quota

import "time"

// Counts tells whether one of the accounts counts the unit.
func (a *Accounts) Counts(u Unit) bool {
	for i := range a.views {
		if a.views[i].account.rule.Unit == u {
			return true
		}
	}
	return false
}

// Periods appends the present periods of the accounts, in their order: what a
// Store is asked for how they stand.
func (l *Ledger) Periods(a *Accounts, dst []AccountPeriod) []AccountPeriod {
	at := time.Unix(0, l.storeTime(l.now()))
	for i := range a.views {
		p, _ := a.views[i].account.rule.Window.Of(at)
		dst = append(dst, AccountPeriod{a.views[i].account.id, p})
	}
	return dst
}
