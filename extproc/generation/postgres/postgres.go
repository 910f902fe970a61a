// Package postgres keeps generations in PostgreSQL (12 or later): for fleets,
// whose processes all write to one database.
//
// Promises: the table is made on start, by one process at a time; errors never
// show the password. Refuses: replicas that cannot write, other than for
// questions.
//
// Concurrency: see package rows; any number of processes write.
package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/rows"
)

// Store is gen_records in a PostgreSQL database.
type Store struct{ *rows.Table }

var _ interface {
	generation.Store
	generation.Reader
} = (*Store)(nil)

var dialect = rows.Dialect{
	Numbered:    true,
	HasTag:      "tags @> CAST(? AS jsonb)",
	TagArgument: array,
	EachTag:     " LEFT JOIN LATERAL jsonb_array_elements_text(tags) AS tag(value) ON true",
	Chunk:       250,
}

// schemaLock is the advisory lock under which processes make the table:
// "dragoman" in ASCII.
const schemaLock int64 = 0x647261676f6d616e

// Connections of one process. The writer needs one; the rest is for questions.
const connections = 8

// Open connects to the database of a URL (postgres://user:password@host/name)
// and makes the table where it is missing.
func Open(ctx context.Context, dsn string) (*Store, error) {
	s, err := OpenExisting(dsn)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the database of generations: %w", err), s.Close())
	}
	return s, nil
}

// OpenExisting prepares for questions only; it does not connect yet.
func OpenExisting(dsn string) (*Store, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// pgx's own error repeats the URL without its password, but what is not
		// a URL may be all password.
		return nil, errors.New("the database of generations: not a PostgreSQL URL such as postgres://user:password@host:5432/name")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "dragoman"
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(time.Minute)
	return &Store{&rows.Table{Read: db, Write: db, Dialect: dialect}}, nil
}

// migrate makes the table. CREATE TABLE IF NOT EXISTS alone fails where two
// processes do it at once.
func (s *Store) migrate(ctx context.Context) error {
	tx, err := s.Write.BeginTx(ctx, &sql.TxOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", schemaLock); err != nil {
		return err
	}
	for _, statement := range rows.Schema("BYTEA", "BOOLEAN", "JSONB") {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// array is the JSON array of one text.
func array(text string) any {
	one, err := json.Marshal([]string{text})
	if err != nil {
		return "[]" // no text fails to marshal
	}
	return string(one)
}

// IsNone tells whether an error of a question means that nothing has been
// recorded in this database yet: there is no table.
func IsNone(err error) bool {
	const undefinedTable = "42P01" // PostgreSQL's appendix A
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == undefinedTable
}
