package directory_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/directory/sqlite"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// leaving is a store that can be away.
type leaving struct {
	directory.Store
	away atomic.Bool
}

func (l *leaving) Since(ctx context.Context, after directory.Point) (directory.Delta, error) {
	if l.away.Load() {
		return directory.Delta{}, errors.New("connection refused")
	}
	return l.Store.Since(ctx, after)
}

func TestAPatientDirectoryBeginsWithoutItsStore(t *testing.T) {
	s := begin(t)
	if _, _, err := s.CreateKey(t.Context(), by, catalog.Key{Name: "early"}); err != nil {
		t.Fatal(err)
	}
	file, err := sqlite.Open(t.Context(), s.path, sqlite.Options{Now: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // only read
	store := &leaving{Store: file}
	store.away.Store(true)
	config := directory.Config{Store: store, Now: s.clock, Logger: slog.New(slog.DiscardHandler)}
	if _, err := directory.Open(t.Context(), config); err == nil {
		t.Error("a directory without patience opened without its store")
	}
	known := make(chan int, 8)
	config.Patient, config.OnChange = true, func(now *directory.Snapshot) { known <- len(now.Keys) }
	d, err := directory.Open(t.Context(), config)
	if err != nil || d.Current().Loaded() || len(d.Current().Keys) != 0 {
		t.Fatalf("loaded %t, %d keys, %v", d.Current().Loaded(), len(d.Current().Keys), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	store.away.Store(false)
	select {
	case n := <-known:
		if n != 1 || !d.Current().Loaded() {
			t.Errorf("%d keys, loaded %t", n, d.Current().Loaded())
		}
	case <-ctx.Done():
		t.Error("the store came back, and nobody noticed")
	}
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAnEmptyStoreIsKnownToBeEmptyOnceItIsRead(t *testing.T) {
	t.Parallel()
	s := begin(t)
	if !s.Current().Loaded() {
		t.Error("a directory that has read its store does not say so")
	}
	store := &leaving{Store: s.store}
	store.away.Store(true)
	told := make(chan bool, 8)
	d, err := directory.Open(t.Context(), directory.Config{
		Store: store, Now: s.clock, Logger: slog.New(slog.DiscardHandler), Patient: true,
		OnChange: func(now *directory.Snapshot) { told <- now.Loaded() },
	})
	if err != nil || d.Current().Loaded() {
		t.Fatalf("loaded %t, %v", d.Current().Loaded(), err)
	}
	store.away.Store(false)
	for range 2 { // the second finds nothing new
		if _, err := d.ListTenants(t.Context(), "", 0); err != nil {
			t.Fatal(err)
		}
	}
	close(told)
	if loaded, ok := <-told; !ok || !loaded || !d.Current().Loaded() {
		t.Errorf("told %t, loaded %t", ok, loaded)
	}
	if _, more := <-told; more {
		t.Error("told twice")
	}
}
