package journal

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// batch is what the store has not acknowledged.
type batch struct {
	number uint64
	slots  []uint32
	sums   []quota.Charge
}

// Cut implements quota.Journal. Sums that are zero are left out, and a batch of
// which nothing is left needs no acknowledgement. A sum beyond ±quota.MaxAmount
// is given as that.
func (j *Journal) Cut() (number uint64, sums []quota.Charge) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return 0, nil
	}
	for {
		if len(j.pending) == 0 && !j.seal() {
			return 0, nil
		}
		first := &j.pending[0]
		if first.sums == nil {
			first.sums = j.sum(first.slots)
		}
		if len(first.sums) > 0 {
			return first.number, slices.Clone(first.sums)
		}
		j.forget()
	}
}

// Owed is what is settled and not acknowledged, summed by account and period:
// what a former process left for its successor's ledger to know of.
func (j *Journal) Owed() []quota.Charge {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	var slots []uint32
	for i := range j.pending {
		slots = append(slots, j.pending[i].slots...)
	}
	for i := range j.shards {
		s := &j.shards[i]
		s.mu.Lock()
		for next := s.settled; next != 0; {
			_, m := j.at(next - 1)
			slots = append(slots, next-1)
			next = m.next
		}
		s.mu.Unlock()
	}
	return j.sum(slots)
}

// seal makes a batch of all that is settled, if there is any. The number is in
// the header before it is in a slot, so it is never given twice.
func (j *Journal) seal() bool {
	b := batch{number: j.last + 1}
	for i := range j.shards {
		s := &j.shards[i]
		s.mu.Lock()
		next := s.settled
		s.settled = 0
		s.mu.Unlock()
		// The links stay: a settled slot that is in no batch can't become free.
		for next != 0 {
			_, m := j.at(next - 1)
			b.slots = append(b.slots, next-1)
			next = m.next
		}
	}
	if len(b.slots) == 0 {
		return false
	}
	word := seal(b.number)
	j.last = b.number
	j.head.batch.Store(word)
	for _, index := range b.slots {
		sl, _ := j.at(index)
		sl.batch.Store(word)
	}
	j.pending = append(j.pending, b)
	return true
}

// Acknowledge implements quota.Journal. Numbers other than that of the batch
// that Cut gives do nothing.
func (j *Journal) Acknowledge(number uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed && len(j.pending) > 0 && j.pending[0].number == number {
		j.forget()
	}
}

// forget ends the first pending batch. The header's word does it at once for
// all its slots, so that being interrupted while they are freed costs nothing.
func (j *Journal) forget() {
	b := j.pending[0]
	j.pending = slices.Delete(j.pending, 0, 1)
	word := seal(b.number)
	j.head.acked.Store(word)
	j.acked.Store(b.number)
	for _, index := range b.slots {
		sh := j.shardOf(index)
		sh.mu.Lock()
		// Recorded may have freed it since, and Begin may have taken it again.
		sl, m := j.at(index)
		st := state(sl.state.Load())
		if sl.batch.Load() == word && st.kind() == kindSettled && st&recorded != 0 {
			j.release(sh, index, m)
		}
		sh.mu.Unlock()
	}
}

// counter names one sum.
type counter struct {
	account quota.Account
	period  uint32
}

// total counts beyond 64 bits, so that the order of addition cannot matter.
type total struct {
	high int64
	low  uint64
	unit uint8
}

func (t *total) add(amount int64) {
	low, carry := bits.Add64(t.low, uint64(amount), 0)
	t.low = low
	t.high += amount>>63 + int64(carry)
}

func (t *total) amount() quota.Amount {
	value := int64(t.low)
	switch {
	case t.high > 0 || t.high == 0 && value < 0:
		return quota.MaxAmount
	case t.high < -1 || t.high == -1 && value >= 0:
		return -quota.MaxAmount
	}
	return min(max(quota.Amount(value), -quota.MaxAmount), quota.MaxAmount)
}

// sum adds up a batch, sorted by account and period; never nil.
func (j *Journal) sum(slots []uint32) []quota.Charge {
	places := make(map[counter]int)
	var totals []total
	for _, index := range slots {
		sl, _ := j.at(index)
		settled := sl.charges[1][:state(sl.state.Load()).charges()]
		for i := range settled {
			c := &settled[i]
			name := counter{c.account, c.period}
			place, known := places[name]
			if !known {
				place = len(totals)
				places[name] = place
				totals = append(totals, total{unit: c.unit})
			}
			totals[place].add(c.amount)
		}
	}
	out := make([]quota.Charge, 0, len(totals))
	for name, place := range places {
		if amount := totals[place].amount(); amount != 0 {
			out = append(out, quota.Charge{
				Account: name.account, Period: quota.Period(name.period),
				Unit: quota.Unit(totals[place].unit), Amount: amount,
			})
		}
	}
	slices.SortFunc(out, func(a, b quota.Charge) int {
		return cmp.Or(bytes.Compare(a.Account[:], b.Account[:]), cmp.Compare(a.Period, b.Period))
	})
	return out
}
