package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/directory/directorytest"
	"github.com/dragoman-gateway/dragoman/extproc/directory/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type file string

func (f file) Open(t *testing.T, now directorytest.Clock) directory.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), string(f), sqlite.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTheStoreKeepsTheContract(t *testing.T) {
	directorytest.Contract(t, func(t *testing.T) directorytest.Place {
		t.Helper()
		return file(filepath.Join(t.TempDir(), "odd %41 name?#.db"))
	})
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	s := file(filepath.Join(dir, "dragoman.db")).Open(t, nil)
	if err := s.Write(t.Context(), []directory.Change{{Record: directory.Record{Kind: directory.KindTenant, Name: "a"}}}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 2 {
		t.Fatalf("%v %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestWhatIsNoDatabaseIsRefusedByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dragoman.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), "dragoman.db") {
		t.Errorf("%v", err)
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(path, "x.db"), sqlite.Options{}); err == nil {
		t.Error("a path through a file is opened")
	}
}
