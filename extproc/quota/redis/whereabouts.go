package redis

import (
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// maxOwners bounds what is remembered. A process has one owner.
const maxOwners = 1024

// whereabouts are what the store knows of an owner: shards forget owners that
// they don't hear of, and its ledger thinks of one store only.
type whereabouts struct {
	seq    uint64 // of the last call that was answered
	shards [numShards]presence
}

// presence is an owner's in one shard.
type presence struct {
	held   bool      // it has leases there
	unsure bool      // a call may not have arrived yet
	seen   time.Time // when the last call was sent that was answered
}

// reason is why a shard hears of a call that has nothing for it.
type reason uint8

const (
	none  reason = iota
	asked        // the owner may have leases there, which the call keeps alive or ends
	late         // an earlier call may arrive yet, and must find a later one
)

// reasons are those of every shard.
type reasons [numShards]reason

// others finds the shards that have to hear of a call whatever it is about:
// all if the owner begins anew or is new to this process, and those that a
// call may still reach late or that have not heard of the owner for a tenth of
// a lease's life.
func (s *Store) others(c *quota.Call, sent time.Time) (out reasons, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.owners[c.Owner]
	if c.Seq == 0 || known != nil && c.Seq <= known.seq {
		return out, quota.ErrStale
	}
	for shard := range out {
		switch {
		case known != nil && known.shards[shard].unsure:
			out[shard] = late
		case known == nil || c.Adopt,
			known.shards[shard].held && sent.Sub(known.shards[shard].seen) >= s.life/10:
			out[shard] = asked
		}
	}
	return out, nil
}

// unsure notes that a call is on its way.
func (s *Store) unsure(owner quota.Owner, parts []*part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.owners[owner]
	if known == nil {
		s.forget()
		known = &whereabouts{}
		s.owners[owner] = known
	}
	for _, p := range parts {
		known.shards[p.shard].unsure = true
	}
}

// forget makes room for one more owner. One that is forgotten is asked for in
// all shards when it calls again. Caller must hold mu.
func (s *Store) forget() {
	for owner := range s.owners {
		if len(s.owners) < maxOwners {
			return
		}
		delete(s.owners, owner)
	}
}

// answered is a call's answer: in which of the parts' shards the owner has leases, and
// when the call was sent.
type answered struct {
	held []bool
	sent time.Time
}

// heard notes that a call has been answered by all.
func (s *Store) heard(c *quota.Call, parts []*part, a answered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.owners[c.Owner]
	if known == nil || c.Seq <= known.seq {
		return // forgotten, or a later call has been answered meanwhile
	}
	known.seq = c.Seq
	for i, p := range parts {
		known.shards[p.shard] = presence{held: a.held[i], seen: a.sent}
	}
}
