package main

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// part is what a follower brings catalogs to. It takes those that are not in
// refuses.
type part struct {
	mu      sync.Mutex
	refuses map[string]string // versions and why; guarded by mu
	tried   []string          // versions; guarded by mu
}

func (p *part) use(c *catalog.Catalog) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tried = append(p.tried, c.Version)
	if why := p.refuses[c.Version]; why != "" {
		return errors.New(why)
	}
	return nil
}

// since gives what was tried since the last call.
func (p *part) since() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	tried := p.tried
	p.tried = nil
	return tried
}

func (p *part) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = nil
}

func versioned(v string) *catalog.Catalog { return &catalog.Catalog{Version: v} }

// following is a follower at v1 whose part refuses v2 for want of a file, and
// which has just been offered that. Its retries run until the test ends.
func following(t *testing.T) (*follower, *part, *transcript) {
	t.Helper()
	var log transcript
	p := &part{refuses: map[string]string{"v2": "file:openai.key: there is none"}}
	f := newFollower(slog.New(slog.NewTextHandler(&log, nil)))
	f.begin(versioned("v1"), p.use)
	var running sync.WaitGroup
	running.Go(func() { f.follow(t.Context(), nil, func() {}) })
	t.Cleanup(running.Wait)
	f.watch(t.Context()).OnChange(versioned("v2"))
	if diff := cmp.Diff([]string{"v2"}, p.since()); diff != "" || f.now().Version != "v1" {
		t.Fatalf("%s in use, tried (-want +got):\n%s", f.now().Version, diff)
	}
	text := log.String()
	for _, want := range []string{"level=ERROR", "waits", "the last good one stays", "file:openai.key: there is none", "version=v2"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
	return f, p, &log
}

func TestSIGHUPTriesTheCatalogThatWaitsFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, p, log := following(t)
		f.refresh()
		if diff := cmp.Diff([]string{"v2", "v1"}, p.since()); diff != "" {
			t.Errorf("while its file is missing (-want +got):\n%s", diff)
		}
		if text := log.String(); strings.Contains(text, "level=INFO") || !strings.Contains(text, "still waits") {
			t.Errorf("the log claims that all is well:\n%s", text)
		}
		p.mend()
		f.refresh()
		if diff := cmp.Diff([]string{"v2"}, p.since()); diff != "" || f.now().Version != "v2" {
			t.Errorf("%s in use, tried (-want +got):\n%s", f.now().Version, diff)
		}
		if !strings.Contains(log.String(), `level=INFO msg="the changed catalog is in use" version=v2`) {
			t.Errorf("the log does not tell:\n%s", log.String())
		}
		<-time.After(time.Hour)
		f.refresh()
		if diff := cmp.Diff([]string{"v2"}, p.since()); diff != "" || !strings.Contains(log.String(), "were read again") {
			t.Errorf("afterwards (-want +got):\n%s\n%s", diff, log.String())
		}
	})
}

func TestACatalogThatWaitsIsTriedAgainEverLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, p, log := following(t)
		began := time.Now()
		var pauses []time.Duration
		for last := began; len(pauses) < 9; {
			<-time.After(100 * time.Millisecond)
			if tried := p.since(); len(tried) > 0 {
				if diff := cmp.Diff([]string{"v2"}, tried); diff != "" {
					t.Errorf("a retry (-want +got):\n%s", diff)
				}
				pauses, last = append(pauses, time.Since(last).Round(time.Second)), time.Now()
			}
		}
		const s = time.Second
		if diff := cmp.Diff([]time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
		p.mend()
		<-time.After(2 * time.Minute)
		if tried := p.since(); len(tried) != 1 || f.now().Version != "v2" || strings.Count(log.String(), "level=INFO") != 1 {
			t.Errorf("%s in use, tried %v:\n%s", f.now().Version, tried, log.String())
		}
	})
}

func TestANewerCatalogTakesThePlaceOfTheOneThatWaits(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"v3", "v1"} { // a mended file, and one that is as it was
		synctest.Test(t, func(t *testing.T) {
			f, p, _ := following(t)
			f.watch(t.Context()).OnChange(versioned(next))
			<-time.After(time.Hour)
			f.refresh()
			if diff := cmp.Diff([]string{next, next}, p.since()); diff != "" || f.now().Version != next {
				t.Errorf("%s in use, tried (-want +got):\n%s", f.now().Version, diff)
			}
		})
	}
}

func TestACatalogWaitsWhileTheFileIsBroken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, p, _ := following(t)
		f.watch(t.Context()).OnError(errors.New("dragoman.yaml:1:1: no"))
		p.mend()
		<-time.After(time.Minute)
		if f.now().Version != "v2" {
			t.Errorf("%s in use", f.now().Version)
		}
	})
}
