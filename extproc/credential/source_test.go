package credential

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cloud is a scripted cloud: it hands out t1, t2, … that live for life.
type cloud struct {
	life    time.Duration
	takes   time.Duration
	fault   atomic.Pointer[string]
	fetches atomic.Int32
	under   atomic.Int32 // fetches at this moment
	most    atomic.Int32
}

func (c *cloud) fetch(ctx context.Context) (*token, error) {
	n := c.fetches.Add(1)
	c.most.Store(max(c.most.Load(), c.under.Add(1)))
	defer c.under.Add(-1)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(c.takes):
	}
	if f := c.fault.Load(); f != nil {
		return nil, errors.New(*f)
	}
	return bearerToken("t"+string('0'+n), time.Now().Add(c.life)), nil
}

func (c *cloud) fail(text string) { c.fault.Store(&text) }

// setOf is a set with one provider, p, whose tokens come from a cloud.
func setOf(c *cloud, log *slog.Logger) *Set {
	ref := catalog.Reference{Scheme: catalog.SchemeAzure}
	src := newSource(ref.String(), c.fetch, Options{Logger: log}.filled())
	return &Set{
		names: []string{"p"}, sources: map[catalog.Reference]*source{ref: src},
		entries: map[string]*entry{"p": {ref: ref, source: src, names: cloudNames[ref.Scheme]}},
	}
}

// bearerOf is what p's calls are authorized with; "" if they are not.
func bearerOf(t *testing.T, s *Set) string {
	t.Helper()
	headers, err := s.Authorize("p", nil, time.Now())
	if err != nil {
		var p *llm.Problem
		if len(headers) > 0 || !errors.As(err, &p) || p.Kind != llm.Unauthenticated || p.Cause == nil {
			t.Errorf("no token gives %d headers and %v", len(headers), err)
		}
		return ""
	}
	return strings.TrimPrefix(string(headers[0].Value), "Bearer ")
}

func running(t *testing.T, s *Set) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	return func() { cancel(); <-ended }
}

// pass lets time pass in a synctest bubble.
func pass(d time.Duration) { <-time.After(d); synctest.Wait() }

func TestTokensAreFetchedAheadOfTheirEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{life: time.Hour}
		s := setOf(c, nil)
		if got := bearerOf(t, s); got != "" {
			t.Errorf("a token before any was fetched: %s", got)
		}
		if err := s.Await(t.Context()); err != nil || bearerOf(t, s) != "t1" {
			t.Fatalf("after waiting the token is %q, %v", bearerOf(t, s), err)
		}
		defer running(t, s)()
		pass(40 * time.Minute)
		if got := bearerOf(t, s); got != "t1" || c.fetches.Load() != 1 {
			t.Errorf("after 40 min: %s, %d fetches", got, c.fetches.Load())
		}
		pass(5 * time.Minute)
		if got := bearerOf(t, s); got != "t2" || c.fetches.Load() != 2 {
			t.Errorf("after 45 min: %s, %d fetches", got, c.fetches.Load())
		}
		pass(3 * time.Hour)
		if got, n := bearerOf(t, s), c.fetches.Load(); got == "" || n < 5 || n > 7 {
			t.Errorf("after 4 h: %s, %d fetches", got, n)
		}
	})
}

func TestATokenRestsForMostOfItsLife(t *testing.T) {
	tests := map[time.Duration]time.Duration{
		24 * time.Hour: 18 * time.Hour, time.Hour: 45 * time.Minute, 20 * time.Minute: 15 * time.Minute, 16 * time.Minute: 11 * time.Minute,
		10 * time.Minute: 5 * time.Minute, 4 * time.Minute: 2 * time.Minute, 5 * time.Second: least,
	}
	now := time.Now()
	for life, want := range tests {
		if got := (&token{fetched: now, expires: now.Add(life)}).rest(); got != want {
			t.Errorf("a token of %s rests for %s, want %s", life, got, want)
		}
	}
	if got := (&token{fetched: now}).rest(); got != lookAgain {
		t.Errorf("what never ends is looked at after %s", got)
	}
}

func TestTheLastGoodTokenServesToItsEndAndNotBeyond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := &cloud{life: time.Hour}
		s := setOf(c, slog.New(slog.NewTextHandler(&out, nil)))
		if err := s.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.fail("denied for " + longSecret)
		stop := running(t, s)
		pass(time.Hour - time.Second)
		if got := bearerOf(t, s); got != "t1" {
			t.Errorf("a second before its end the token is %q", got)
		}
		failed := c.fetches.Load()
		if failed < 10 || failed > 40 {
			t.Errorf("%d fetches failed in a quarter of an hour, want one in 30 s to 60 s", failed)
		}
		pass(time.Second)
		if got := bearerOf(t, s); got != "" {
			t.Errorf("at its end the token is %q", got)
		}
		c.fault.Store(nil)
		pass(asked)
		if got := bearerOf(t, s); got == "" || got == "t1" {
			t.Errorf("asked for, the token is %q", got)
		}
		stop()
		text := out.String()
		if !strings.Contains(text, "level=WARN msg=\"credential not refreshed") || !strings.Contains(text, "denied for (secret)") || strings.Contains(text, longSecret) {
			t.Errorf("the log says %s", text)
		}
	})
}

func TestRequestsWithoutTokenMakeFetchesComeSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{life: time.Hour}
		c.fail("away")
		s := setOf(c, nil)
		defer running(t, s)()
		pass(10 * time.Minute)
		calm := c.fetches.Load()
		if calm > 30 {
			t.Errorf("%d fetches in 10 min", calm)
		}
		for range 600 {
			bearerOf(t, s)
			pass(time.Second)
		}
		if n := c.fetches.Load() - calm; n < 90 || n > 130 {
			t.Errorf("asked for all the time, %d fetches in 10 min, want one in %s", n, asked)
		}
	})
}

func TestManyWhoWaitFetchOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{life: time.Hour, takes: time.Second}
		s := setOf(c, nil)
		defer running(t, s)()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := s.Await(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := c.fetches.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestAwaitEndsInTimeAndSaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{life: time.Hour, takes: 20 * time.Second}
		s := setOf(c, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		err := s.Await(ctx)
		if took := time.Since(begun); took != 5*time.Second || !errors.Is(err, errNotInTime) || !strings.HasPrefix(err.Error(), "the credential of provider p: azure: cannot be had: ") {
			t.Errorf("after %s: %v", took, err)
		}
		if err := s.Await(t.Context()); err != nil || bearerOf(t, s) == "" {
			t.Errorf("with more time: %v", err)
		}
		c.fail("no")
		pass(time.Hour)
		if err := s.Await(t.Context()); err == nil || err.Error() != "the credential of provider p: azure: cannot be had: no" {
			t.Errorf("a failure reads %v", err)
		}
	})
}

func TestAFetchThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{life: time.Hour, takes: time.Hour}
		s := setOf(c, nil)
		begun := time.Now()
		if err := s.Await(t.Context()); err == nil || time.Since(begun) != fetchLimit {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

func TestATokenThatComesTooLateIsNone(t *testing.T) {
	s := setOf(&cloud{life: -time.Second}, nil)
	if err := s.Await(t.Context()); err == nil || bearerOf(t, s) != "" {
		t.Errorf("the token is %q, %v", bearerOf(t, s), err)
	}
}

func TestANewSetInheritsTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{life: time.Hour, takes: time.Second}
		old := setOf(c, nil)
		if err := old.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		stopOld := running(t, old)
		unused := &cloud{}
		s := setOf(unused, nil)
		s.Inherit(nil)
		s.Inherit(old)
		if got := bearerOf(t, s); got != "t1" {
			t.Fatalf("the inherited token is %q", got)
		}
		stop := running(t, s)
		pass(46 * time.Minute) // both run: one fetches
		if n := c.fetches.Load(); n != 2 || unused.fetches.Load() != 0 {
			t.Errorf("%d fetches, %d by the new set's own", n, unused.fetches.Load())
		}
		stopOld()
		pass(46 * time.Minute)
		if got := bearerOf(t, s); got != "t3" {
			t.Errorf("after the old set's end the token is %q", got)
		}
		stop()
		pass(2 * time.Hour)
		if got := bearerOf(t, s); got != "" || c.most.Load() != 1 {
			t.Errorf("without Run the token is %q; %d fetches at a time", got, c.most.Load())
		}
	})
}
