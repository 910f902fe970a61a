package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// What a call may do beside its own work.
const (
	// reclaimed leases of the dead a call: some ten milliseconds.
	reclaimed = 512
	// swept periods a call, beside two for each that it may add.
	swept = 32
	// forgotten is how long an owner's numbers are kept: a process that returns
	// later may have its last batch counted twice.
	forgotten = 30 * 24 * time.Hour
)

// Exchange implements quota.Store.
func (s *Store) Exchange(ctx context.Context, c quota.Call) (quota.Reply, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return quota.Reply{}, s.failed("begin", err)
	}
	w := &work{store: s, tx: tx, call: &c, now: s.now()}
	leases, err := w.do(ctx)
	if err != nil {
		err = errors.Join(err, ignoreDone(tx.Rollback()))
		if errors.Is(err, quota.ErrStale) {
			return quota.Reply{}, err
		}
		return quota.Reply{}, s.failed("exchange", err)
	}
	if err := tx.Commit(); err != nil {
		return quota.Reply{}, s.failed("commit", err)
	}
	return quota.Reply{Now: w.now, Leases: leases}, nil
}

// ignoreDone forgives the rollback of a transaction that its context ended.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// work is one call's transaction.
type work struct {
	store *Store
	tx    *sql.Tx
	call  *quota.Call
	now   time.Time
	alive quota.Amount // owners, this one too
	used  [numStatements]*sql.Stmt
}

// do applies the call, in the order of quota.Store: what is over is forgotten,
// settled amounts count, then leases are granted.
func (w *work) do(ctx context.Context) ([]quota.Lease, error) {
	seq, batch, err := w.owner(ctx)
	if err != nil {
		return nil, err
	}
	if w.call.Seq <= seq {
		return nil, quota.ErrStale
	}
	if err := w.reclaim(ctx); err != nil {
		return nil, err
	}
	if err := w.sweep(ctx); err != nil {
		return nil, err
	}
	fresh := w.call.Batch > batch
	err = w.exec(ctx, writeOwner, w.call.Owner[:], w.now.UnixNano(), turned(w.call.Seq), turned(max(batch, w.call.Batch)))
	if err == nil {
		err = w.row(ctx, countAlive, w.dead()).Scan(&w.alive)
	}
	if err != nil {
		return nil, err
	}
	asked, err := w.load(ctx)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := w.settle(ctx, asked); err != nil {
			return nil, err
		}
	}
	if w.call.Adopt {
		if err := w.adopt(ctx, asked); err != nil {
			return nil, err
		}
	}
	leases := make([]quota.Lease, len(w.call.Asks))
	for i := range w.call.Asks {
		a := &w.call.Asks[i]
		leases[i] = asked[a.AccountPeriod].grant(a, w.alive)
	}
	return leases, w.save(ctx, asked)
}

// turned maps unsigned numbers to signed ones in the same order.
func turned(n uint64) int64 { return int64(n ^ 1<<63) }

// owner gives the numbers that were seen; those of a stranger are 0.
func (w *work) owner(ctx context.Context) (seq, batch uint64, err error) {
	s, b := turned(0), turned(0)
	err = w.row(ctx, readOwner, w.call.Owner[:]).Scan(&s, &b)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return uint64(s) ^ 1<<63, uint64(b) ^ 1<<63, err
}

// dead is the time since which an owner must have been seen to hold leases.
func (w *work) dead() int64 { return w.now.Add(-w.store.life).UnixNano() }

// reclaim takes leases from owners that were not seen for a lease's life. What
// is left to later calls counts as leased until then.
func (w *work) reclaim(ctx context.Context) error {
	rows, err := w.stmt(ctx, findDead).QueryContext(ctx, w.dead(), reclaimed)
	if err != nil {
		return err
	}
	var owners [][]byte
	for rows.Next() {
		var owner []byte
		if err := rows.Scan(&owner); err != nil {
			return errors.Join(err, rows.Close())
		}
		owners = append(owners, owner)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	left := int64(reclaimed)
	for _, owner := range owners {
		n, err := w.release(ctx, owner, left)
		if err != nil {
			return err
		}
		if left -= n; left <= 0 {
			return nil
		}
		if err := w.exec(ctx, emptyOwner, owner); err != nil {
			return err
		}
	}
	return nil
}

// release ends up to limit leases of an owner; -1 ends all.
func (w *work) release(ctx context.Context, owner []byte, limit int64) (int64, error) {
	if err := w.exec(ctx, releaseLeases, owner, limit); err != nil {
		return 0, err
	}
	result, err := w.stmt(ctx, dropLeases).ExecContext(ctx, owner, limit)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// sweep forgets what is over.
func (w *work) sweep(ctx context.Context) error {
	now, limit := w.now.UnixNano(), swept+2*(len(w.call.Asks)+len(w.call.Settled))
	return errors.Join(
		w.exec(ctx, dropOldLeases, now, limit),
		w.exec(ctx, dropOldPeriods, now, limit),
		w.exec(ctx, dropOldOwners, w.now.Add(-forgotten).UnixNano(), swept),
	)
}

// stmt is a statement in this transaction, which closes it.
func (w *work) stmt(ctx context.Context, n statement) *sql.Stmt {
	if w.used[n] == nil {
		w.used[n] = w.tx.StmtContext(ctx, w.store.statements[n])
	}
	return w.used[n]
}

func (w *work) exec(ctx context.Context, n statement, args ...any) error {
	_, err := w.stmt(ctx, n).ExecContext(ctx, args...)
	return err
}

func (w *work) row(ctx context.Context, n statement, args ...any) *sql.Row {
	return w.stmt(ctx, n).QueryRowContext(ctx, args...)
}
