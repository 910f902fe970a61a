// Package sqlite keeps a directory in an SQLite file in the state directory.
//
// Promises: a write is on the disk when it returns; other processes on the same
// file learn of it within a quarter of a second. The file is this user's alone.
// Its tables begin with dir_, so that other packages may keep theirs in it.
//
// Refuses: network file systems, on which SQLite's locks and its shared memory
// do not work; string-built SQL.
//
// Concurrency: everything may be called from any goroutine and any number of
// processes; writes wait for each other up to five seconds.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/private"
)

const (
	// pageSize is how many records one reading gives.
	pageSize = 10_000
	// pollEvery is how often another process's writes are looked for.
	pollEvery = 250 * time.Millisecond
)

// Options say how a store works. The zero Options do.
type Options struct {
	Now func() time.Time // of tombstones; nil = time.Now
}

// Store is a directory.Store.
type Store struct {
	db  *sql.DB
	now func() time.Time
}

var _ directory.Store = (*Store)(nil)

// Open opens or makes the file. Close ends the store.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the directory's file: %w", err)
	}
	if err := private.Database(path); err != nil {
		return nil, fmt.Errorf("the directory's file: %w", err)
	}
	pragmas := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: pragmas.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, fmt.Errorf("the directory's file: %w", err)
	}
	s := &Store{db: db, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return s, nil
}

// begin makes what is not there. Reading comes first: a process that only
// opens the file waits for nobody's write.
func (s *Store) begin(ctx context.Context) error {
	var epoch string
	var version, horizon uint64
	if s.db.QueryRowContext(ctx, readState).Scan(&epoch, &version, &horizon) == nil {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, beginState, rand.Text())
		return err
	})
}

// Close ends the store.
func (s *Store) Close() error { return s.db.Close() }

// write makes one transaction, which takes the file's write lock as it begins.
func (s *Store) write(ctx context.Context, what func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := what(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Write is directory.Records'.
func (s *Store) Write(ctx context.Context, changes []directory.Change) error {
	if n := len(changes); n == 0 || n > directory.MaxBatch {
		return fmt.Errorf("%d changes at once; write 1 to %d", n, directory.MaxBatch)
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		b, err := s.newBatch(ctx, tx)
		if err != nil {
			return err
		}
		var last uint64
		for _, c := range changes {
			if last, err = b.apply(ctx, c); err != nil {
				return errors.Join(err, b.close())
			}
		}
		if err := b.close(); err != nil {
			return err
		}
		if last > directory.TrailLength {
			if _, err := tx.ExecContext(ctx, dropEvents, last-directory.TrailLength); err != nil {
				return err
			}
		}
		return s.dropGraves(ctx, tx)
	})
	if errors.Is(err, errRepeated) {
		return nil
	}
	return err
}

// errRepeated ends a batch that was applied before. Batches are applied whole or
// not at all: one change that is found tells of all.
var errRepeated = errors.New("the change has been made")

// batch is the changes of one transaction. Its statements are compiled once.
type batch struct {
	now                                     time.Time
	read, next, record, event, made, forget *sql.Stmt
}

func (s *Store) newBatch(ctx context.Context, tx *sql.Tx) (*batch, error) {
	b := &batch{now: s.now()}
	for text, into := range map[string]**sql.Stmt{
		readVersion: &b.read, nextVersion: &b.next, writeRecord: &b.record, writeEvent: &b.event, readEvent: &b.made, dropUse: &b.forget,
	} {
		var err error
		if *into, err = tx.PrepareContext(ctx, text); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	return b, nil
}

func (b *batch) close() (err error) {
	for _, statement := range []*sql.Stmt{b.read, b.next, b.record, b.event, b.made, b.forget} {
		if statement != nil {
			err = errors.Join(err, statement.Close())
		}
	}
	return err
}

// expected tells whether the record has the version that the change replaces.
// The error is errRepeated if this very change has replaced it.
func (b *batch) expected(ctx context.Context, c *directory.Change) error {
	var version uint64
	var deleted int64
	r := &c.Record
	err := b.read.QueryRowContext(ctx, r.Kind, r.Name).Scan(&version, &deleted)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	case version == r.Version && deleted == 0, deleted > 0 && r.Version == 0:
		return nil
	}
	made, err := changeOf(b.made.QueryRowContext(ctx, version))
	switch {
	case err != nil:
		return err
	case made != "" && made == c.Event.ID:
		return errRepeated
	}
	return directory.Conflict(*r)
}

func (b *batch) apply(ctx context.Context, c directory.Change) (version uint64, err error) {
	r := c.Record
	if err := b.expected(ctx, &c); err != nil {
		return 0, err
	}
	if err := b.next.QueryRowContext(ctx).Scan(&version); err != nil {
		return 0, err
	}
	data, deleted := r.Data, int64(0)
	if r.Deleted {
		data, deleted = nil, b.now.Unix()
	}
	if data == nil {
		data = []byte{} // nil would be NULL
	}
	if _, err := b.record.ExecContext(ctx, r.Kind, r.Name, version, deleted, data); err != nil {
		return 0, err
	}
	c.Event.Seq = version
	event, err := json.Marshal(c.Event)
	if err != nil {
		return 0, err
	}
	if _, err := b.event.ExecContext(ctx, version, event); err != nil {
		return 0, err
	}
	if c.Forget != "" {
		_, err = b.forget.ExecContext(ctx, c.Forget)
	}
	return version, err
}

func (s *Store) dropGraves(ctx context.Context, tx *sql.Tx) error {
	before := s.now().Add(-directory.TombstoneLife).Unix()
	if _, err := tx.ExecContext(ctx, moveHorizon, before); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, dropGraves, before)
	return err
}
