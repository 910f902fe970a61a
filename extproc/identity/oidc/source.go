package oidc

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	refreshEvery = 15 * time.Minute
	retryEvery   = 30 * time.Second // after a fetch that failed
	askEvery     = 30 * time.Second // because of tokens
	waitMost     = 2 * time.Second  // of a request, for a fetch
	fetchMost    = 10 * time.Second
	maxWaiting   = 1024 // requests that wait for one issuer
)

// origin is what makes two issuers of the catalog share their keys.
type origin struct{ issuer, jwks, caFile string }

// source keeps the keys of one issuer.
type source struct {
	of     origin
	name   string // for logs: of the first of the catalog's issuers that use it
	fetch  fetcher
	now    func() time.Time
	logger *slog.Logger
	outage time.Duration

	set atomic.Pointer[keySet] // nil: none yet
	// wake has run fetch at once.
	wake chan struct{}

	mu      sync.Mutex
	flight  chan struct{} // guarded by mu, as is all below; closed when the fetch under way, or about to be, is over; nil: none
	asked   time.Time     // when a token last made us fetch
	waiting int
	failing bool
}

// current is the set that tokens are judged by, nil if none is known or the
// last one is too old.
func (s *source) current(now time.Time) *keySet {
	set := s.set.Load()
	if set == nil || now.Sub(set.fetched) > s.outage {
		return nil
	}
	return set
}

// await waits for the next fetch to end, and sees to it that there is one
// unless tokens have caused one lately. It tells whether a fetch has ended:
// false at once if none is due, or when ctx ends.
func (s *source) await(ctx context.Context, now time.Time) bool {
	s.mu.Lock()
	if s.flight == nil {
		if !s.asked.IsZero() && now.Sub(s.asked) < askEvery {
			s.mu.Unlock()
			return false
		}
		s.asked, s.flight = now, make(chan struct{})
		select {
		case s.wake <- struct{}{}:
		default: // run has been woken and not yet looked
		}
	}
	if s.waiting >= maxWaiting {
		s.mu.Unlock()
		return false
	}
	s.waiting++
	flight := s.flight
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.waiting--
		s.mu.Unlock()
	}()
	select {
	case <-flight:
		return true
	case <-ctx.Done():
		return false
	}
}

// run fetches until ctx ends: when it is time, and when await asks.
func (s *source) run(ctx context.Context) {
	if s.fetch.own {
		defer s.fetch.client.CloseIdleConnections()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	// Three things happen: the end; the time for a fetch; a token that wants
	// one. A fetch is over before the next thing is looked at.
	for {
		asked := false
		select {
		case <-ctx.Done():
			s.land()
			return
		case <-timer.C:
		case <-s.wake:
			asked = true
		}
		s.takeOff()
		err := s.refresh(ctx, asked)
		s.land()
		s.report(ctx, err)
		if err != nil {
			timer.Reset(retryEvery)
		} else {
			timer.Reset(refreshEvery)
		}
	}
}

// takeOff begins a fetch. Whoever asked for one until now waits for this one.
func (s *source) takeOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil {
		s.flight = make(chan struct{})
	}
	select {
	case <-s.wake:
	default:
	}
}

// land ends a fetch for all who wait.
func (s *source) land() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		close(s.flight)
		s.flight = nil
	}
}

// refresh fetches the keys once. A token's wish costs the issuer one request:
// where the keys are is then taken from the last discovery.
func (s *source) refresh(ctx context.Context, asked bool) error {
	ctx, cancel := context.WithTimeout(ctx, fetchMost)
	defer cancel()
	before := s.set.Load()
	at := ""
	if asked && before != nil {
		at = before.from
	}
	if at == "" {
		var err error
		if at, err = s.fetch.discover(ctx); err != nil {
			return err
		}
	}
	began := s.now()
	set, err := s.fetch.keys(ctx, at)
	if err != nil {
		return err
	}
	set.fetched = began
	set.follow(before)
	s.set.Store(set)
	if !set.same(before) {
		s.logger.InfoContext(ctx, "issuer published keys", "issuer", s.name, "keys", len(set.prints))
	}
	return nil
}

// report logs what became of a fetch: each failure, and the first success
// after it.
func (s *source) report(ctx context.Context, err error) {
	s.mu.Lock()
	was := s.failing
	s.failing = err != nil
	s.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil:
		s.logger.WarnContext(ctx, "issuer's keys cannot be fetched", "issuer", s.name, "error", err, "usable", s.current(s.now()) != nil)
	case err == nil && was:
		s.logger.InfoContext(ctx, "issuer's keys can be fetched again", "issuer", s.name)
	}
}

// inherit takes over what another source of the same origin knows.
func (s *source) inherit(old *source) {
	s.set.Store(old.set.Load())
	old.mu.Lock()
	asked := old.asked
	old.mu.Unlock()
	s.mu.Lock()
	s.asked = asked
	s.mu.Unlock()
}
