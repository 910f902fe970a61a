package quota

import "slices"

// Sole is the account of a limit that counts all requests together; false if it
// counts some apart.
func (l *Limit) Sole() (a Account, ok bool) {
	if slices.Contains(l.Each[:], true) {
		return Account{}, false
	}
	r := rule{Limit: *l}
	return r.account(&[NumDimensions]string{}).id, true
}
