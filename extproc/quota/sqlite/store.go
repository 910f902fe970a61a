package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the database driver

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// Options of a Store.
type Options struct {
	// Now is the store's clock, by which windows begin; nil is the machine's.
	// Processes that share a file share a clock.
	Now func() time.Time
	// LeaseLife is how long an owner that is not seen keeps its leases; 0 is
	// five minutes.
	LeaseLife time.Duration
}

// Store is quota.Store in a SQLite file.
type Store struct {
	path  string
	now   func() time.Time
	life  time.Duration
	write *sql.DB // of one connection: writers queue here, where contexts end waits at once
	read  *sql.DB
	// Prepared; immutable.
	statements [numStatements]*sql.Stmt
	standing   *sql.Stmt
}

var _ quota.Store = (*Store)(nil)

// Open opens the file, and makes it and the tables where they are missing.
func Open(path string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LeaseLife <= 0 {
		o.LeaseLife = quota.LeaseLife
	}
	// SQLite gives its other files the mode of this one.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("quota store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("quota store: %w", err)
	}
	s := &Store{path: path, now: o.Now, life: o.LeaseLife}
	if err := s.connect(context.Background()); err != nil { // bounded by busy_timeout
		return nil, errors.Join(fmt.Errorf("quota store %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Store) connect(ctx context.Context) error {
	var err error
	s.write, err = sql.Open("sqlite", name(s.path, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(normal)"},
	}))
	if err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := s.makeTables(ctx); err != nil {
		return err
	}
	for i, text := range texts {
		if s.statements[i], err = s.write.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	s.read, err = sql.Open("sqlite", name(s.path, url.Values{"_pragma": {"busy_timeout(5000)", "query_only(1)"}}))
	if err != nil {
		return err
	}
	s.read.SetMaxOpenConns(2)
	s.standing, err = s.read.PrepareContext(ctx, standingText)
	return err
}

// makeTables is one transaction: processes that start together wait for each
// other.
func (s *Store) makeTables(ctx context.Context) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, statement := range schema {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// name is the driver's for a file of any name.
func name(path string, options url.Values) string {
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}
	return file.String()
}

// Close closes the file. Calls under way fail or finish first.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Standing implements quota.Store; all counts are of one moment. What owners
// hold whose leases have ended is not counted, though nobody has called since.
func (s *Store) Standing(ctx context.Context, of []quota.AccountPeriod) ([]quota.Standing, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.failed("standing", err)
	}
	dead := s.now().Add(-s.life).UnixNano()
	query := tx.StmtContext(ctx, s.standing)
	out := make([]quota.Standing, len(of))
	for i := range of {
		err := query.QueryRowContext(ctx, dead, of[i].Account[:], int64(of[i].Period)).Scan(&out[i].Used, &out[i].Leased)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, errors.Join(s.failed("standing", err), tx.Rollback())
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, s.failed("standing", err)
	}
	return out, nil
}

func (s *Store) failed(what string, err error) error {
	return fmt.Errorf("quota store %s: %s: %w", s.path, what, err)
}
