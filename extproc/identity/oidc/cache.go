package oidc

import (
	"crypto/sha256"
	"sync"
	"time"
)

// digest is what a token is remembered by. Who knows it knows no token.
type digest = [sha256.Size]byte

// cache remembers a bounded number of values for a bounded time; the oldest
// give way. Reading one does not allocate.
type cache[V any] struct {
	most int // entries

	mu    sync.RWMutex
	at    map[digest]int32 // guarded by mu, as is all below
	slots []slot[V]
	next  int // the oldest slot once all are taken
}

type slot[V any] struct {
	of    digest
	until int64 // in nanoseconds since 1970
	value V
}

func newCache[V any](most int) *cache[V] {
	return &cache[V]{most: most, at: map[digest]int32{}}
}

func (c *cache[V]) get(of *digest, now time.Time) (value V, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	i, ok := c.at[*of]
	if !ok || now.UnixNano() >= c.slots[i].until {
		return value, false
	}
	return c.slots[i].value, true
}

func (c *cache[V]) put(of *digest, value V, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := slot[V]{*of, until.UnixNano(), value}
	if i, ok := c.at[*of]; ok {
		c.slots[i] = s
		return
	}
	if len(c.slots) < c.most {
		c.at[*of] = int32(len(c.slots))
		c.slots = append(c.slots, s)
		return
	}
	delete(c.at, c.slots[c.next].of)
	c.at[*of], c.slots[c.next] = int32(c.next), s
	c.next = (c.next + 1) % c.most
}
