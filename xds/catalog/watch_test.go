package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// text is a catalog that says which one it is by its version.
func text(region string) string { return fmt.Sprintf("providers: {openai: {region: %s}}\n", region) }

func region(c *Catalog) string { return c.Provider("openai").Region }

// write puts a whole file in place at once, so that no test reads half of one.
func write(t *testing.T, path, content string) {
	t.Helper()
	next := filepath.Join(t.TempDir(), "next")
	if err := os.WriteFile(next, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// overwrite changes a file in place, by one write of the same length.
func overwrite(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// watching is a Watcher of a real file and what it said.
type watching struct {
	*Watcher
	t       *testing.T
	changes chan string // regions
	errs    chan error
}

func watchFile(t *testing.T, config WatchConfig) *watching {
	t.Helper()
	w := &watching{t: t, changes: make(chan string, 100), errs: make(chan error, 100)}
	config.OnChange = func(c *Catalog) { w.changes <- region(c) }
	config.OnError = func(err error) { w.errs <- err }
	ctx, stop := context.WithCancel(t.Context())
	var err error
	if w.Watcher, err = Watch(ctx, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		w.Wait()
	})
	return w
}

const patience = 10 * time.Second

func (w *watching) changesTo(want string) {
	w.t.Helper()
	select {
	case got := <-w.changes:
		if got != want || region(w.Catalog()) != want {
			w.t.Errorf("changed to %s, holds %s; want %s", got, region(w.Catalog()), want)
		}
	case err := <-w.errs:
		w.t.Errorf("want a change to %s, got an error: %v", want, err)
	case <-time.After(patience):
		w.t.Fatalf("no change to %s", want)
	}
}

func (w *watching) fails(want string) {
	w.t.Helper()
	select {
	case err := <-w.errs:
		if !strings.Contains(err.Error(), want) {
			w.t.Errorf("error %v; want %s", err, want)
		}
	case got := <-w.changes:
		w.t.Errorf("changed to %s; want an error", got)
	case <-time.After(patience):
		w.t.Fatalf("no error %s", want)
	}
}

func TestWatchFollowsTheFileHoweverItIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dragoman.yaml")
	write(t, path, text("a"))
	w := watchFile(t, WatchConfig{Path: path})
	if region(w.Catalog()) != "a" {
		t.Fatalf("starts with %s", region(w.Catalog()))
	}

	overwrite(t, path, text("b"))
	w.changesTo("b")

	next := filepath.Join(dir, ".dragoman.yaml.swp") // as editors do
	write(t, next, text("c"))
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	w.changesTo("c")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.fails("no such file")
	if region(w.Catalog()) != "c" {
		t.Errorf("holds %s without a file; want the last good", region(w.Catalog()))
	}
	write(t, path, text("d"))
	w.changesTo("d")
}

func TestWatchKeepsTheLastGoodCatalog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dragoman.yaml")
	write(t, path, text("a"))
	w := watchFile(t, WatchConfig{Path: path})
	write(t, path, "providers: {openai: {regoin: b}}\n")
	w.fails("dragoman.yaml:1:22: providers.openai.regoin: is not a known field; did you mean region?")
	if region(w.Catalog()) != "a" {
		t.Errorf("holds %s; want the last good", region(w.Catalog()))
	}
	w.Reload() // asked for, it says again what is wrong
	w.fails("is not a known field")
	write(t, path, text("b"))
	w.changesTo("b")
}

func TestWatchFollowsTheLinksOfKubernetes(t *testing.T) {
	dir := t.TempDir()
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, "..version_"+version), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "..version_"+version, "dragoman.yaml"), text(version))
	}
	link("..version_a", "..data")
	link("..data/dragoman.yaml", "dragoman.yaml")
	w := watchFile(t, WatchConfig{Path: filepath.Join(dir, "dragoman.yaml")})

	link("..version_b", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	w.changesTo("b")
	write(t, filepath.Join(dir, "..version_b", "dragoman.yaml"), text("c")) // behind the links
	w.changesTo("c")
}

func TestWatchReadsAtIntervalsWhereNothingIsReported(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(outside, "dragoman.yaml")
	write(t, path, text("a"))
	w := watchFile(t, WatchConfig{Path: path, Interval: 10 * time.Millisecond})
	// A directory that takes the place of the watched one has no watch.
	other := filepath.Join(filepath.Dir(outside), "other")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(other, "dragoman.yaml"), text("b"))
	if err := os.Rename(outside, filepath.Join(filepath.Dir(outside), "old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, outside); err != nil {
		t.Fatal(err)
	}
	for { // between the two renames the file may have been missing
		select {
		case got := <-w.changes:
			if got != "b" {
				t.Errorf("changed to %s", got)
			}
			return
		case err := <-w.errs:
			if !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatal("no change")
		}
	}
}

func TestWatchRefusesToStartWithoutAGoodCatalog(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	write(t, bad, "nonsense: 1\n")
	for path, want := range map[string]string{
		bad:                                   "nonsense: is not a known field",
		filepath.Join(dir, "none.yaml"):       "no such file",
		filepath.Join(dir, "none", "no.yaml"): "no such file",
		dir:                                   "is not a regular file",
	} {
		if _, err := Watch(t.Context(), WatchConfig{Path: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", path, err, want)
		}
	}
}

func TestTheSameContentIsNoChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dragoman.yaml")
	f := watched{path: path}
	step := func(name string, forced bool, changed, failed bool) {
		t.Helper()
		c, err := f.load(forced)
		if (c != nil) != changed || (err != nil) != failed {
			t.Errorf("%s: changed %t, error %v", name, c != nil, err)
		}
	}
	step("no file", false, false, true)
	step("no file still", false, false, false)
	step("no file, but asked for", true, false, true)
	write(t, path, text("a"))
	step("a first catalog", false, true, false)
	step("the same", false, false, false)
	step("the same, asked for", true, false, false)
	write(t, path, "nonsense")
	step("a bad one", false, false, true)
	step("the same bad one", false, false, false)
	step("the same bad one, asked for", true, false, true)
	write(t, path, text("a"))
	step("back to the one in use", false, false, false)
	write(t, path, "nonsense")
	step("bad again", false, false, true)
	write(t, path, text("b"))
	step("another good one", false, true, false)
	write(t, path, strings.Repeat("#", maxSource+10))
	step("one too large", false, false, true)
	if region(f.good) != "b" {
		t.Errorf("the last good is %s", region(f.good))
	}
}

// fakeNotifier keeps what is watched.
type fakeNotifier map[string]bool

func (f fakeNotifier) Add(dir string) error    { f[dir] = true; return nil }
func (f fakeNotifier) Remove(dir string) error { delete(f, dir); return nil }

var _ notifier = fakeNotifier{}

// simulated is a Watcher whose file is real and whose clock and directory are
// the test's. It lives in a synctest bubble.
type simulated struct {
	*Watcher
	t             *testing.T
	events        chan fsnotify.Event
	failures      chan error
	stop          context.CancelFunc
	changes, errs atomic.Int32
}

func simulate(t *testing.T, path string) *simulated {
	t.Helper()
	s := &simulated{t: t, events: make(chan fsnotify.Event), failures: make(chan error)}
	s.Watcher = newWatcher(WatchConfig{
		Path:     path,
		OnChange: func(*Catalog) { s.changes.Add(1) },
		OnError:  func(error) { s.errs.Add(1) },
	}, fakeNotifier{})
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	go func() {
		defer close(s.done)
		s.run(ctx, s.events, s.failures)
	}()
	return s
}

// after lets time pass and then compares what has been said so far.
func (s *simulated) after(d time.Duration, changes, errs int32) {
	s.t.Helper()
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
	if c, e := s.changes.Load(), s.errs.Load(); c != changes || e != errs {
		s.t.Errorf("%d changes and %d errors, want %d and %d", c, e, changes, errs)
	}
}

func TestTheFileIsReadWhenItsDirectoryHasSettled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dragoman.yaml")
	write(t, path, text("a"))
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, path)
		s.events <- fsnotify.Event{}
		s.after(settle-1, 0, 0)
		s.after(1, 1, 0)

		write(t, path, text("b"))
		const gap = settle * 6 / 10 // the pause never ends by itself
		for range maxSettle / gap {
			s.events <- fsnotify.Event{}
			s.after(gap, 1, 0)
		}
		s.events <- fsnotify.Event{}
		s.after(gap, 2, 0)

		write(t, path, text("c"))
		s.events <- fsnotify.Event{}
		s.stop()
		s.Wait()
		s.after(maxSettle, 2, 0)
	})
}

func TestReloadsAndFailuresOfTheNotificationReadTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dragoman.yaml")
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, path)
		write(t, path, text("a"))
		s.Reload()
		s.Reload() // one is enough
		s.after(0, 1, 0)

		write(t, path, text("b"))
		s.failures <- fsnotify.ErrEventOverflow // no failure, but more events than fit
		s.after(settle, 2, 0)

		write(t, path, text("c"))
		s.failures <- errors.New("the disk is on fire")
		s.after(settle, 3, 1)
		s.stop()
		s.Wait()
	})
}

func TestDirectoriesThatLinksNoLongerLeadToAreLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dragoman.yaml")
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	fake := fakeNotifier{}
	w := newWatcher(WatchConfig{Path: path}, fake)
	for _, version := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "c.yaml"), text("a"))
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(version, "c.yaml"), path); err != nil {
			t.Fatal(err)
		}
		w.followLinks()
		if !fake[filepath.Join(resolved, version)] || !fake[dir] {
			t.Errorf("watched: %v", fake)
		}
	}
	if fake[filepath.Join(resolved, "one")] {
		t.Errorf("still watched: %v", fake)
	}
}
