package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
	"github.com/dragoman-gateway/dragoman/extproc/generation/sqlite"
)

func open(t testing.TB, file string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), file)
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

func TestSQLiteKeepsTheContract(t *testing.T) {
	generationtest.Contract(t, func(t *testing.T) generationtest.Store {
		t.Helper()
		return open(t, filepath.Join(t.TempDir(), "odd name ?#%41.db"))
	})
}

func TestWhereNothingWasRecordedNothingIsMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dragoman.db")
	if _, err := sqlite.OpenExisting(t.Context(), file); !errors.Is(err, sqlite.ErrNone) {
		t.Errorf("no file: %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE quota_other (id INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.OpenExisting(t.Context(), file); !errors.Is(err, sqlite.ErrNone) {
		t.Errorf("a file of others: %v", err)
	}
}

func TestAReaderSeesWhatTheGatewayWritesAndWritesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dragoman.db")
	gateway := open(t, file)
	reader, err := sqlite.OpenExisting(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	want := generationtest.Full()
	if err := gateway.Insert(t.Context(), []*generation.Record{want}); err != nil {
		t.Fatal(err)
	}
	if got, err := reader.Get(t.Context(), want.ID, generation.View{All: true}); err != nil || got.ID != want.ID {
		t.Errorf("%+v, %v", got, err)
	}
	if err := reader.Insert(t.Context(), generationtest.Some(1, 1)); err == nil {
		t.Error("a reader has written")
	}
}

func TestWhatAProgramLeftIsThereWhenItOpensAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dragoman.db")
	first, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Insert(t.Context(), generationtest.Some(1, 123)); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	total, err := generation.Total(t.Context(), open(t, file), generation.Filter{View: generation.View{All: true}})
	if err != nil || total.Requests != 123 {
		t.Errorf("%d records, %v", total.Requests, err)
	}
}

func TestAFileThatIsNoDatabaseIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dragoman.db")
	if err := os.WriteFile(file, []byte("this is a text of more than a hundred bytes, so that nobody takes it for an empty database: it has no header at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(t.Context(), file); err == nil {
		_ = s.Close()
		t.Error("a text file is taken for a database")
	}
}

// A batch of the Writer's size at a time; the figure is records a second.
func BenchmarkInsert(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "dragoman.db"))
	benchmarkInsert(b, s)
}

func benchmarkInsert(b *testing.B, s generation.Store) {
	b.Helper()
	const batch = 500
	n := 0
	for b.Loop() {
		b.StopTimer()
		records := generationtest.Some(uint64(n)+1, batch)
		b.StartTimer()
		if err := s.Insert(b.Context(), records); err != nil {
			b.Fatal(err)
		}
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
