package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
	"github.com/dragoman-gateway/dragoman/extproc/generation/postgres"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/postgrestest"
)

func open(t testing.TB, dsn string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn)
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

func TestPostgreSQLKeepsTheContract(t *testing.T) {
	began := time.Now()
	server := postgrestest.Start(t)
	t.Logf("a server after %.1f s", time.Since(began).Seconds())
	generationtest.Contract(t, func(t *testing.T) generationtest.Store {
		t.Helper()
		return open(t, server.Database(t))
	})
	t.Run("processes that start at once make one table", func(t *testing.T) { startTogether(t, server.Database(t)) })
	t.Run("a process that reads makes no table", func(t *testing.T) { readOnly(t, server.Database(t)) })
}

func startTogether(t *testing.T, dsn string) {
	t.Helper()
	const processes = 8
	var wait sync.WaitGroup
	for range processes {
		wait.Go(func() {
			s, err := postgres.Open(t.Context(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			// All of them write the same: a fleet whose members recover one journal's
			// exchanges. Their orders differ.
			records := generationtest.Some(1, 300)
			for i := range 3 {
				if err := s.Insert(t.Context(), append(records[i*100:len(records):len(records)], records[:i*100]...)); err != nil {
					t.Error(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	total, err := generation.Total(t.Context(), open(t, dsn), generation.Filter{View: generation.View{All: true}})
	if err != nil || total.Requests != 300 {
		t.Errorf("%d records, %v", total.Requests, err)
	}
}

func readOnly(t *testing.T, dsn string) {
	t.Helper()
	s, err := postgres.OpenExisting(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_, err = s.List(t.Context(), generation.Filter{}, generation.Page{})
	if !postgres.IsNone(err) {
		t.Errorf("a database without a table: %v", err)
	}
	if postgres.IsNone(nil) || postgres.IsNone(context.Canceled) {
		t.Error("other errors are taken for a missing table")
	}
}

func TestNoErrorShowsThePassword(t *testing.T) {
	const canary = "hunter2canary"
	for _, dsn := range []string{
		"postgres://user:" + canary + "@127.0.0.1:1/db?connect_timeout=2",
		"postgres://user:" + canary + "@127.0.0.1:notaport/db",
		"host=127.0.0.1 port=1 password=" + canary + " sslmode=nonsense",
		canary,
		"://" + canary,
	} {
		s, err := postgres.Open(t.Context(), dsn)
		if err == nil {
			_ = s.Close()
			t.Errorf("%d bytes of DSN are taken for a database that answers", len(dsn))
			continue
		}
		if strings.Contains(err.Error(), canary) {
			t.Error("the password stands in an error")
		}
	}
}

// A batch of the Writer's size at a time; the figure is records a second.
func BenchmarkInsert(b *testing.B) {
	s := open(b, postgrestest.Start(b).Database(b))
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
