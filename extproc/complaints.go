package extproc

import (
	"log/slog"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
)

// complaintEvery is how often a kind of failure of one provider is logged at most.
const complaintEvery = time.Minute

// complaints tell the operator which providers fail, and how: each kind of
// failure of a provider at once, and while it goes on once a minute with how many
// there were. What they say are the catalog's names and closed words, nothing of
// a client or a provider's answer. The zero value is ready.
type complaints struct {
	mu   sync.Mutex
	open map[complaint]*grievance // guarded by mu; of those at most a minute old
}

// complaint is what failures have in common that are told together.
type complaint struct {
	provider string
	reason   chain.Reason
	own      bool // the tenant's account, not the gateway's
}

type grievance struct {
	since  time.Time // told last
	more   int       // failures since then
	latest chain.Failure
}

// note counts a failure and tells whether it is to be told at once.
func (c *complaints) note(k complaint, f chain.Failure, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g := c.open[k]; g != nil {
		g.more, g.latest = g.more+1, f
		return false
	}
	if c.open == nil {
		c.open = make(map[complaint]*grievance)
	}
	c.open[k] = &grievance{since: now}
	return true
}

// due gives those of which more has come since they were told a minute ago, and
// forgets those that have ceased.
func (c *complaints) due(now time.Time) map[complaint]grievance {
	c.mu.Lock()
	defer c.mu.Unlock()
	var again map[complaint]grievance
	for k, g := range c.open {
		switch {
		case now.Sub(g.since) < complaintEvery:
		case g.more == 0:
			delete(c.open, k)
		default:
			if again == nil {
				again = make(map[complaint]grievance)
			}
			again[k] = *g
			g.since, g.more = now, 0
		}
	}
	return again
}

// complain tells of a failure, unless its like was told of lately.
func (s *Service) complain(t *chain.Target, f chain.Failure) {
	k := complaint{f.Provider, f.Reason, t.Own}
	if s.complaints.note(k, f, s.now()) {
		s.tell(k, &f, 1)
	}
}

// complainAgain tells of failures that went on.
func (s *Service) complainAgain(now time.Time) {
	for k, g := range s.complaints.due(now) {
		s.tell(k, &g.latest, g.more)
	}
}

// tell warns of what only the operator can mend. Of a tenant's own account that is
// the tenant's, and the rest may pass.
func (s *Service) tell(k complaint, f *chain.Failure, count int) {
	log, message := s.log.Info, "a provider fails"
	switch {
	case k.own:
		message = "a provider fails with a tenant's own credential"
	case k.reason == chain.Auth, k.reason == chain.Payment, k.reason == chain.NotFound, k.reason == chain.Redirect:
		log, message = s.log.Warn, "a provider refuses the gateway; its operator must mend the credential, the account or the catalog"
	}
	log(message, slog.String("provider", f.Provider), slog.String("model", f.Model), slog.String("reason", k.reason.String()),
		slog.Int("status", f.Status), slog.Int("count", count))
}
