package fetch

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestCallersOfOneURLShareAFetch(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun) // a second fetch would panic
		<-release
		serves("image/png", png)(w, r)
	})
	f := s.fetcher(t, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if m, p := f.Get(t.Context(), s.url("files.example.com", "/a")); p != nil || m.Type != "image/png" {
				t.Errorf("%+v, %v", m, p)
			}
		})
	}
	<-begun
	close(release)
	all.Wait()
	if s.hits.Load() != 1 {
		t.Errorf("fetched %d times", s.hits.Load())
	}
}

func TestAWaitingCallerTakesOverFromOneThatLeaves(t *testing.T) {
	begun := make(chan struct{}, 2)
	first := make(chan struct{})
	var once sync.Once
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		held := false
		once.Do(func() { held = true })
		if held {
			<-first
			return
		}
		serves("image/png", png)(w, r)
	})
	defer close(first)
	f := s.fetcher(t, nil)
	leaving, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, p := f.Get(leaving, s.url("files.example.com", "/a")); p == nil {
			t.Error("a caller that left got the file")
		}
	})
	<-begun
	all.Go(func() {
		if m, p := f.Get(t.Context(), s.url("files.example.com", "/a")); p != nil || m.Type != "image/png" {
			t.Errorf("%+v, %v", m, p)
		}
	})
	leave()
	all.Wait()
}

func TestResultsAreKeptForAMoment(t *testing.T) {
	now := time.Now()
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			http.NotFound(w, r)
			return
		}
		serves("image/png", png)(w, r)
	})
	f := s.fetcher(t, func(o *Options) { o.Now = func() time.Time { return now } })
	get := func(path string, want int32) {
		t.Helper()
		_, p := f.Get(t.Context(), s.url("files.example.com", path))
		if (p != nil) != (path == "/bad") || s.hits.Load() != want {
			t.Fatalf("%s: %v after %d fetches, want %d", path, p, s.hits.Load(), want)
		}
		if p != nil {
			p.Message = "changed by a caller"
		}
	}
	get("/a", 1)
	get("/a", 1)
	get("/bad", 2)
	get("/bad", 2)
	if _, p := f.Get(t.Context(), s.url("files.example.com", "/bad")); !strings.HasSuffix(p.Message, "404.") {
		t.Errorf("a caller's change is kept: %s", p.Message)
	}
	now = now.Add(failuresKept)
	get("/a", 2)
	get("/bad", 3)
	now = now.Add(time.Minute)
	get("/a", 4)
}

func TestFetchesBeyondTheLimitWaitAndThenGiveUp(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-release
		serves("image/png", png)(w, r)
	})
	f := s.fetcher(t, func(o *Options) { o.Concurrent, o.Timeout = 1, 500*time.Millisecond })
	var all sync.WaitGroup
	all.Go(func() {
		if _, p := f.Get(t.Context(), s.url("files.example.com", "/a")); p == nil {
			t.Error("the held fetch ended well")
		}
	})
	<-begun
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, p := f.Get(impatient, s.url("files.example.com", "/b"))
	if p == nil || p.Kind != llm.Overloaded {
		t.Errorf("beyond the limit: %+v", p)
	}
	all.Wait()
	close(release)
	go func() { <-begun }()
	if _, p := f.Get(t.Context(), s.url("files.example.com", "/b")); p != nil {
		t.Errorf("after the limit: %v", p)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCache(10_000, 3)
	file := func(n int) result { return result{media: Media{Base64: strings.Repeat("x", n)}} }
	check := func(bytes int64, urls string) {
		t.Helper()
		var have []string
		for e := c.order.Front(); e != nil; e = e.Next() {
			have = append(have, e.Value.(*kept).url)
		}
		if c.bytes != bytes || strings.Join(have, " ") != urls || len(c.entries) != len(have) {
			t.Fatalf("%d bytes of %v, %d entries; want %d of %s", c.bytes, have, len(c.entries), bytes, urls)
		}
	}
	put := func(url string, n int, life time.Duration) { c.put(url, file(n), now, now.Add(life)) }
	put("a", 1000, time.Minute)
	check(1513, "a")
	put("a", 2000, time.Minute)
	check(2513, "a")
	put("huge", 5000, time.Minute)
	check(2513, "a")
	put("b", 0, time.Second)
	put("c", 0, time.Minute)
	put("d", 0, time.Minute)
	check(3*513, "d c b")
	now = now.Add(time.Second)
	put("e", 0, time.Minute)
	check(3*513, "e d c")
	put("f", 4000, time.Minute)
	put("g", 4000, time.Minute)
	check(2*4513+513, "g f e")
	put("h", 4000, time.Minute)
	check(2*4513, "h g")
	put("i", 0, 0)
	check(2*4513, "h g")
	if _, ok := c.get("h", now.Add(time.Hour)); ok {
		t.Error("what is over is given out")
	}
	check(4513, "g")
}
