package extproc

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/quota/journal"
)

// jam is the journal that takes no exchanges, for as long as that lasts: its disk
// is full, or too much waits for the store. Requests are refused then, as what
// they spend could be forgotten. The zero value is of a journal that takes them.
type jam struct {
	on atomic.Bool // cause is set

	mu      sync.Mutex
	cause   error     // guarded by mu, as is all below; nil = there is no jam
	last    time.Time // a request was refused, or the journal asked in vain
	told    time.Time // it was logged
	untold  int       // requests refused since then
	refused int       // in all
}

const (
	// jamTold is how often it is logged at most.
	jamTold = 5 * time.Second
	// jamAsked is how long the journal's last refusal is believed.
	jamAsked = time.Second
	// jamRetry is when clients are to come again: a disk is not cleared in a
	// second.
	jamRetry = 5 * time.Second
)

// jammed is what a client is told whose exchange the journal does not take.
func (s *Service) jammed(err error) *llm.Problem {
	s.jam.refuse(err, s.now(), s.log)
	if errors.Is(err, journal.ErrFull) {
		return full()
	}
	return &llm.Problem{
		Kind: llm.Overloaded, Code: "journal_unwritable", RetryAfter: jamRetry, Cause: err,
		Message: "The gateway cannot write its journal, and serves nothing that it could not account for; its operator must look at its disk.",
	}
}

func (j *jam) refuse(err error, now time.Time, log *slog.Logger) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.on.Store(true)
	j.cause, j.last = err, now
	j.refused++
	j.untold++
	if now.Sub(j.told) < jamTold {
		return
	}
	log.Error("the journal takes no exchanges; requests are refused while that lasts", "refused", j.untold, "error", err)
	j.told, j.untold = now, 0
}

// why says what keeps exchanges out of the journal, "" if nothing does any more.
// room asks it, once a second at most.
func (j *jam) why(now time.Time, log *slog.Logger, room func() error) string {
	if !j.on.Load() {
		return ""
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cause != nil && now.Sub(j.last) >= jamAsked {
		j.last = now
		if j.cause = room(); j.cause == nil {
			log.Info("the journal takes exchanges again", "refused", j.refused)
			j.on.Store(false)
			j.refused = 0
		}
	}
	switch {
	case j.cause == nil:
		return ""
	case errors.Is(j.cause, journal.ErrFull):
		return "the journal is full of what waits for the store"
	default:
		return "the journal cannot be written"
	}
}
