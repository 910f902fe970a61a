package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/generation/sqlite"
)

// With store.redis nobody else has made the file before.
func TestTheFileIsItsOwnersAloneWhoeverMadeIt(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	file := filepath.Join(t.TempDir(), "dragoman.db")
	check := func(when string) {
		t.Helper()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(file + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o600 {
				t.Errorf("%s: %s has mode %o", when, filepath.Base(file)+suffix, mode)
			}
		}
	}
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	check("new")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(file+suffix, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	again, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	check("left open by another")
	for _, one := range []*sqlite.Store{s, again} {
		if err := one.Close(); err != nil {
			t.Error(err)
		}
	}
}
