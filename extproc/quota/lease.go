package quota

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// lease is what the process may spend of one period. With the lease as the
// store knows it (held), open reservations and what is settled but not
// acknowledged, it always holds that
//
//	free = held − reserved − settled
//
// of which only held and free are kept: all else changes free alone. It may
// fall below zero, when requests cost more than their estimates or the store
// took the lease back.
type lease struct {
	free  atomic.Int64 // Amount
	until atomic.Int64 // instant: the lease is good before it
	// idle counts exchanges since the last reservation.
	idle atomic.Uint32
	unit Unit // immutable, as is id
	id   AccountPeriod
	// ends is when the period ends by the store's clock, in ns since 1970.
	ends    atomic.Int64
	account atomic.Pointer[account] // nil: known from a journal only
	// lent is what was granted while the store was away.
	lent atomic.Int64
	// What the store said last; written by Run.
	held, used, leased atomic.Int64
	// denied is until when a need above room need not be asked for again.
	denied, room atomic.Int64

	// Guarded by Ledger.mu.
	need   Amount // what is waited for
	queued bool   // it is in Ledger.waiting

	book book // owned by Run
}

// book is Run's part of a lease.
type book struct {
	sum  Amount // of the batch under way, not yet taken off held
	back Amount // taken off free, not yet returned
	hold Amount // held − sum − back of the call under way
	need Amount // asked for by those who wait
	mark Amount // free at the last look, for the rate
	rate Amount // demand per interval, falling slowly
	last instant
	// asked: it is in the call; unsure: it was in one whose fate is unknown;
	// ahead: the next period's lease has been made.
	asked, unsure, ahead bool
}

// take takes n off the free part if it is there. Taking nothing only fails if
// the lease is closed.
func (s *lease) take(n Amount) bool {
	for {
		free := s.free.Load()
		if Amount(free) < n && (n > 0 || Amount(free) <= closed) {
			return false
		}
		if n == 0 || s.free.CompareAndSwap(free, free-int64(n)) {
			return true
		}
	}
}

// put adds n, which may be negative, unless the lease is closed.
func (s *lease) put(n Amount) bool {
	for {
		free := s.free.Load()
		if Amount(free) <= closed {
			return false
		}
		if s.free.CompareAndSwap(free, int64(Amount(free).plus(n))) {
			return true
		}
	}
}

// close ends a lease of which nothing is left; a new one can take its place.
func (s *lease) close() bool { return s.free.CompareAndSwap(0, int64(closed)) }

func (s *lease) touch() {
	if s.idle.Load() != 0 {
		s.idle.Store(0)
	}
}

// shard is a part of all leases.
type shard struct {
	mu    sync.Mutex               // guards all below
	by    map[AccountPeriod]*lease // none is closed
	fresh []*lease                 // not yet known to Run
}

func (l *Ledger) shard(a Account) *shard { return &l.leases[a[0]%byte(len(l.leases))] }

// present is the lease of the period that holds now.
func (l *Ledger) present(v *view, at instant) *lease {
	now := l.storeTime(at)
	s := v.lease.Load()
	if s != nil && now < s.ends.Load() && Amount(s.free.Load()) > closed {
		return s
	}
	s = l.of(v.account, time.Unix(0, now))
	v.lease.Store(s)
	return s
}

// of finds or makes the lease of an account for the period that holds at that
// time of the store's.
func (l *Ledger) of(a *account, at time.Time) *lease {
	p, ends := a.rule.Window.Of(at)
	end := int64(math.MaxInt64)
	if !ends.IsZero() {
		end = ends.UnixNano()
	}
	sh := l.shard(a.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.lease(AccountPeriod{a.id, p}, a.rule.Unit)
	if s.account.Load() == nil {
		s.ends.Store(end)
		// A lease that ended the period too late until now ends it in time.
		s.until.Store(min(s.until.Load(), int64(l.local(end))))
	}
	if known := s.account.Load(); known == nil || known.rule.set != a.rule.set {
		s.account.Store(a)
	}
	return s
}

// known finds or makes the lease of a charge, whose account may be known by its
// number only.
func (l *Ledger) known(c Charge) *lease {
	sh := l.shard(c.Account)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.lease(AccountPeriod{c.Account, c.Period}, c.Unit)
}

// lease finds or makes a lease. Caller must hold mu.
func (sh *shard) lease(id AccountPeriod, unit Unit) *lease {
	s := sh.by[id]
	if s != nil {
		return s
	}
	s = &lease{id: id, unit: unit}
	s.ends.Store(math.MaxInt64)
	if id.Period != 0 {
		// No window is longer than a month.
		s.ends.Store(id.Period.begins().AddDate(0, 0, 31).UnixNano())
	}
	s.until.Store(int64(never))
	sh.by[id] = s
	sh.fresh = append(sh.fresh, s)
	return s
}

// begins is when a period of a window begins.
func (p Period) begins() time.Time { return time.Unix(int64(p)*60, 0).UTC() }

// change adds n to a lease or, if it has been closed, to the one that took its
// place.
func (l *Ledger) change(s *lease, n Amount) {
	for !s.put(n) {
		a := s.account.Load()
		next := l.known(Charge{Account: s.id.Account, Period: s.id.Period, Unit: s.unit})
		if a != nil && next.account.Load() == nil {
			next.ends.Store(s.ends.Load())
			next.account.CompareAndSwap(nil, a)
		}
		s = next
	}
}

// drop forgets a lease that is closed with nothing left.
func (l *Ledger) drop(s *lease) bool {
	sh := l.shard(s.id.Account)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !s.close() {
		return false
	}
	delete(sh.by, s.id)
	return true
}
