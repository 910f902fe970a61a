package extproc

import (
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// corrigible holds exchanges that were settled by estimate, until what they
// really used is known or their time is over. It is bounded: the oldest go
// first.
type corrigible struct {
	mu    sync.Mutex
	byID  map[exchangeID]*exchange // guarded by mu, as is all below
	queue []kept                   // in the order they came
}

type kept struct {
	id    exchangeID
	until time.Time
}

const (
	// corrigibleFor is how late an entry may come: Envoy keeps what it could
	// not send while ext_proc was away.
	corrigibleFor = 15 * time.Minute
	maxCorrigible = 16_384
)

func (c *corrigible) keep(x *exchange, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = make(map[exchangeID]*exchange)
	}
	for len(c.queue) > 0 && (len(c.queue) >= maxCorrigible || c.queue[0].until.Before(now)) {
		delete(c.byID, c.queue[0].id)
		c.queue = c.queue[1:]
	}
	c.byID[x.id] = x
	c.queue = append(c.queue, kept{x.id, now.Add(corrigibleFor)})
}

// get finds an exchange.
func (c *corrigible) get(id exchangeID) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id]
}

// take gives an exchange out, once.
func (c *corrigible) take(id exchangeID) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.byID[id]
	delete(c.byID, id)
	return x
}

// waiting are exchanges that have ended and whose usage may still come, in the
// order in which they stop waiting for it.
type waiting struct {
	mu    sync.Mutex
	queue []kept // guarded by mu
}

func (w *waiting) add(id exchangeID, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, kept{id, until})
}

// due takes out those whose time is over.
func (w *waiting) due(now time.Time) (ids []exchangeID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 && !w.queue[0].until.After(now) {
		ids = append(ids, w.queue[0].id)
		w.queue = w.queue[1:]
	}
	return ids
}

// unwritten are the journal's slots of exchanges whose record is on its way.
type unwritten[Slot any] struct {
	mu sync.Mutex
	m  map[exchangeID]Slot // guarded by mu
}

func (u *unwritten[Slot]) add(id exchangeID, s Slot) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil {
		u.m = make(map[exchangeID]Slot)
	}
	u.m[id] = s
}

func (u *unwritten[Slot]) take(id exchangeID) (Slot, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s, ok := u.m[id]
	delete(u.m, id)
	return s, ok
}

// refused are records that the writer had no room for. Each has a slot of the
// journal, which bounds them.
type refused struct {
	mu      sync.Mutex
	records []*generation.Record // guarded by mu
}

// write hands a record to the writer, now or when it has room.
func (b *Books) write(r *generation.Record) {
	if b.Records.Add(r) {
		return
	}
	b.refused.mu.Lock()
	b.refused.records = append(b.refused.records, r)
	b.refused.mu.Unlock()
}

// writeRefused offers again what the writer had no room for.
func (b *Books) writeRefused() {
	b.refused.mu.Lock()
	defer b.refused.mu.Unlock()
	for len(b.refused.records) > 0 && b.Records.Add(b.refused.records[0]) {
		b.refused.records = b.refused.records[1:]
	}
	if len(b.refused.records) == 0 {
		b.refused.records = nil // the array shall not grow for good
	}
}
