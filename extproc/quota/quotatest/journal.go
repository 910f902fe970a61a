package quotatest

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Journal is a quota.Journal in memory that outlives its ledger: Reopen gives
// the next one all that a file would have kept.
type Journal struct {
	owner quota.Owner

	mu     sync.Mutex // guards all below
	dead   bool       // reopened: its process is gone
	slots  map[Slot]*entry
	last   Slot
	batch  uint64 // the last that was sealed
	sealed bool   // and it is not acknowledged
}

var _ quota.Journal = (*Journal)(nil)

// Slot names an entry of a Journal.
type Slot uint64

// entry is open until it is settled, and settled until its batch is
// acknowledged.
type entry struct {
	settled bool
	batch   uint64 // 0: in none yet
	charges []quota.Charge
}

// Orphan is an open entry of a process that is gone.
type Orphan struct {
	Slot    Slot
	Charges []quota.Charge
}

// NewJournal makes an empty journal.
func NewJournal(owner quota.Owner) *Journal {
	return &Journal{owner: owner, slots: make(map[Slot]*entry)}
}

// Owner is quota.Journal's.
func (j *Journal) Owner() quota.Owner { return j.owner }

// Begin enters what is reserved.
func (j *Journal) Begin(reserved []quota.Charge) Slot {
	return j.enter(&entry{charges: slices.Clone(reserved)})
}

// Correct enters what is settled from the start.
func (j *Journal) Correct(settled []quota.Charge) {
	j.enter(&entry{settled: true, charges: slices.Clone(settled)})
}

func (j *Journal) enter(e *entry) Slot {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dead {
		return 0
	}
	j.last++
	j.slots[j.last] = e
	return j.last
}

// Settle replaces what a slot has reserved by what it has settled, once.
func (j *Journal) Settle(s Slot, settled []quota.Charge) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.slots[s]; e != nil && !j.dead && !e.settled {
		e.settled, e.charges = true, slices.Clone(settled)
	}
}

// Cut is quota.Journal's.
func (j *Journal) Cut() (batch uint64, sums []quota.Charge) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dead {
		return 0, nil
	}
	if !j.sealed {
		for _, e := range j.slots {
			if e.settled {
				j.sealed, e.batch = true, j.batch+1
			}
		}
		if !j.sealed {
			return 0, nil
		}
		j.batch++
	}
	return j.batch, j.sum(func(e *entry) bool { return e.batch == j.batch })
}

// Acknowledge is quota.Journal's.
func (j *Journal) Acknowledge(batch uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dead || !j.sealed || batch != j.batch {
		return
	}
	j.sealed = false
	for s, e := range j.slots {
		if e.batch == batch {
			delete(j.slots, s)
		}
	}
}

// Reopen is what the next process finds after a crash: the journal, what is
// open in it, and the sums of what is settled and not acknowledged. What the
// former process does from now on is lost.
func (j *Journal) Reopen() (next *Journal, open []Orphan, owed []quota.Charge) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dead = true
	next = &Journal{owner: j.owner, slots: j.slots, last: j.last, batch: j.batch, sealed: j.sealed}
	for s, e := range next.slots {
		if !e.settled {
			open = append(open, Orphan{Slot: s, Charges: slices.Clone(e.charges)})
		}
	}
	slices.SortFunc(open, func(a, b Orphan) int { return cmp.Compare(a.Slot, b.Slot) })
	owed = next.sum(func(e *entry) bool { return e.settled })
	return next, open, owed
}

// sum adds up settled entries by account and period, in their order. Caller
// must hold mu.
func (j *Journal) sum(which func(*entry) bool) []quota.Charge {
	sums := make(map[quota.AccountPeriod]quota.Charge)
	for _, e := range j.slots {
		if !which(e) {
			continue
		}
		for _, c := range e.charges {
			ap := quota.AccountPeriod{Account: c.Account, Period: c.Period}
			c.Amount += sums[ap].Amount
			sums[ap] = c
		}
	}
	out := make([]quota.Charge, 0, len(sums))
	for _, c := range sums {
		if c.Amount != 0 {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b quota.Charge) int {
		return cmp.Or(bytes.Compare(a.Account[:], b.Account[:]), cmp.Compare(a.Period, b.Period))
	})
	return out
}
