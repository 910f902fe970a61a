package quota

import (
	"context"
	"errors"
	"time"
)

// talk is Run's part of a Ledger.
type talk struct {
	seq     uint64
	stale   uint // calls in a row that the store refused as late
	adopted bool // a call has succeeded
	failing bool // the last one did not
	batch   uint64
	settled []Charge
	summed  []*lease // of the batch
	unsure  []*lease // in a call whose fate is unknown
	active  []*lease // all leases that Run knows of
	next    int      // where in active the next look begins
	looked  instant  // when demand was looked at
	leases  []*lease // asked for in this call
	asks    []Ask
}

// mostAsks bounds a call beside what its batch, those who wait and its own
// repetition need.
const mostAsks = 4096

// greatestSeq leaves room below what every store counts exactly.
const greatestSeq = 1 << 52

// exchange makes one call, if there is anything to say.
func (l *Ledger) exchange(ctx context.Context, why occasion) error {
	t := &l.talk
	waiting, round := l.takeWaiting()
	defer close(round)
	l.takeFresh()
	t.leases = t.leases[:0]
	if why != waitedFor || t.batch != 0 {
		l.cut()
	}
	for _, of := range [][]*lease{t.summed, waiting, t.unsure} {
		for _, s := range of {
			t.ask(s)
		}
	}
	sent := l.now()
	if why != waitedFor {
		l.look(why, sent)
	}
	if !t.adopted {
		t.adopt()
	}
	if len(t.leases) == 0 && t.batch == 0 && t.adopted && !l.away.Load() {
		return nil
	}
	t.asks = t.asks[:0]
	for _, s := range t.leases {
		t.asks = append(t.asks, l.build(s, why, sent))
	}
	t.seq++
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	reply, err := l.cfg.Store.Exchange(ctx, Call{
		Owner: l.cfg.Journal.Owner(), Seq: t.seq, Batch: t.batch, Settled: t.settled, Asks: t.asks, Adopt: !t.adopted,
	})
	if err == nil && len(reply.Leases) != len(t.asks) {
		err = errors.New("quota: the store answered with another number of leases")
	}
	if err != nil {
		l.failed(err)
		return err
	}
	l.apply(&reply, sent)
	return nil
}

// takeWaiting takes over what is waited for and what is closed when this
// exchange has ended.
func (l *Ledger) takeWaiting() (waiting []*lease, round chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	round, l.round = l.round, make(chan struct{})
	l.begun = true
	for _, s := range l.waiting {
		s.book.need, s.need, s.queued = s.need, 0, false
		// Of one that was forgotten meanwhile, who waits finds another.
		if Amount(s.free.Load()) > closed {
			waiting = append(waiting, s)
		}
	}
	l.waiting = nil
	return waiting, round
}

// takeFresh takes over leases made since the last exchange.
func (l *Ledger) takeFresh() {
	for i := range l.leases {
		sh := &l.leases[i]
		sh.mu.Lock()
		l.talk.active = append(l.talk.active, sh.fresh...)
		clear(sh.fresh)
		sh.fresh = sh.fresh[:0]
		sh.mu.Unlock()
	}
}

// cut begins a batch unless one is under way.
func (l *Ledger) cut() {
	t := &l.talk
	if t.batch != 0 {
		return
	}
	t.batch, t.settled = l.cfg.Journal.Cut()
	for _, c := range t.settled {
		s := l.known(c)
		s.book.sum = s.book.sum.plus(c.Amount)
		t.summed = append(t.summed, s)
	}
}

// adopt asks for all that is held: what a first call leaves out ends.
func (t *talk) adopt() {
	for _, s := range t.active {
		if s.held.Load() != 0 {
			t.ask(s)
		}
	}
}

// ask puts a lease into the call, once.
func (t *talk) ask(s *lease) {
	if !s.book.asked {
		s.book.asked = true
		t.leases = append(t.leases, s)
	}
}

// behind tells whether the store answers and only this process's calls have too
// low a number. Doubled that often, the step has passed any clock's.
func (t *talk) behind() bool { return t.stale > 0 && t.stale <= 32 }

// failed keeps all as it was: the next call says the same again, of a higher
// number.
func (l *Ledger) failed(err error) {
	t := &l.talk
	t.unsure = append(t.unsure[:0], t.leases...)
	for _, s := range t.leases {
		s.book.asked, s.book.unsure, s.book.need = false, true, 0
	}
	if errors.Is(err, ErrStale) {
		// A former process counted on: its clock was ahead of this one's.
		if t.seq < greatestSeq {
			t.seq += 1e6 << min(t.stale, 30)
		}
		if t.stale++; t.behind() {
			return
		}
	}
	l.away.Store(true)
	if !t.failing {
		l.cfg.Logger.Warn("the quota store does not answer; leases held are used up", "error", err)
	}
	t.failing = true
}

// apply takes over what the store has granted.
func (l *Ledger) apply(reply *Reply, sent instant) {
	t := &l.talk
	now := l.now()
	l.zero.Store(reply.Now.UnixNano() - int64(sent+(now-sent)/2))
	l.synced.Store(true)
	for i, s := range t.leases {
		l.granted(s, &t.asks[i], grant{&reply.Leases[i], sent, now})
	}
	if t.batch != 0 {
		l.cfg.Journal.Acknowledge(t.batch)
	}
	clear(t.summed)
	clear(t.unsure)
	t.batch, t.settled, t.summed, t.unsure = 0, nil, t.summed[:0], t.unsure[:0]
	if t.failing {
		l.cfg.Logger.Info("the quota store answers again")
	}
	t.adopted, t.failing, t.stale = true, false, 0
	l.away.Store(false)
}

// grant is what one lease was answered.
type grant struct {
	*Lease
	sent, now instant
}

func (l *Ledger) granted(s *lease, a *Ask, g grant) {
	b := &s.book
	before := g.Before
	if b.unsure && before == g.Used && b.sum > 0 {
		// An earlier call counted the batch, and nobody heard its reply.
		before -= b.sum
	}
	credit := g.Lease.Lease - b.hold
	s.held.Store(int64(g.Lease.Lease))
	s.used.Store(int64(g.Used))
	s.leased.Store(int64(g.Leased))
	b.sum, b.back, b.need, b.asked, b.unsure, b.last = 0, 0, 0, false, false, g.sent
	room := max(0, a.Limit-g.Used-g.Leased)
	denied := instant(0)
	if a.Need > 0 && g.Lease.Lease-a.Hold < a.Need {
		denied = g.now.plus(l.cfg.Interval)
	}
	s.room.Store(int64(room))
	s.denied.Store(int64(denied))
	good := g.sent.plus(l.cfg.LeaseLife * 2 / 3)
	s.until.Store(int64(min(good, l.local(s.ends.Load()))))
	b.mark = b.mark.plus(credit)
	l.change(s, credit)
	l.crossed(s, before)
}

// refresh is how long a lease is left alone, at most.
func (l *Ledger) refresh() time.Duration { return l.cfg.LeaseLife / 10 }
