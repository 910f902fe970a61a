package extproc

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// The codes of SQLite for a file that is none of its, or no longer sound.
const (
	sqliteCorrupt = 11
	sqliteNotADB  = 26
)

// lost is what a state directory's file takes with it.
var lost = map[string]string{
	DatabaseFile: "keys, tenants, budgets and records begin anew",
	QuotaFile:    "what was spent in this period is forgotten",
}

// Damaged adds to an error of a database what to do about its file, if that is
// what is wrong.
func Damaged(path string, err error) error {
	var coded interface {
		error
		Code() int
	}
	if !errors.As(err, &coded) {
		return err
	}
	if code := coded.Code() & 0xff; code != sqliteCorrupt && code != sqliteNotADB {
		return err
	}
	if !strings.Contains(err.Error(), path) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return fmt.Errorf("%w; it is damaged: put a backup in its place, or move it and its -wal and -shm away, and %s", err, lost[filepath.Base(path)])
}
