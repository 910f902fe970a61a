// Package sqlite keeps generations in a SQLite file: the default, for one
// machine. The file may hold other tables of other packages.
//
// Promises: what is written survives kill -9 (write-ahead log; a power loss may
// cost the last moments); readers never wait for the writer; the file is this
// user's alone. Refuses: network file systems, on which SQLite's locks do not
// hold, and making a file that OpenExisting was asked to read.
//
// Concurrency: see package rows; writers of one file wait for each other, for
// up to five seconds.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the database driver

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/rows"
	"github.com/dragoman-gateway/dragoman/extproc/private"
)

// Store is gen_records in a SQLite file.
type Store struct{ *rows.Table }

var _ interface {
	generation.Store
	generation.Reader
} = (*Store)(nil)

// ErrNone is the error of OpenExisting where nothing has been recorded yet.
var ErrNone = errors.New("no generations are recorded here")

var dialect = rows.Dialect{
	HasTag:      "EXISTS (SELECT 1 FROM json_each(tags) AS t WHERE t.value = ?)",
	TagArgument: func(tag string) any { return tag },
	EachTag:     " LEFT JOIN json_each(gen_records.tags) AS tag",
	Chunk:       100,
}

// Open opens the file, and makes it and the table where they are missing.
func Open(ctx context.Context, file string) (*Store, error) {
	if err := private.Database(file); err != nil {
		return nil, err
	}
	w, err := open(file, url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(normal)", "temp_store(memory)", "cache_size(-16384)", "wal_autocheckpoint(8000)"}})
	if err != nil {
		return nil, err
	}
	// One connection writes, so that batches queue here and not in SQLite.
	w.SetMaxOpenConns(1)
	for _, statement := range rows.Schema("BLOB", "BOOLEAN", "TEXT") {
		if _, err := w.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", file, err), w.Close())
		}
	}
	r, err := reader(file)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	s := &Store{&rows.Table{Read: r, Write: w, Dialect: dialect}}
	if err := s.Prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", file, err), s.Close())
	}
	return s, nil
}

// OpenExisting opens the file for questions only. It returns ErrNone if there
// is no file or no table in it.
func OpenExisting(ctx context.Context, file string) (*Store, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	} else if err != nil {
		return nil, err
	}
	r, err := reader(file)
	if err != nil {
		return nil, err
	}
	var tables int
	err = r.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'gen_records'").Scan(&tables)
	if err == nil && tables == 0 {
		err = ErrNone
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &Store{&rows.Table{Read: r, Write: r, Dialect: dialect}}, nil
}

// reader can only read, whatever is asked of it.
func reader(file string) (*sql.DB, error) {
	r, err := open(file, url.Values{"_pragma": {"busy_timeout(5000)", "query_only(1)"}})
	if err == nil {
		r.SetMaxOpenConns(4)
	}
	return r, err
}

func open(file string, options url.Values) (*sql.DB, error) {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return db, nil
}
