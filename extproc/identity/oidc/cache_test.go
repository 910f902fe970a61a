package oidc

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func of(i int) *digest {
	d := sha256.Sum256(fmt.Append(nil, i))
	return &d
}

func TestACacheForgetsItsOldestEntries(t *testing.T) {
	c := newCache[int](3)
	now := time.Unix(1000, 0)
	until := now.Add(time.Minute)
	for i := range 5 {
		c.put(of(i), i, until)
	}
	c.put(of(3), 33, until) // takes no other place
	for i, want := range []int{-1, -1, 2, 33, 4} {
		got, ok := c.get(of(i), now)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("entry %d is %d, %v; want %d", i, got, ok, want)
		}
	}
	c.put(of(5), 5, until)
	if _, ok := c.get(of(2), now); ok {
		t.Error("the oldest entry is still there")
	}
	if len(c.at) != 3 || len(c.slots) != 3 {
		t.Errorf("%d and %d entries, want 3", len(c.at), len(c.slots))
	}
	if _, ok := c.get(of(5), until.Add(-1)); !ok {
		t.Error("forgotten too early")
	}
	if _, ok := c.get(of(5), until); ok {
		t.Error("remembered too long")
	}
}

func TestACacheIsBoundedUnderAFlood(t *testing.T) {
	c := newCache[int](128)
	now := time.Unix(1000, 0)
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for i := range 2000 {
				c.put(of(part*1000+i), part*1000+i, now.Add(time.Minute))
				if got, ok := c.get(of(i), now); ok && got != i {
					t.Errorf("entry %d is %d", i, got)
				}
			}
		})
	}
	all.Wait()
	if len(c.at) != 128 || len(c.slots) != 128 {
		t.Errorf("%d and %d entries, want 128", len(c.at), len(c.slots))
	}
}

func TestAVerdictLivesAsLongAsItsTokenAndFiveMinutesAtMost(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	long, short := a.token("ed", nil), a.token("ed", map[string]any{"exp": a.clock.now().Unix() + 60})
	passes(t, v, long, "the long token")
	passes(t, v, short, "the short token")
	remembers := func(token string, want bool) {
		t.Helper()
		d := sha256.Sum256([]byte(token))
		if _, ok := v.good.get(&d, a.clock.now()); ok != want {
			t.Errorf("at %v: remembered is %v", a.clock.now().Unix()-1_800_000_000, ok)
		}
	}
	a.clock.advance(59 * time.Second)
	remembers(short, true)
	a.clock.advance(time.Second)
	remembers(short, false)
	passes(t, v, short, "within the leeway")
	remembers(short, false)
	a.clock.advance(30 * time.Second)
	fails(t, v, short, "The token has expired; get a new one.")
	a.clock.advance(209 * time.Second)
	remembers(long, true)
	a.clock.advance(time.Second)
	remembers(long, false)
	passes(t, v, long, "verified again")
}

func TestAFloodOfBadTokensTakesNoGoodOnesPlace(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	good := a.token("ed", nil)
	passes(t, v, good, "before")
	for i := range maxBad + 100 {
		if _, p := v.Verify(t.Context(), fmt.Append(nil, "eyJ", i, ".e30.x")); p == nil {
			t.Fatal("passes")
		}
	}
	if len(v.bad.slots) != maxBad || len(v.good.slots) != 1 {
		t.Errorf("%d bad and %d good tokens are remembered", len(v.bad.slots), len(v.good.slots))
	}
	a.answer(nil)
	passes(t, v, good, "after")
}

func TestARefusalIsRememberedUnlessTimeMendsIt(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	early := a.token("ed", map[string]any{"nbf": a.clock.now().Unix() + 31})
	fails(t, v, early, "The token is not valid yet (nbf).")
	a.clock.advance(time.Second)
	passes(t, v, early, "a second later")
	wrong := a.token("ed", map[string]any{"aud": "x"})
	_, first := v.Verify(t.Context(), []byte(wrong))
	if len(v.bad.slots) != 1 || first == nil {
		t.Fatalf("%d refusals are remembered", len(v.bad.slots))
	}
	first.Message = "changed by its request"
	_, second := v.Verify(t.Context(), []byte(wrong))
	if second == nil || second.Kind != llm.Unauthenticated || second.Message != "The token is meant for another audience (aud)." {
		t.Errorf("the second time: %v", second)
	}
}
