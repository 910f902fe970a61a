package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
)

// Follow is directory.Records'. It looks at data_version, which costs no
// transaction and changes with every commit of any other connection, and asks
// for the directory's version only then: others write to the file all the time.
func (s *Store) Follow(ctx context.Context, changed func()) error {
	w := watch{store: s}
	defer w.drop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if w.look(ctx) {
			changed()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// watch belongs to one Follow.
type watch struct {
	store   *Store
	conn    *sql.Conn // nil: the next look opens one
	data    int64     // data_version of conn
	version uint64
}

func (w *watch) drop() {
	if w.conn != nil {
		_ = w.conn.Close() // only read
		w.conn = nil
	}
}

// look tells whether something may have been written. What cannot be asked may
// have: the reader then reports what is wrong.
func (w *watch) look(ctx context.Context) bool {
	fresh := w.conn == nil
	if fresh {
		conn, err := w.store.db.Conn(ctx)
		if err != nil {
			return true
		}
		w.conn = conn
	}
	var data int64
	if err := w.conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&data); err != nil {
		w.drop()
		return true
	}
	if data == w.data && !fresh {
		return false
	}
	w.data = data
	var epoch string
	var version, horizon uint64
	if err := w.conn.QueryRowContext(ctx, readState).Scan(&epoch, &version, &horizon); err != nil {
		w.drop()
		return true
	}
	news := version != w.version
	w.version = version
	return news
}

// Events is directory.Trail's.
func (s *Store) Events(ctx context.Context, after uint64, limit int) ([]directory.Event, error) {
	rows, err := s.db.QueryContext(ctx, readEvents, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is Err's
	var out []directory.Event
	for rows.Next() {
		var seq uint64
		var text []byte
		if err := rows.Scan(&seq, &text); err != nil {
			return nil, err
		}
		var e directory.Event
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, err
		}
		e.Seq = seq
		out = append(out, e)
	}
	return out, rows.Err()
}

// Used is directory.Uses'.
func (s *Store) Used(ctx context.Context, at map[string]time.Time) error {
	if len(at) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		write, err := tx.PrepareContext(ctx, writeUse)
		if err != nil {
			return err
		}
		for id, t := range at {
			if _, err := write.ExecContext(ctx, id, t.UnixMilli()); err != nil {
				return errors.Join(err, write.Close())
			}
		}
		return write.Close()
	})
}

// LastUsed is directory.Uses'.
func (s *Store) LastUsed(ctx context.Context, ids []string) (map[string]time.Time, error) {
	read, err := s.db.PrepareContext(ctx, readUse)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	for _, id := range ids {
		var ms int64
		switch err := read.QueryRowContext(ctx, id).Scan(&ms); {
		case err == nil:
			out[id] = time.UnixMilli(ms).UTC()
		case !errors.Is(err, sql.ErrNoRows):
			return nil, errors.Join(err, read.Close())
		}
	}
	return out, read.Close()
}
