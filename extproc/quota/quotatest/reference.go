package quotatest

import (
	"sync"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Reference is the trivial ledger: one sum a count, and beside it how far
// settled amounts were above what was reserved for them.
type Reference struct {
	mu     sync.Mutex // guards all below
	counts map[quota.AccountPeriod]Count
}

// Count is what the Reference knows of one account's period.
type Count struct{ Used, Under quota.Amount }

// NewReference makes an empty reference.
func NewReference() *Reference {
	return &Reference{counts: make(map[quota.AccountPeriod]Count)}
}

// Settle counts what was settled for what was reserved.
func (r *Reference) Settle(reserved, settled []quota.Charge) {
	r.mu.Lock()
	defer r.mu.Unlock()
	estimates := make(map[quota.AccountPeriod]quota.Amount, len(reserved))
	for _, c := range reserved {
		estimates[quota.AccountPeriod{Account: c.Account, Period: c.Period}] += c.Amount
	}
	for _, c := range settled {
		ap := quota.AccountPeriod{Account: c.Account, Period: c.Period}
		n := r.counts[ap]
		n.Used += c.Amount
		n.Under += max(c.Amount-estimates[ap], 0)
		r.counts[ap] = n
	}
}

// Counts are all counts so far.
func (r *Reference) Counts() map[quota.AccountPeriod]Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[quota.AccountPeriod]Count, len(r.counts))
	for ap, n := range r.counts {
		out[ap] = n
	}
	return out
}
