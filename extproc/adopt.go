package extproc

import (
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
	"github.com/dragoman-gateway/dragoman/extproc/settlement"
)

// Adopt takes over what an earlier process left in the journal. Exchanges that
// were open stay so: Envoy may still serve them, and its log entries settle
// them, or their silence does. Of those that were settled the record is
// written, should it be missing. It needs a catalog in use.
func (s *Service) Adopt(orphans []journal.Orphan) {
	now := s.now()
	for i := range orphans {
		o := &orphans[i]
		note, _ := readNote(o.Note) // nothing is known of an exchange without one
		if o.Settled {
			note.ID, note.Started, note.Recovered = generation.ID(o.ID), o.Started, true
			s.books.unwritten.add(exchangeID(o.ID), o.Slot)
			s.books.write(&note)
			continue
		}
		// Without a target nobody could tell what its attempts cost.
		if x := s.orphan(o, &note, now); len(x.chain.Targets) == 0 || !s.table.add(x) {
			s.settle(x, true)
		}
	}
	if n := len(orphans); n > 0 {
		s.log.Info("exchanges of the process before are taken over", "count", n)
	}
}

// orphan is an exchange as the journal knows it: without its body no attempt
// can follow, but what the attempts under way use can be counted.
func (s *Service) orphan(o *journal.Orphan, note *generation.Record, now time.Time) *exchange {
	v := s.view.Load()
	x := &exchange{
		id: exchangeID(o.ID), view: v, asked: askedOf(note.Surface), model: note.Model, started: o.Started, seen: now, adopted: true,
	}
	x.codec = x.asked.codec()
	x.envelope = dialect.Envelope{Stream: note.Stream}
	if note.Key != "" {
		x.key = &identity.Key{Name: note.Key, ID: note.KeyID, Tenant: note.Tenant, Tags: note.Tags}
		x.own = v.owns[note.Tenant]
	}
	x.chain.Targets = x.likely()
	sp := &x.spend
	sp.subject, sp.tags = quota.Subject{Key: note.Key, Tenant: note.Tenant}, note.Tags
	sp.estimate = amounts(&settlement.Total{Usage: note.Usage, Cost: note.Cost})
	sp.estimate[quota.Concurrent] = 1
	sp.slot, sp.reserved = o.Slot, s.books.Ledger.Restore(o.Charges)
	for _, c := range o.Charges {
		sp.estimate[c.Unit] = max(sp.estimate[c.Unit], c.Amount)
	}
	return x
}

// likely are the targets that an adopted exchange's attempts probably asked, the
// tenant's own accounts before the gateway's, as chains have them.
func (e *exchange) likely() (targets []chain.Target) {
	m := e.view.catalog.Model(e.model)
	if m == nil {
		return nil
	}
	for _, t := range m.Targets {
		targets = append(targets, chain.Target{Model: m, Target: t})
	}
	return chain.Owned(targets, e.own.Has, !e.view.catalog.Quota.OwnFallback)
}

// askedOf is the endpoint of that name.
func askedOf(name string) (a asked) {
	for e := range endpoints {
		if endpoints[e].name == name {
			a.endpoint = endpoint(e)
		}
	}
	a.dialect = endpoints[a.endpoint].dialect
	return a
}
