package chain

import (
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what Cooling remembers: how many targets, and for how long at
// most, whatever a provider asks for.
const (
	maxResting = 1024
	maxRest    = 5 * time.Minute
)

// Cooling remembers which targets asked for a pause (Retry-After) and until
// when. A nil Cooling stays empty. Targets are known by name, so a pause
// outlives a new catalog.
type Cooling struct {
	// last is when the last pause ends, in nanoseconds since 1970; 0 = none.
	// It lets the usual case, nobody rests, pass without the lock.
	last atomic.Int64

	mu sync.Mutex
	// Guarded by mu.
	pauses map[resting]pause
	notes  uint64 // pauses noted so far
}

// resting names a target.
type resting struct{ model, provider string }

type pause struct {
	until int64  // nanoseconds since 1970
	note  uint64 // when it was noted last, to find the oldest by
}

// NewCooling makes an empty one.
func NewCooling() *Cooling { return &Cooling{pauses: make(map[resting]pause)} }

// Add notes that a target asked to be left alone for retryAfter from now; not
// positive is no wish. A pause is never shortened. Of too many, the oldest is
// forgotten.
func (c *Cooling) Add(t Target, retryAfter time.Duration, now time.Time) {
	if c == nil || retryAfter <= 0 {
		return
	}
	until := now.Add(min(retryAfter, maxRest)).UnixNano()
	key := resting{t.Model.Name, t.Provider.Name}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.pauses[key]; !known && len(c.pauses) >= maxResting {
		c.makeRoom(now.UnixNano())
	}
	c.notes++
	c.pauses[key] = pause{until: max(until, c.pauses[key].until), note: c.notes}
	c.last.Store(max(c.last.Load(), until))
}

// makeRoom forgets the pauses that are over, or else the oldest. The caller
// holds mu.
func (c *Cooling) makeRoom(now int64) {
	var oldest resting
	least := ^uint64(0)
	for key, p := range c.pauses {
		if p.until <= now {
			delete(c.pauses, key)
		} else if p.note < least {
			oldest, least = key, p.note
		}
	}
	if len(c.pauses) >= maxResting {
		delete(c.pauses, oldest)
	}
}

// Rests tells whether a target's pause goes on.
func (c *Cooling) Rests(t Target, now time.Time) bool {
	if !c.any(now) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pauses[resting{t.Model.Name, t.Provider.Name}].until > now.UnixNano()
}

// any tells whether some pause may go on.
func (c *Cooling) any(now time.Time) bool {
	return c != nil && c.last.Load() > now.UnixNano()
}
