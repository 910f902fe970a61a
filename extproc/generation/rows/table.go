package rows

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// Table is gen_records in a database.
type Table struct {
	// Read and Write may be the same.
	Read, Write *sql.DB
	Dialect     Dialect
	inserts     map[int]*sql.Stmt // by number of records; empty: not prepared
}

// Dialect is how a database's SQL differs.
type Dialect struct {
	// Numbered writes arguments as $1, $2 instead of question marks.
	Numbered bool
	// HasTag is the condition that the JSON array tags has the tag of its one
	// argument, TagArgument makes that argument, and EachTag joins the table
	// with its tags, one row each and one of NULL if there is none, as tag.value.
	HasTag      string
	TagArgument func(tag string) any
	EachTag     string
	// Chunk is how many records one INSERT takes.
	Chunk int
}

// columns of the table: those that questions look at, and the whole record.
var columns = []string{
	"id", "started", "key_name", "key_id", "tenant", "end_user", "tags", "model", "provider", "own", "status", "error",
	"cost", "market", "priced", "estimated", "input", "output", "cache_read", "cache_write", "reasoning", "weight", "record",
}

// Schema makes the table and its indexes where they are missing. The words are
// binary and boolean types and the type of JSON arrays, in the database's own.
func Schema(binary, boolean, array string) []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS gen_records (
	id ` + binary + ` NOT NULL PRIMARY KEY, -- 16 bytes
	started BIGINT NOT NULL, -- nanoseconds since 1970
	key_name TEXT NOT NULL, key_id TEXT NOT NULL, tenant TEXT NOT NULL, end_user TEXT NOT NULL, tags ` + array + ` NOT NULL,
	model TEXT NOT NULL, provider TEXT NOT NULL, own ` + boolean + ` NOT NULL, status INTEGER NOT NULL, error TEXT NOT NULL,
	cost BIGINT NOT NULL, market BIGINT NOT NULL, -- nano-dollars
	priced ` + boolean + ` NOT NULL, estimated ` + boolean + ` NOT NULL,
	input BIGINT NOT NULL, output BIGINT NOT NULL, cache_read BIGINT NOT NULL, cache_write BIGINT NOT NULL, reasoning BIGINT NOT NULL,
	weight INTEGER NOT NULL, -- generation.Record.Weight
	record TEXT NOT NULL -- the whole, as JSON
)`,
		`CREATE INDEX IF NOT EXISTS gen_records_started ON gen_records (started)`,
		`CREATE INDEX IF NOT EXISTS gen_records_key ON gen_records (key_name, started)`,
		`CREATE INDEX IF NOT EXISTS gen_records_tenant ON gen_records (tenant, started)`,
	}
}

func values(r *generation.Record) ([]any, error) {
	record, err := r.MarshalJSON() // json.Marshal would read it all again
	if err != nil {
		return nil, err
	}
	tags, err := json.Marshal(append([]string{}, r.Tags...))
	if err != nil {
		return nil, err
	}
	u := &r.Usage
	return []any{
		r.ID[:], r.Started.UnixNano(), r.Key, r.KeyID, r.Tenant, r.User, string(tags), r.ServedModel(), r.LastProvider(), r.Own(), r.Status, r.Error,
		int64(r.Cost), int64(r.Market), r.Priced, r.Estimated, int64(u.Input.Or(0)), int64(u.Output.Or(0)), int64(u.CacheRead.Or(0)),
		int64(u.CacheWrite.Or(0)), int64(u.Reasoning.Or(0)), r.Weight(), string(record),
	}, nil
}

// insert is the statement that writes n records.
func (t *Table) insert(n int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",") + ")"
	var set []string
	for _, c := range columns[1:] {
		set = append(set, c+" = excluded."+c)
	}
	return t.text("INSERT INTO gen_records (" + strings.Join(columns, ", ") + ") VALUES " +
		strings.TrimSuffix(strings.Repeat(row+",", n), ",") +
		" ON CONFLICT (id) DO UPDATE SET " + strings.Join(set, ", ") + " WHERE excluded.weight > gen_records.weight")
}

// sizes are how many records one statement writes: three, so that a database
// that remembers statements remembers three.
func (t *Table) sizes() []int { return []int{t.Dialect.Chunk, 10, 1} }

// Prepare lets Insert use statements prepared ahead, for a driver that does not
// remember them: to parse them each time is a tenth of the work. Before use.
func (t *Table) Prepare(ctx context.Context) error {
	t.inserts = make(map[int]*sql.Stmt)
	for _, size := range t.sizes() {
		prepared, err := t.Write.PrepareContext(ctx, t.insert(size))
		if err != nil {
			return err
		}
		t.inserts[size] = prepared
	}
	return nil
}

// inserter runs the statement that writes that many records.
func (t *Table) inserter(ctx context.Context, tx *sql.Tx, size int) func(args []any) error {
	if prepared := t.inserts[size]; prepared != nil {
		prepared = tx.StmtContext(ctx, prepared) // the transaction closes it
		return func(args []any) error {
			_, err := prepared.ExecContext(ctx, args...)
			return err
		}
	}
	statement := t.insert(size)
	return func(args []any) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	}
}

// Insert writes records, each with an id of its own, in one transaction. One
// that is there already stays unless the new one says more.
func (t *Table) Insert(ctx context.Context, records []*generation.Record) error {
	// All processes take their locks in one order, so that none waits for
	// another in a circle.
	records = slices.SortedFunc(slices.Values(records), func(a, b *generation.Record) int { return slices.Compare(a.ID[:], b.ID[:]) })
	tx, err := t.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for _, size := range t.sizes() {
		write := t.inserter(ctx, tx, size)
		for ; len(records) >= size; records = records[size:] {
			args := make([]any, 0, size*len(columns))
			for _, r := range records[:size] {
				of, err := values(r)
				if err != nil {
					return err
				}
				args = append(args, of...)
			}
			if err := write(args); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// Expire deletes records that began before a time, the oldest first and at most
// that many, and tells how many there were.
func (t *Table) Expire(ctx context.Context, before time.Time, most int) (int, error) {
	done, err := t.Write.ExecContext(ctx, t.text(
		"DELETE FROM gen_records WHERE id IN (SELECT id FROM gen_records WHERE started < ? ORDER BY started LIMIT ?)"), before.UnixNano(), most)
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	return int(n), err
}

// Get finds a record.
func (t *Table) Get(ctx context.Context, id generation.ID, v generation.View) (*generation.Record, error) {
	var q conditions
	q.add("id = ?", id[:])
	q.view(v)
	var record string
	switch err := t.Read.QueryRowContext(ctx, t.text("SELECT record FROM gen_records"+q.where()), q.args...).Scan(&record); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, generation.ErrNotFound
	case err != nil:
		return nil, err
	}
	return decode(record)
}

// List gives a page of records.
func (t *Table) List(ctx context.Context, f generation.Filter, p generation.Page) ([]*generation.Record, error) {
	q := t.filter(f)
	if p.After != (generation.Position{}) {
		at := p.After.Started.UnixNano()
		q.add("(started < ? OR started = ? AND id < ?)", at, at, p.After.ID[:])
		q.add("started <= ?", at) // for the index: none reads the or
	}
	limit := min(p.Limit, generation.MaxPage)
	if limit <= 0 {
		limit = 100
	}
	found, err := t.Read.QueryContext(ctx, t.text("SELECT record FROM gen_records"+q.where()+" ORDER BY started DESC, id DESC LIMIT ?"), append(q.args, limit)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // Err has told what there is to tell
	list := []*generation.Record{}
	for found.Next() {
		var record string
		if err := found.Scan(&record); err != nil {
			return nil, err
		}
		r, err := decode(record)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, found.Err()
}

func decode(record string) (*generation.Record, error) {
	r := &generation.Record{}
	if err := json.Unmarshal([]byte(record), r); err != nil {
		return nil, fmt.Errorf("a record that this version cannot read: %w", err)
	}
	return r, nil
}

// Close closes the database.
func (t *Table) Close() error {
	if t.Write == nil || t.Write == t.Read {
		return t.Read.Close()
	}
	return errors.Join(t.Read.Close(), t.Write.Close())
}
