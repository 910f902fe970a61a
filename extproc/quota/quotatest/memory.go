package quotatest

import (
	"context"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Memory is a quota.Store of one process: one shard, no faults.
type Memory struct {
	now  func() time.Time
	life time.Duration

	mu      sync.Mutex // guards all below
	owners  map[quota.Owner]*owner
	periods map[quota.AccountPeriod]*period
	sweep   time.Time
}

var _ quota.Store = (*Memory)(nil)

type owner struct {
	seen       time.Time
	seq, batch uint64
	leases     map[quota.AccountPeriod]quota.Amount
}

type period struct {
	used, leased quota.Amount
	ends         time.Time
}

// NewMemory makes an empty store. An owner that is not seen for life loses its
// leases.
func NewMemory(now func() time.Time, life time.Duration) *Memory {
	return &Memory{
		now: now, life: life,
		owners:  make(map[quota.Owner]*owner),
		periods: make(map[quota.AccountPeriod]*period),
	}
}

// Exchange is quota.Store's.
func (m *Memory) Exchange(ctx context.Context, c quota.Call) (quota.Reply, error) {
	if err := ctx.Err(); err != nil {
		return quota.Reply{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	alive := m.expire(now)
	o := m.owners[c.Owner]
	if o == nil {
		o = &owner{leases: make(map[quota.AccountPeriod]quota.Amount)}
		m.owners[c.Owner] = o
	}
	if c.Seq <= o.seq {
		return quota.Reply{}, quota.ErrStale
	}
	if o.seen.IsZero() || now.Sub(o.seen) >= m.life {
		alive++
	}
	o.seen, o.seq = now, c.Seq
	leases := make([]quota.Lease, len(c.Asks))
	for i := range c.Asks {
		leases[i].Before = m.period(c.Asks[i].AccountPeriod).used
	}
	m.settle(o, &c)
	if c.Adopt {
		m.adopt(o, c.Asks)
	}
	for i := range c.Asks {
		m.grant(o, &c.Asks[i], share{alive: alive, lease: &leases[i]})
	}
	return quota.Reply{Now: now, Leases: leases}, nil
}

// Standing is quota.Store's.
func (m *Memory) Standing(ctx context.Context, of []quota.AccountPeriod) ([]quota.Standing, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(m.now())
	standings := make([]quota.Standing, len(of))
	for i, ap := range of {
		if p := m.periods[ap]; p != nil {
			standings[i] = quota.Standing{Used: p.used, Leased: p.leased}
		}
	}
	return standings, nil
}

// expire takes the leases of owners that were not seen for a lease's life and
// forgets periods that have ended. It tells how many owners are alive. Caller
// must hold mu.
func (m *Memory) expire(now time.Time) (alive int) {
	for _, o := range m.owners {
		if now.Sub(o.seen) < m.life {
			alive++
			continue
		}
		for ap, n := range o.leases {
			m.periods[ap].leased -= n
		}
		clear(o.leases)
	}
	if now.Before(m.sweep) {
		return alive
	}
	m.sweep = now.Add(m.life)
	for ap, p := range m.periods {
		if !p.ends.IsZero() && p.ends.Before(now) {
			delete(m.periods, ap)
			for _, o := range m.owners {
				delete(o.leases, ap)
			}
		}
	}
	return alive
}

// period finds or makes a count. Caller must hold mu.
func (m *Memory) period(ap quota.AccountPeriod) *period {
	p := m.periods[ap]
	if p == nil {
		p = &period{}
		m.periods[ap] = p
	}
	return p
}

// settle counts a batch unless it or a later one is counted. Caller must hold
// mu.
func (m *Memory) settle(o *owner, c *quota.Call) {
	if c.Batch <= o.batch {
		return
	}
	o.batch = c.Batch
	for _, s := range c.Settled {
		p := m.period(quota.AccountPeriod{Account: s.Account, Period: s.Period})
		p.used = min(max(p.used+s.Amount, -quota.MaxAmount), quota.MaxAmount)
	}
}

// adopt ends the owner's leases that are not asked for. Caller must hold mu.
func (m *Memory) adopt(o *owner, asks []quota.Ask) {
	asked := make(map[quota.AccountPeriod]bool, len(asks))
	for i := range asks {
		asked[asks[i].AccountPeriod] = true
	}
	for ap, n := range o.leases {
		if !asked[ap] {
			m.periods[ap].leased -= n
			delete(o.leases, ap)
		}
	}
}

// share is what an ask is answered with among how many.
type share struct {
	alive int
	lease *quota.Lease
}

// grant answers one ask. What the owner has and holds, it keeps, even if the
// limit is lower now; all beyond that needs room. Caller must hold mu.
func (m *Memory) grant(o *owner, a *quota.Ask, s share) {
	p := m.period(a.AccountPeriod)
	p.ends = a.Ends
	had := o.leases[a.AccountPeriod]
	others := p.leased - had
	hold := max(a.Hold, 0)
	lease := min(hold, had)
	room := max(a.Limit-p.used-others-lease, 0)
	again := min(hold-lease, room)
	lease, room = lease+again, room-again
	if need := max(a.Need, 0); need <= room {
		lease, room = lease+need, room-need
	}
	lease += min(max(a.Want, 0), room/quota.Amount(2*max(s.alive, 1)))
	if lease > 0 {
		o.leases[a.AccountPeriod] = lease
	} else {
		delete(o.leases, a.AccountPeriod)
	}
	p.leased = others + lease
	s.lease.Lease, s.lease.Used, s.lease.Leased = lease, p.used, p.leased
}
