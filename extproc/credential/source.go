package credential

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// fetcher asks a cloud for a token. Its errors hold no secrets.
type fetcher func(ctx context.Context) (*token, error)

const (
	// fetchLimit bounds one fetch; chains that try several services need long.
	fetchLimit = 30 * time.Second
	// firstBackoff and longestBackoff are between failed fetches.
	firstBackoff   = time.Second
	longestBackoff = time.Minute
	// asked is how soon after a fetch a request without token may cause the
	// next one.
	asked = 5 * time.Second
)

// source is one reference's supply of tokens; providers with the same
// reference share it, and Sets that follow each other do.
type source struct {
	name  string // the reference, for messages
	fetch fetcher
	now   func() time.Time
	log   *slog.Logger

	current, previous atomic.Pointer[token]
	failure           atomic.Pointer[failure] // of the last fetch, nil if it went well
	rounds            atomic.Uint64           // fetches that came to an end
	turn              chan struct{}           // holds one element while a fetch is under way
	wake              chan struct{}           // a request has found no token
}

// failure is why there is no new token. Its text holds no secrets and is all
// there is to it: nothing under it can be unwrapped and printed.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

func newSource(name string, fetch fetcher, o Options) *source {
	return &source{
		name: name, fetch: fetch, now: o.Now, log: o.Logger,
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
}

// token is the current one. If there is none, a fetch is asked for.
func (s *source) token(now time.Time) (*token, error) {
	t := s.current.Load()
	if t.usable(now) {
		return t, nil
	}
	select {
	case s.wake <- struct{}{}:
	default: // asked for already
	}
	p := &llm.Problem{Kind: llm.Unauthenticated, Message: "The gateway has no valid credential for the provider at the moment."}
	switch f := s.failure.Load(); {
	case f != nil:
		p.Cause = fmt.Errorf("%s cannot be had: %w", s.name, f)
	case t != nil:
		p.Cause = fmt.Errorf("%s has given nothing since what ended at %s", s.name, t.expires.UTC().Format(time.RFC3339))
	default:
		p.Cause = fmt.Errorf("%s has given nothing yet", s.name)
	}
	return nil, p
}

// refresh fetches a token. Of several callers at a time one fetches, and all
// get its outcome.
func (s *source) refresh(ctx context.Context) error {
	round := s.rounds.Load()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return errNotInTime
	}
	if s.rounds.Load() != round {
		return s.outcome()
	}
	limited, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	t, err := s.fetch(limited)
	if err != nil && ctx.Err() != nil {
		return errNotInTime // this caller's end is no verdict for the others
	}
	s.settle(t, err)
	return s.outcome()
}

var errNotInTime = errors.New("no token came in time")

// settle notes the end of a fetch. Caller must hold the turn.
func (s *source) settle(t *token, err error) {
	defer s.rounds.Add(1)
	now := s.now()
	if err == nil && !t.usable(now) {
		err = errors.New("the token was over when it came")
	}
	if err != nil {
		s.failure.Store(&failure{scrub(err)})
		return
	}
	t.fetched = now
	s.failure.Store(nil)
	s.previous.Store(s.current.Swap(t))
}

func (s *source) outcome() error {
	if f := s.failure.Load(); f != nil {
		return f
	}
	return nil
}

// keep fetches ahead until ctx is done. Three things happen: the time for the
// next fetch comes, a request finds no token, ctx ends.
func (s *source) keep(ctx context.Context) {
	failed, last := 0, s.lastFetch()
	for s.pause(ctx, last, s.wait(failed)) {
		if newest := s.lastFetch(); newest.After(last) { // by a Set that shares the source
			failed, last = 0, newest
			continue
		}
		err := s.refresh(ctx)
		last = s.now()
		switch t := s.current.Load(); {
		case ctx.Err() != nil:
			return
		case err == nil:
			failed = 0
			s.log.Debug("credential fetched", "credential", s.name, "expires", t.expires)
		case t.usable(s.now()):
			failed++
			s.log.Warn("credential not refreshed; the last one still holds", "credential", s.name, "expires", t.expires, "error", err)
		default:
			failed++
			s.log.Error("credential not available", "credential", s.name, "error", err)
		}
	}
}

// lastFetch is when the current token came: long ago, if there is none.
func (s *source) lastFetch() time.Time {
	if t := s.current.Load(); t != nil {
		return t.fetched
	}
	return time.Time{}
}

// wait is how long after the last fetch the next one is due. Both kinds of
// wait are spread, so that processes started together do not stay together.
func (s *source) wait(failed int) time.Duration {
	if failed > 0 {
		return spread(min(longestBackoff, firstBackoff<<min(failed-1, 10)), 2)
	}
	if t := s.current.Load(); t.usable(s.now()) {
		return spread(t.rest(), 10)
	}
	return 0
}

// spread takes up to a share of d off at random.
func spread(d time.Duration, share int64) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/share+1)) //nolint:gosec // spreads load, guards nothing
}

// pause waits from the last fetch on, shorter if a request asks; false means
// that ctx is done.
func (s *source) pause(ctx context.Context, last time.Time, wait time.Duration) bool {
	timer := time.NewTimer(last.Add(wait).Sub(s.now()))
	defer timer.Stop()
	wake := s.wake
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return ctx.Err() == nil
		case <-wake:
			if s.current.Load().usable(s.now()) {
				continue // it came in the meantime
			}
			wake = nil
			if wait > asked {
				timer.Reset(last.Add(asked).Sub(s.now()))
			}
		}
	}
}
