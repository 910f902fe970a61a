package extproc

import (
	"sync"
	"sync/atomic"
	"time"
)

const shards = 64

// exchangeTable holds the open exchanges, bounded in entries and in bytes of bodies.
type exchangeTable struct {
	entries    atomic.Int64
	held       atomic.Int64
	maxEntries int64
	maxHeld    int64
	shards     [shards]shard
}

type shard struct {
	mu sync.Mutex
	m  map[exchangeID]*exchange // guarded by mu
	_  [40]byte                 // keeps neighbours off one cache line
}

func newTable(maxEntries int, maxHeld int64) *exchangeTable {
	t := &exchangeTable{maxEntries: int64(maxEntries), maxHeld: maxHeld}
	for i := range t.shards {
		t.shards[i].m = make(map[exchangeID]*exchange)
	}
	return t
}

func (t *exchangeTable) shard(id exchangeID) *shard { return &t.shards[id[len(id)-1]%shards] }

// hold asks for n more bytes of body; false when the process holds enough.
func (t *exchangeTable) hold(n int) bool {
	if t.held.Add(int64(n)) <= t.maxHeld {
		return true
	}
	t.held.Add(-int64(n))
	return false
}

// crowded tells whether so much is held that bodies must go as soon as they can.
func (t *exchangeTable) crowded() bool { return t.held.Load() > t.maxHeld/2 }

// letGo gives n bytes back.
func (t *exchangeTable) letGo(n int) { t.held.Add(-int64(n)) }

// add registers an exchange, whose body is held already; false when full.
func (t *exchangeTable) add(e *exchange) bool {
	if t.entries.Add(1) > t.maxEntries {
		t.entries.Add(-1)
		return false
	}
	s := t.shard(e.id)
	s.mu.Lock()
	s.m[e.id] = e
	s.mu.Unlock()
	return true
}

// get finds an open exchange.
func (t *exchangeTable) get(id exchangeID) *exchange {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[id]
}

// remove takes the exchange out; only one caller gets it.
func (t *exchangeTable) remove(id exchangeID) *exchange {
	s := t.shard(id)
	s.mu.Lock()
	e := s.m[id]
	delete(s.m, id)
	s.mu.Unlock()
	if e != nil {
		t.entries.Add(-1)
		t.letGo(e.letGo())
	}
	return e
}

// commit gives up an exchange's body: no attempt can follow.
func (t *exchangeTable) commit(e *exchange) { t.letGo(e.letGo()) }

// stale finds the exchanges without a sign of life since before, which stay.
// Access logs can be lost silently: nothing else would end these.
func (t *exchangeTable) stale(before time.Time) []*exchange {
	var out []*exchange
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		var ids []exchangeID
		for id, e := range s.m {
			if e.lastSeen().Before(before) {
				ids = append(ids, id)
			}
		}
		s.mu.Unlock()
		for _, id := range ids {
			if e := t.get(id); e != nil {
				out = append(out, e)
			}
		}
	}
	return out
}
