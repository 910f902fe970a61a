package generation

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How records expire: in steps between batches, so that none of them holds the
// store for long; a step that finds little is the last for a minute.
const (
	expireEvery = time.Minute
	expireStep  = 1000
)

// Run writes batches until ctx ends, then what still waits, as far as a few
// seconds reach, and closes the exporters. What it could not write is the error;
// it is still in the caller's journal. Run runs once.
//
// Its loop handles: a full batch waits (wake), the time of a batch, or of the
// next try after the store failed (timer), and the end (ctx). At most one batch
// is under way; it is kept until it is written.
func (w *Writer) Run(ctx context.Context) error {
	// Exporters get time for what is written last, and no more than that.
	exporting, stop := context.WithCancel(context.WithoutCancel(ctx))
	var exports sync.WaitGroup
	exports.Go(func() { w.export(exporting) })
	defer func() {
		close(w.exports)
		late := time.AfterFunc(farewell, stop)
		exports.Wait()
		late.Stop()
		stop()
	}()
	var (
		batch    []*Record // failed last time
		failures int
		expiry   time.Time
		timer    = time.NewTimer(batchEvery)
	)
	defer timer.Stop()
	for {
		full := w.wake
		if failures > 0 {
			full = nil // its batch must wait for the next try, too
		}
		select {
		case <-ctx.Done():
			return w.finish(context.WithoutCancel(ctx), batch)
		case <-full:
		case <-timer.C:
		}
		if batch = w.write(ctx, batch); batch != nil {
			failures++
			w.failed(failures)
		} else {
			w.recovered(failures)
			failures = 0
			expiry = w.expire(ctx, expiry)
		}
		timer.Reset(pause(failures))
	}
}

// pause is how long to wait for the next batch after so many failures.
func pause(failures int) time.Duration {
	return min(batchEvery<<min(failures, 8), longestPause)
}

// write writes batch, or the next ones if there is none, until less than a full
// one waits. It returns the batch that failed.
func (w *Writer) write(ctx context.Context, batch []*Record) []*Record {
	for {
		if batch == nil {
			if batch = w.cut(); len(batch) == 0 {
				return nil
			}
		}
		within, cancel := context.WithTimeout(ctx, storeTimeout)
		err := w.cfg.Store.Insert(within, batch)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				w.storeErrors.Add(1)
				w.cfg.Logger.Debug("a batch of generations is not written yet", "records", len(batch), "error", err)
			}
			return batch
		}
		w.landed(batch)
		if len(batch) < batchSize {
			return nil
		}
		batch = nil
	}
}

func (w *Writer) failed(times int) {
	const again = 60 // about every five minutes
	if times%again == 1 {
		w.cfg.Logger.Error("the store of generations cannot be written; records wait", "waiting", w.Stats().Waiting, "tries", times)
	}
}

func (w *Writer) recovered(failures int) {
	if failures > 0 {
		w.cfg.Logger.Info("the store of generations is written again", "tries", failures+1)
	}
}

// expire deletes a step of what is too old, if it is time, and says when the
// next step is due.
func (w *Writer) expire(ctx context.Context, due time.Time) time.Time {
	now := w.cfg.Now()
	if w.cfg.Keep <= 0 || now.Before(due) {
		return due
	}
	within, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	n, err := w.cfg.Store.Expire(within, now.Add(-w.cfg.Keep), expireStep)
	if err != nil {
		if ctx.Err() == nil {
			w.storeErrors.Add(1)
			w.cfg.Logger.Warn("old generations could not be deleted", "error", err)
		}
		return now.Add(expireEvery)
	}
	w.expired.Add(int64(n))
	if n < expireStep {
		return now.Add(expireEvery)
	}
	return now
}

// ErrUnwritten is the error of Run if records still wait when it ends.
var ErrUnwritten = errors.New("generations are not written; the journal holds their exchanges")

func (w *Writer) finish(ctx context.Context, batch []*Record) error {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if w.write(ctx, batch) != nil {
		return ErrUnwritten
	}
	return nil
}

// export hands written batches to the exporters until there are no more.
func (w *Writer) export(ctx context.Context) {
	for batch := range w.exports {
		for _, e := range w.cfg.Exporters {
			within, cancel := context.WithTimeout(ctx, storeTimeout)
			err := e.Export(within, batch)
			cancel()
			if err != nil && w.exportErrors.Add(1)%1000 == 1 {
				w.cfg.Logger.Warn("generations could not be exported", "records", len(batch), "error", err)
			}
		}
	}
	for _, e := range w.cfg.Exporters {
		if err := e.Close(); err != nil {
			w.cfg.Logger.Warn("an exporter of generations did not close", "error", err)
		}
	}
}
