package cache

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func testShelf(t *testing.T) (Shelf, *bytes.Buffer) {
	t.Helper()
	said := &bytes.Buffer{}
	return Shelf{Dir: filepath.Join(t.TempDir(), "cache"), Kind: "tool", Label: "Tool 1.2", Progress: said}, said
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(path), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		out = append(out, entry.Name())
	}
	return out
}

func TestTheCacheIsTheProjectsInTheUsers(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	user, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := Dir(); err != nil || dir != filepath.Join(user, "dragoman") {
		t.Errorf("%q, %v", dir, err)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if dir, err := Dir(); err == nil {
		t.Errorf("%q for a user without a home", dir)
	}
}

func TestOneAtATimeHoldsTheLock(t *testing.T) {
	shelf, _ := testShelf(t)
	shelf.Progress = nil // it may be
	var inside sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			unlock, err := shelf.Lock(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if !inside.TryLock() {
				t.Error("two hold it")
				return
			}
			write(t, filepath.Join(shelf.Dir, "used"))
			inside.Unlock()
			unlock()
		})
	}
	all.Wait()
}

func TestAWaitIsSaidOnceAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf, said := testShelf(t)
		unlock, err := shelf.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cause := errors.New("no more patience")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*again, cause)
		defer cancel()
		if _, err := shelf.Lock(ctx); !errors.Is(err, cause) || !strings.Contains(err.Error(), "that gets Tool 1.2") {
			t.Errorf("error %v", err)
		}
		if want := "another process is getting Tool 1.2; waiting for it\n"; said.String() != want {
			t.Errorf("said %q", said)
		}
		unlock()
		unlock, err = shelf.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	})
}

func TestTheLockRemovesWhatKilledDownloadsOfItsKindLeft(t *testing.T) {
	shelf, _ := testShelf(t)
	for _, name := range []string{"tool-staging-1", "tool-staging-2", "other-staging-1", "tool-1.2"} {
		write(t, filepath.Join(shelf.Dir, name, "half"))
	}
	unlock, err := shelf.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if diff := cmp.Diff([]string{"other-staging-1", "tool-1.2", "tool.lock"}, names(t, shelf.Dir)); diff != "" {
		t.Error(diff)
	}
}

func TestADirectoryThatCannotBeMadeIsNamed(t *testing.T) {
	shelf, _ := testShelf(t)
	write(t, shelf.Dir)
	if _, err := shelf.Lock(t.Context()); err == nil || !strings.Contains(err.Error(), "no directory to keep Tool 1.2 in: ") {
		t.Errorf("error %v", err)
	}
}

func TestWhatWasMadeReplacesWhatWasThere(t *testing.T) {
	shelf, said := testShelf(t)
	unlock, err := shelf.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	place := filepath.Join(shelf.Dir, "tool-1.2", "all")
	for _, file := range []string{"old", "new"} {
		if err := shelf.Install(place, func(staging string) (string, error) {
			write(t, filepath.Join(staging, "archive"))
			write(t, filepath.Join(staging, "made", file))
			return filepath.Join(staging, "made"), nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{file}, names(t, place)); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]string{"tool-1.2", "tool.lock"}, names(t, shelf.Dir)); diff != "" {
		t.Error(diff)
	}
	if want := strings.Repeat("Tool 1.2 ready in 1 s\n", 2); said.String() != want {
		t.Errorf("said %q", said)
	}
}

func TestAFailureLeavesWhatWasThere(t *testing.T) {
	shelf, said := testShelf(t)
	place := filepath.Join(shelf.Dir, "tool")
	write(t, place)
	failure := errors.New("it does not run")
	if err := shelf.Install(place, func(staging string) (string, error) {
		write(t, filepath.Join(staging, "tool"))
		return filepath.Join(staging, "tool"), failure
	}); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(place); err != nil || string(text) != place {
		t.Errorf("%q, %v", text, err)
	}
	if diff := cmp.Diff([]string{"tool"}, names(t, shelf.Dir)); diff != "" || said.Len() > 0 {
		t.Errorf("%s, said %q", diff, said)
	}
}
