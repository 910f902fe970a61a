package directory

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxUses bounds the ids whose uses wait to be written.
const maxUses = 1 << 20

// uses collects when keys were used.
type uses struct {
	mu   sync.RWMutex
	last map[string]*atomic.Int64 // guarded by mu; Unix milliseconds by id
}

// Touch notes that the key of that id is being used. It is written in the
// background, at most once a minute a key. "" is no key of the directory.
func (d *Directory) Touch(id string) {
	if id == "" {
		return
	}
	now := d.config.Now().UnixMilli()
	u := &d.uses
	u.mu.RLock()
	last := u.last[id]
	u.mu.RUnlock()
	if last == nil {
		u.mu.Lock()
		if last = u.last[id]; last == nil && len(u.last) < maxUses {
			if u.last == nil {
				u.last = map[string]*atomic.Int64{}
			}
			last = new(atomic.Int64)
			last.Store(now)
			u.last[id] = last
		}
		u.mu.Unlock()
	}
	if last != nil {
		last.Store(now)
	}
}

// take gives what is collected and begins anew.
func (u *uses) take() map[string]*atomic.Int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.last
	u.last = nil
	return taken
}

// keepUses writes them each minute, and once more at the end.
func (d *Directory) keepUses(ctx context.Context) {
	for wait(ctx, usesEvery) {
		d.writeUses(ctx)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	d.writeUses(last)
}

func (d *Directory) writeUses(ctx context.Context) {
	taken := d.uses.take()
	if len(taken) == 0 {
		return
	}
	at := make(map[string]time.Time, len(taken))
	for id, last := range taken {
		at[id] = time.UnixMilli(last.Load()).UTC()
	}
	if err := d.config.Store.Used(ctx, at); err != nil {
		// The next use of each key says as much.
		d.config.Logger.Warn("last uses of keys are not written", "keys", len(at), "error", err)
	}
}

// of is when the key was used since the last writing; the zero time: not.
func (u *uses) of(id string) time.Time {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if last := u.last[id]; last != nil {
		return time.UnixMilli(last.Load()).UTC()
	}
	return time.Time{}
}
