package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
)

// Since is directory.Records'. Both readings see one state of the file.
func (s *Store) Since(ctx context.Context, after directory.Point) (d directory.Delta, err error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return d, err
	}
	defer func() { _ = tx.Rollback() }() // only read
	var last, horizon uint64
	if err := tx.QueryRowContext(ctx, readState).Scan(&d.Epoch, &last, &horizon); err != nil {
		return d, err
	}
	if last == 0 {
		return directory.Delta{}, nil // nobody has written yet
	}
	known, err := changeOf(tx.QueryRowContext(ctx, readEvent, after.Version))
	if err != nil {
		return d, err
	}
	d.Stale = after.Version > 0 && after.Version < horizon || after.Version > last || after.Change != known
	d.Version = last
	if err := readAfter(ctx, tx, after.Version, &d); err != nil {
		return d, err
	}
	d.Change, err = changeOf(tx.QueryRowContext(ctx, readEvent, d.Version))
	return d, err
}

// readAfter adds the records after a version to a delta.
func readAfter(ctx context.Context, tx *sql.Tx, version uint64, d *directory.Delta) error {
	rows, err := tx.QueryContext(ctx, readSince, version, pageSize+1)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is Err's
	for rows.Next() {
		if len(d.Records) == pageSize {
			d.More, d.Version = true, d.Records[pageSize-1].Version
			break
		}
		var r directory.Record
		var deleted int64
		if err := rows.Scan(&r.Kind, &r.Name, &r.Version, &deleted, &r.Data); err != nil {
			return err
		}
		r.Deleted = deleted > 0
		d.Records = append(d.Records, r)
	}
	return rows.Err()
}

// changeOf is the ID of an event, "" if there is none or it has none.
func changeOf(event *sql.Row) (string, error) {
	var text []byte
	if err := event.Scan(&text); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return "", nil
		}
		return "", err
	}
	var e struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(text, &e) // what is no event has no ID
	return e.ID, nil
}
