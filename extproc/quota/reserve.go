package quota

import (
	"context"
	"sync/atomic"
	"time"
)

// Reservation is what a request has reserved. The zero Reservation has nothing.
// It belongs to the goroutine that fills it until it is settled, and is not to
// be copied once it has anything.
type Reservation struct {
	ledger *Ledger
	n      int
	done   uint32 // atomic: settled
	legs   [MaxCharges]leg
}

// leg is a reservation on one lease.
type leg struct {
	lease    *lease
	reserved Amount
	lent     bool // while the store was away
}

// Reserve takes an estimate off all accounts or none. A lease that does not
// suffice waits for the store, no longer than Config.Wait. Negative estimates
// count as nothing; of Concurrent it is always one.
func (l *Ledger) Reserve(ctx context.Context, a *Accounts, est *Amounts, r *Reservation) *Refusal {
	r.ledger, r.n = l, len(a.views)
	atomic.StoreUint32(&r.done, 0)
	now := l.now()
	for i := range a.views {
		v := &a.views[i]
		n := v.account.rule.estimate(est)
		s := v.lease.Load()
		if s == nil || int64(now) >= s.until.Load() || !s.take(n) {
			clear(r.legs[i:r.n])
			w := wanting{ledger: l, accounts: a, est: *est, r: r}
			return w.reserve(ctx)
		}
		s.touch()
		r.legs[i] = leg{lease: s, reserved: n}
	}
	return nil
}

// wanting is a reservation of which leases are missing. What it has taken it
// keeps while it waits for the rest.
type wanting struct {
	ledger   *Ledger
	accounts *Accounts
	est      Amounts
	r        *Reservation
}

// reserve goes on until nothing is missing, something is refused, or the wait
// is over.
func (w *wanting) reserve(ctx context.Context) *Refusal {
	l := w.ledger
	wait := time.NewTimer(l.cfg.Wait)
	defer wait.Stop()
	for {
		var round <-chan struct{}
		if l.synced.Load() || l.away.Load() {
			missing, refusal := w.take()
			if refusal != nil {
				w.rollBack()
				return refusal
			}
			if missing == 0 {
				return nil
			}
			if l.away.Load() {
				return w.lend()
			}
			round = w.join()
		} else {
			round = l.nextRound() // which window it is, the store's clock says
		}
		select {
		case <-round:
		case <-wait.C:
			// Until an exchange succeeds nobody else waits in vain.
			l.away.Store(true)
			l.hurry()
		case <-ctx.Done():
			return w.lend()
		}
	}
}

// take tries all that is missing.
func (w *wanting) take() (missing int, _ *Refusal) {
	now := w.ledger.now()
	for i := range w.accounts.views {
		leg := &w.r.legs[i]
		if leg.lease != nil {
			continue
		}
		v := &w.accounts.views[i]
		n := v.account.rule.estimate(&w.est)
		s := w.ledger.present(v, now)
		s.touch()
		if n > v.account.rule.Amount {
			return 0, w.refuse(i, s)
		}
		good := int64(now) < s.until.Load()
		switch {
		case good && s.take(n):
			leg.lease, leg.reserved = s, n
		case good && int64(now) < s.denied.Load() && n > Amount(s.room.Load())+max(0, Amount(s.free.Load())):
			return 0, w.refuse(i, s)
		default:
			missing++
		}
	}
	return missing, nil
}

// join says what is missing and gives what is closed when the next exchange has
// ended.
func (w *wanting) join() <-chan struct{} {
	l := w.ledger
	now := l.now()
	l.mu.Lock()
	for i := range w.accounts.views {
		if w.r.legs[i].lease != nil {
			continue
		}
		v := &w.accounts.views[i]
		s := l.present(v, now)
		s.need = min(s.need+v.account.rule.estimate(&w.est), MaxAmount)
		if !s.queued {
			s.queued = true
			l.waiting = append(l.waiting, s)
		}
	}
	round := l.round
	l.mu.Unlock()
	l.hurry()
	return round
}

// nextRound is closed when the next exchange has ended.
func (l *Ledger) nextRound() <-chan struct{} {
	l.mu.Lock()
	round := l.round
	l.mu.Unlock()
	l.hurry()
	return round
}

// hurry lets Run make an exchange at once.
func (l *Ledger) hurry() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// lend reserves what is missing beyond the leases, as far as limits allow while
// the store is away.
func (w *wanting) lend() *Refusal {
	now := w.ledger.now()
	for i := range w.accounts.views {
		leg := &w.r.legs[i]
		if leg.lease != nil {
			continue
		}
		v := &w.accounts.views[i]
		n := v.account.rule.estimate(&w.est)
		s := w.ledger.present(v, now)
		if !s.lend(n, v.account.rule.Away) {
			refusal := w.refuse(i, s)
			refusal.Away = true
			w.rollBack()
			return refusal
		}
		w.ledger.change(s, -n)
		leg.lease, leg.reserved, leg.lent = s, n, true
	}
	return nil
}

// lend counts n against what may be granted while the store is away.
func (s *lease) lend(n, most Amount) bool {
	for {
		lent := s.lent.Load()
		if Amount(lent)+n > most {
			return false
		}
		if s.lent.CompareAndSwap(lent, lent+int64(n)) {
			return true
		}
	}
}

// rollBack returns what has been taken.
func (w *wanting) rollBack() {
	w.r.finish(nil)
	w.r.n = 0
}

// Settle gives back what was reserved and takes what was really used, once; nil
// is nothing. Call it before the journal settles the same, so that no batch
// has a charge that the ledger does not know of.
func (r *Reservation) Settle(actual *Amounts) {
	if r.ledger != nil && atomic.CompareAndSwapUint32(&r.done, 0, 1) {
		r.finish(actual)
	}
}

func (r *Reservation) finish(actual *Amounts) {
	for i := range r.legs[:r.n] {
		leg := &r.legs[i]
		if leg.lease == nil {
			continue
		}
		back := leg.reserved - leg.settles(actual)
		if back != 0 && !leg.lease.put(back) {
			r.ledger.change(leg.lease, back)
		}
		if leg.lent && back > 0 {
			leg.lease.lent.Add(-int64(back))
		}
	}
}

// settles is what a leg settles as. Of Concurrent nothing remains.
func (l *leg) settles(actual *Amounts) Amount {
	if actual == nil || l.lease.unit >= Concurrent {
		return 0
	}
	return actual[l.lease.unit].used()
}

// Charges appends what is reserved: what the journal begins with.
func (r *Reservation) Charges(dst []Charge) []Charge {
	for i := range r.legs[:r.n] {
		leg := &r.legs[i]
		dst = append(dst, leg.charge(leg.reserved))
	}
	return dst
}

// Settled appends what the reservation settles as, or has settled as: what the
// journal ends with. What is zero is left out.
func (r *Reservation) Settled(dst []Charge, actual *Amounts) []Charge {
	for i := range r.legs[:r.n] {
		leg := &r.legs[i]
		if n := leg.settles(actual); n != 0 {
			dst = append(dst, leg.charge(n))
		}
	}
	return dst
}

func (l *leg) charge(n Amount) Charge {
	return Charge{Account: l.lease.id.Account, Period: l.lease.id.Period, Unit: l.lease.unit, Amount: n}
}
