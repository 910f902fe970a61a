// Package private makes files and directories that are their owner's alone, as
// all that a gateway keeps must be: it says who asked what, and may hold what was
// asked.
//
// Promises: whatever the umask, a file that File returns without an error for has
// no rights for group and others; what was open is closed, or told. Refuses:
// closing a directory that other programs seem to use, and one into which anybody
// may put files.
//
// Concurrency: everything may be called from any goroutine and process.
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// others are the rights of everybody but the owner.
const others fs.FileMode = 0o077

// File makes a file if there is none, and closes one that is open to others. It
// changes nothing of what is in it.
func File(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return Tighten(path)
}

// Database is File for a database of SQLite's, and closes what a former process
// has left beside it. To files that it makes itself SQLite gives the mode of this
// one.
func Database(path string) error {
	if err := File(path); err != nil {
		return err
	}
	return errors.Join(Tighten(path+"-wal"), Tighten(path+"-shm"))
}

// Tighten closes a file that is open to others. That there is none is no error.
func Tighten(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Perm()&others == 0:
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("others may read %s: %w; run chmod 600 on it", path, err)
	}
	return nil
}

// Openness is what others could do with a directory, and whether they still can.
type Openness struct {
	Was    fs.FileMode // 0: nothing
	Closed bool
}

// Dir makes a directory if there is none, and closes one that is open to others
// and holds nothing but files. One that other programs seem to use, or that is
// another user's, stays as it is (a mounted volume, whose group is this process's
// own); it is an error if anybody may write to it.
func Dir(path string) (o Openness, err error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return o, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return o, err
	}
	if o.Was = info.Mode().Perm(); o.Was&others == 0 {
		return Openness{}, nil
	}
	shared, err := isShared(path, info)
	if err != nil {
		return o, err
	}
	if !shared {
		err = os.Chmod(path, 0o700) //nolint:gosec // a directory needs its x
		o.Closed = err == nil
	}
	const anybodyWrites = 0o002
	if !o.Closed && o.Was&anybodyWrites != 0 {
		return o, fmt.Errorf("anybody may put files into %s; run chmod 700 on it, or name a directory below it, which is then made for this user alone", path)
	}
	return o, nil
}

// isShared tells whether a directory serves others: where anybody may put files,
// or where there are directories, as in a home or below /var.
func isShared(path string, info fs.FileInfo) (bool, error) {
	if info.Mode()&fs.ModeSticky != 0 {
		return true, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, err
	}
	for _, one := range entries {
		if one.IsDir() {
			return true, nil
		}
	}
	return false, nil
}
