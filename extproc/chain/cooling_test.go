package chain

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// anyTarget makes a target that only has names.
func anyTarget(model, provider string) Target {
	return Target{Model: &catalog.Model{Name: model}, Target: catalog.Target{Provider: &catalog.Provider{Name: provider}}}
}

func TestAPauseEndsWhenItSaid(t *testing.T) {
	tests := []struct {
		name       string
		retryAfter time.Duration
		last       time.Duration // until when it rests, from noon; 0 = never
	}{
		{"as asked for", 30 * time.Second, 30 * time.Second},
		{"five minutes at most", 24 * time.Hour, 5 * time.Minute},
		{"the longest there is", 1<<63 - 1, 5 * time.Minute},
		{"none asked for", 0, 0},
		{"a wish of the past", -time.Minute, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, a := NewCooling(), anyTarget("m", "a")
			c.Add(a, tt.retryAfter, noon)
			if got := c.Rests(a, noon.Add(tt.last-1)); got != (tt.last > 0) {
				t.Errorf("just before %v it rests: %v", tt.last, got)
			}
			if c.Rests(a, noon.Add(tt.last)) {
				t.Errorf("it still rests after %v", tt.last)
			}
		})
	}
}

func TestAPauseIsOfOneTarget(t *testing.T) {
	c := NewCooling()
	c.Add(anyTarget("m", "a"), time.Minute, noon)
	for _, other := range []Target{anyTarget("m", "b"), anyTarget("n", "a")} {
		if c.Rests(other, noon) {
			t.Errorf("%v rests with m@a", written([]Target{other}))
		}
	}
	if !c.Rests(anyTarget("m", "a"), noon) {
		t.Error("a target of a new catalog has lost its pause")
	}
}

func TestAPauseIsNeverShortened(t *testing.T) {
	c, a := NewCooling(), anyTarget("m", "a")
	c.Add(a, time.Minute, noon)
	c.Add(a, time.Second, noon)
	if !c.Rests(a, noon.Add(59*time.Second)) {
		t.Error("a second wish shortened the first")
	}
	c.Add(a, 2*time.Minute, noon)
	if !c.Rests(a, noon.Add(119*time.Second)) {
		t.Error("a longer wish did not prolong the first")
	}
}

func TestOfTooManyPausesTheOldestIsForgotten(t *testing.T) {
	c := NewCooling()
	nth := func(i int) Target { return anyTarget("m", fmt.Sprint(i)) }
	for i := range maxResting {
		c.Add(nth(i), time.Minute, noon)
	}
	c.Add(nth(0), time.Minute, noon) // no longer the oldest
	c.Add(nth(maxResting), time.Minute, noon)
	if len(c.pauses) != maxResting {
		t.Errorf("%d pauses are kept, want %d", len(c.pauses), maxResting)
	}
	for i, want := range map[int]bool{0: true, 1: false, 2: true, maxResting: true} {
		if got := c.Rests(nth(i), noon); got != want {
			t.Errorf("pause %d is kept: %v, want %v", i, got, want)
		}
	}
}

func TestPausesThatAreOverMakeRoomFirst(t *testing.T) {
	c := NewCooling()
	c.Add(anyTarget("m", "first"), time.Minute, noon)
	for i := range maxResting - 1 {
		c.Add(anyTarget("m", fmt.Sprint(i)), time.Second, noon)
	}
	c.Add(anyTarget("m", "new"), time.Minute, noon.Add(2*time.Second))
	if len(c.pauses) != 2 || !c.Rests(anyTarget("m", "first"), noon.Add(2*time.Second)) {
		t.Errorf("%d pauses are kept, want the first and the new one", len(c.pauses))
	}
}

func TestNoCoolingRestsNobody(t *testing.T) {
	var c *Cooling
	c.Add(anyTarget("m", "a"), time.Minute, noon)
	if c.Rests(anyTarget("m", "a"), noon) {
		t.Error("a nil Cooling remembers something")
	}
}

func TestCoolingServesManyAtOnce(t *testing.T) {
	c := NewCooling()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 500 {
				c.Add(anyTarget("m", fmt.Sprint(i*500+j)), time.Minute, noon)
				c.Rests(anyTarget("m", fmt.Sprint(j)), noon)
			}
		})
	}
	wg.Wait()
	if len(c.pauses) != maxResting {
		t.Errorf("%d pauses are kept, want %d", len(c.pauses), maxResting)
	}
}

func BenchmarkRestsWhenNobodyDoes(b *testing.B) {
	c, a := NewCooling(), anyTarget("m", "a")
	b.ReportAllocs()
	for b.Loop() {
		c.Rests(a, noon)
	}
}
