// Package cache keeps the programs that the project downloads, each once for
// all processes of a user.
//
// Promises: one process at a time gets a program, the others wait for it and
// may stop waiting; the lock ends with its process, however that ends, so a
// killed download blocks nobody, and what it left goes with the next lock; a
// program is made beside its place and renamed into it, whole or not at all.
//
// Refuses: to know where a program comes from and whether it is good; those
// who put it here ask it, before they install it and when they find it.
//
// Concurrency: a Shelf is a value. Its lock excludes goroutines of one process
// as it excludes processes. Whoever runs a program needs no lock.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// again is how often a lock that another process has is tried.
const again = 50 * time.Millisecond

// Dir is the project's cache: "dragoman" in the user's cache directory. It
// need not exist. The error is that of os.UserCacheDir.
func Dir() (string, error) {
	user, err := os.UserCacheDir()
	return filepath.Join(user, "dragoman"), err
}

// Shelf is where one program is kept.
type Shelf struct {
	// Dir is the cache; Lock makes it.
	Dir string
	// Kind begins the names of the lock and of unfinished downloads in Dir.
	Kind string
	// Label is what the program is called in lines and errors.
	Label string
	// Progress gets one human line per long step; nil discards them.
	Progress io.Writer
}

// Lock waits until no other process gets the program, and removes what killed
// downloads have left. The error of a wait that ctx ends wraps ctx's cause.
func (s Shelf) Lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("no directory to keep %s in: %w", s.Label, err)
	}
	file, err := os.OpenFile(filepath.Join(s.Dir, s.Kind+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the cache: %w", err)
	}
	if err = s.wait(ctx, file); err == nil {
		err = s.sweep()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil // closing unlocks
}

// wait polls for the lock: a call that blocks in the kernel would not end with
// ctx.
func (s Shelf) wait(ctx context.Context, file *os.File) error {
	tick := time.NewTicker(again)
	defer tick.Stop()
	for waited := false; ; waited = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("locking the cache %s: %w", file.Name(), err)
		}
		if !waited {
			s.Say("another process is getting %s; waiting for it", s.Label)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for another process that gets %s: %w", s.Label, context.Cause(ctx))
		}
	}
}

func (s Shelf) staging() string { return s.Kind + "-staging-" }

// sweep is for the holder of the lock: nobody's live download is among what it
// removes.
func (s Shelf) sweep() error {
	entries, err := os.ReadDir(s.Dir)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), s.staging()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.Dir, entry.Name())))
		}
	}
	return err
}

// Install lets get make the program, a file or a directory, in a staging
// directory of its own, and renames what get has made, and found good, to
// place, which is in Dir or below it. What was there is replaced. The caller
// holds the lock.
func (s Shelf) Install(place string, get func(staging string) (made string, err error)) error {
	start := time.Now()
	staging, err := os.MkdirTemp(s.Dir, s.staging())
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(staging) }() // the next lock takes what stays
	made, err := get(staging)
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o700), os.RemoveAll(place)); err != nil {
		return err
	}
	if err := os.Rename(made, place); err != nil {
		return err
	}
	s.Say("%s ready in %.0f s", s.Label, max(1, time.Since(start).Seconds()))
	return nil
}

// Say prints one line of progress. A writer that fails stops nothing.
func (s Shelf) Say(format string, args ...any) {
	if s.Progress != nil {
		_, _ = fmt.Fprintf(s.Progress, format+"\n", args...)
	}
}
