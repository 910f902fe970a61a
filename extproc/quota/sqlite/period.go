package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/quota"
)

// count is a period as an owner's call sees and changes it.
type count struct {
	now, then figures // then is what the file has
	before    quota.Amount
}

type figures struct {
	used, leased, mine quota.Amount // mine is part of leased
	ends               sql.NullInt64
}

// load reads the periods that are asked for.
func (w *work) load(ctx context.Context) (map[quota.AccountPeriod]*count, error) {
	asked := make(map[quota.AccountPeriod]*count, len(w.call.Asks))
	for i := range w.call.Asks {
		ap := w.call.Asks[i].AccountPeriod
		if asked[ap] != nil {
			continue
		}
		var f figures
		err := w.row(ctx, readPeriod, w.call.Owner[:], ap.Account[:], int64(ap.Period)).
			Scan(&f.used, &f.leased, &f.ends, &f.mine)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		asked[ap] = &count{now: f, then: f, before: f.used}
	}
	return asked, nil
}

// settle counts the batch.
func (w *work) settle(ctx context.Context, asked map[quota.AccountPeriod]*count) error {
	for i := range w.call.Settled {
		c := &w.call.Settled[i]
		// Used is within ±MaxAmount, so twice that takes it anywhere.
		amount := min(max(c.Amount, -2*quota.MaxAmount), 2*quota.MaxAmount)
		if known := asked[quota.AccountPeriod{Account: c.Account, Period: c.Period}]; known != nil {
			known.now.used = min(max(known.now.used+amount, -quota.MaxAmount), quota.MaxAmount)
			continue
		}
		err := w.exec(ctx, addUsed, c.Account[:], int64(c.Period), int64(amount), w.unasked(c.Period), int64(quota.MaxAmount))
		if err != nil {
			return err
		}
	}
	return nil
}

// unasked is when a count ends that no ask has said it of: no window is longer
// than 31 days, and what is late is kept for another day.
func (w *work) unasked(p quota.Period) sql.NullInt64 {
	if p == 0 {
		return sql.NullInt64{}
	}
	ends := time.Unix(int64(p)*60, 0).Add(40 * 24 * time.Hour)
	if later := w.now.Add(24 * time.Hour); later.After(ends) {
		ends = later
	}
	return sql.NullInt64{Int64: ends.UnixNano(), Valid: true}
}

// adopt ends all leases of the owner. Those asked for are granted anew, of what
// they were.
func (w *work) adopt(ctx context.Context, asked map[quota.AccountPeriod]*count) error {
	if _, err := w.release(ctx, w.call.Owner[:], -1); err != nil {
		return err
	}
	for _, c := range asked {
		c.then.leased -= c.then.mine
		c.then.mine = 0
	}
	return nil
}

// grant answers an ask. What the owner has and holds, it keeps, even if the
// limit is lower now; all beyond that needs room.
func (c *count) grant(a *quota.Ask, alive quota.Amount) quota.Lease {
	hold, need, want := bounded(a.Hold), bounded(a.Need), bounded(a.Want)
	others := c.now.leased - c.now.mine
	lease := min(hold, c.now.mine)
	room := max(bounded(a.Limit)-c.now.used-others-lease, 0)
	again := min(hold-lease, room)
	lease, room = lease+again, room-again
	if need <= room {
		lease, room = lease+need, room-need
	}
	lease += min(want, room/(2*max(alive, 1)))
	c.now.mine, c.now.leased = lease, others+lease
	c.now.ends = sql.NullInt64{}
	if !a.Ends.IsZero() {
		c.now.ends = sql.NullInt64{Int64: a.Ends.UnixNano(), Valid: true}
	}
	return quota.Lease{Lease: lease, Used: c.now.used, Before: c.before, Leased: c.now.leased}
}

func bounded(n quota.Amount) quota.Amount { return min(max(n, 0), quota.MaxAmount) }

// save writes what has changed.
func (w *work) save(ctx context.Context, asked map[quota.AccountPeriod]*count) error {
	for ap, c := range asked {
		account, period := ap.Account[:], int64(ap.Period)
		now, then := c.now, c.then
		empty := now.used == 0 && now.leased == 0 && then == (figures{}) // not worth a row
		if !empty && (now.used != then.used || now.leased != then.leased || now.ends != then.ends) {
			if err := w.exec(ctx, writePeriod, account, period, int64(now.used), int64(now.leased), now.ends); err != nil {
				return err
			}
		}
		if now.mine == then.mine {
			continue
		}
		var err error
		if now.mine == 0 {
			err = w.exec(ctx, dropLease, w.call.Owner[:], account, period)
		} else {
			err = w.exec(ctx, writeLease, w.call.Owner[:], account, period, int64(now.mine))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
