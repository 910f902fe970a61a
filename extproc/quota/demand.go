package quota

import "time"

// supply is for how long a lease should suffice.
const supply = 2 * time.Second

// idleAfter is how many looks without a reservation make a lease idle, and
// forgetAfter how many make it forgotten if nothing is left of it.
const (
	idleAfter   = 3
	forgetAfter = 60
)

// look goes over active leases and asks for those that have something to say:
// too little free, too much, or nothing for too long. It forgets those of which
// nothing is left.
func (l *Ledger) look(why occasion, now instant) {
	t := &l.talk
	most := len(t.leases) + mostAsks
	if why == last {
		most += len(t.active)
	}
	storeTime := l.storeTime(now)
	// Repeated calls come sooner than an interval and say nothing of demand.
	whole := now >= t.looked.plus(l.cfg.Interval/2)
	if whole {
		t.looked = now
	}
	// A full call ends the look at some lease, where the next one goes on.
	from := t.next
	t.next = 0
	if why == last {
		from = 0
	}
	kept := 0
	for i, s := range t.active {
		over := storeTime >= s.ends.Load()
		if s.forgettable(over, l.away.Load()) && l.drop(s) {
			continue
		}
		t.active[kept] = s
		kept++
		if whole {
			s.demand()
		}
		if !over {
			l.ahead(s, storeTime)
		}
		if i < from || t.next > 0 || !l.due(s, why, now) {
			continue
		}
		if len(t.leases) >= most {
			t.next = i
			continue
		}
		t.ask(s)
	}
	clear(t.active[kept:])
	t.active = t.active[:kept]
}

// forgettable tells whether nothing would be lost with a lease.
func (s *lease) forgettable(over, away bool) bool {
	b := &s.book
	if s.held.Load() != 0 || s.free.Load() != 0 || b.asked || b.unsure || b.sum != 0 || b.back != 0 {
		return false
	}
	return over || s.idle.Load() > forgetAfter && !away && s.lent.Load() == 0
}

// demand looks how much was reserved since the last look. It rises at once and
// falls by a quarter.
func (s *lease) demand() {
	b := &s.book
	free := Amount(s.free.Load())
	b.rate = max(b.mark-free, b.need, b.rate-b.rate/4-1, 0)
	b.mark = free
	if idle := s.idle.Load(); idle < 1<<30 {
		s.idle.CompareAndSwap(idle, idle+1)
	}
}

// level is how much a lease should have free.
func (l *Ledger) level(s *lease, why occasion, storeTime int64) Amount {
	a := s.account.Load()
	if why == last || a == nil || a.rule.gone || storeTime >= s.ends.Load() || s.idle.Load() > idleAfter {
		return 0
	}
	level := s.book.rate.times(max(1, Amount(supply/l.cfg.Interval)))
	if s.unit == Concurrent {
		// What is free returns by itself; half as much again is for more.
		level = max(level, (Amount(s.held.Load())-Amount(s.free.Load()))/2+1)
	}
	return min(level, a.rule.Amount)
}

// due tells whether a lease has something to say.
func (l *Ledger) due(s *lease, why occasion, now instant) bool {
	if s.book.asked {
		return false
	}
	held, free := Amount(s.held.Load()), Amount(s.free.Load())
	storeTime := l.storeTime(now)
	level := l.level(s, why, storeTime)
	switch {
	case held > 0 && now >= s.book.last.plus(l.refresh()):
		return true
	case free > excess*level, free < level/2:
		return true
	default:
		return free < 0 && storeTime < s.ends.Load() && s.account.Load() != nil
	}
}

// excess is how many times its level a lease has free before it returns some.
const excess = 3

// build is the ask for a lease.
func (l *Ledger) build(s *lease, why occasion, now instant) Ask {
	b := &s.book
	a := l.renewed(s)
	level := l.level(s, why, l.storeTime(now))
	free := Amount(s.free.Load())
	// While the store is away nothing can be returned, and the lease is all there is.
	returns := why == last || b.need == 0 && !l.away.Load()
	if returns && free > excess*level && s.take(free-level) {
		b.back = b.back.plus(free - level)
		b.mark -= free - level
		free = level
	}
	held := Amount(s.held.Load())
	b.hold = held - b.sum - b.back
	ask := Ask{AccountPeriod: s.id, Ends: l.forgotten(s), Hold: max(b.hold, 0)}
	// What the store does not hold for us is ours again by being counted.
	free += max(0, -b.hold)
	if a == nil {
		// A former process reserved it: that is spent whatever the limit says,
		// so what the store does not hold for us it holds again.
		ask.Limit = MaxAmount
		return ask
	}
	ask.Limit = a.rule.Amount
	if why == last || l.storeTime(now) >= s.ends.Load() {
		return ask
	}
	ask.Need = max(0, min(b.need, MaxAmount)-free)
	if room := Amount(s.room.Load()); int64(now) < s.denied.Load() && room > 0 {
		ask.Need = min(ask.Need, room)
	}
	ask.Want = max(0, level-max(free, 0))
	return ask
}

// renewed is the lease's account with the limit as it is now.
func (l *Ledger) renewed(s *lease) *account {
	a := s.account.Load()
	set := l.rules.Load()
	if a == nil || a.rule.set == set {
		return a
	}
	r := set.by[a.rule.counted()]
	if r == nil {
		r = &rule{Limit: a.rule.Limit, set: set, least: a.rule.least, most: a.rule.most, gone: true}
	}
	a = &account{id: a.id, rule: r, scope: a.scope}
	s.account.Store(a)
	return a
}

// grace is how long after its window a count is remembered, for late entries.
const grace = 48 * time.Hour

// forgotten is when the store may forget a period.
func (l *Ledger) forgotten(s *lease) time.Time {
	if s.id.Period == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.ends.Load()).Add(grace).UTC()
}

// ahead makes the next period's lease shortly before it begins, if this one is
// in use.
func (l *Ledger) ahead(s *lease, storeTime int64) {
	a := s.account.Load()
	ends := s.ends.Load()
	soon := int64(supply + l.cfg.Interval)
	if s.book.ahead || a == nil || a.rule.gone || ends-storeTime > soon || s.idle.Load() > idleAfter || s.book.rate == 0 {
		return
	}
	s.book.ahead = true
	next := l.of(a, time.Unix(0, ends))
	next.book.rate = s.book.rate
}
