package generation

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Store keeps records.
type Store interface {
	// Insert writes records, each with an id of its own, all or none. One that
	// is there already stays unless the new one says more.
	Insert(ctx context.Context, records []*Record) error
	// Get finds one record; ErrNotFound if there is none that the view sees.
	Get(ctx context.Context, id ID, v View) (*Record, error)
	// Expire deletes records that began before a time, at most that many, and
	// tells how many there were.
	Expire(ctx context.Context, before time.Time, most int) (int, error)
}

// Exporter sends records elsewhere. Only one call is under way at a time.
type Exporter interface {
	Export(ctx context.Context, records []*Record) error
	Close() error
}

// Config is what a Writer needs.
type Config struct {
	Store  Store
	Logger *slog.Logger
	Keep   time.Duration // how long records are kept; 0 = for good
	// Contents keeps what was said. Without it contents are dropped by Add.
	Contents  bool
	Exporters []Exporter
	Now       func() time.Time // nil = time.Now
	// OnWritten is told which exchanges are written, so that their places in a
	// journal can be freed; nil = nobody. The ids are its own.
	OnWritten func(ids []ID)
	// Held is how many records may wait to be written; 0 = 65,536.
	Held int
}

// Figures of the Writer's work.
const (
	defaultHeld = 65_536
	batchSize   = 500
	batchEvery  = 200 * time.Millisecond
	// A batch that takes longer is tried again: Insert can be repeated.
	storeTimeout = 10 * time.Second
	longestPause = 5 * time.Second
	// Time for the last batches after Run is told to end.
	farewell = 5 * time.Second
)

// Writer takes records and has them written in the background.
type Writer struct {
	cfg     Config // immutable
	exports chan []*Record
	wake    chan struct{} // a full batch waits

	mu      sync.Mutex
	waiting map[ID]*Record // guarded by mu: what is not written, by exchange
	queue   []*Record      // guarded by mu: in order of arrival, some of them replaced
	flight  int            // guarded by mu: records of the batch that is being written

	refused, written, storeErrors, expired atomic.Int64
	exportErrors, exportDropped            atomic.Int64
}

// New makes a Writer. It writes while Run runs.
func New(cfg Config) *Writer {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Held <= 0 {
		cfg.Held = defaultHeld
	}
	return &Writer{cfg: cfg, waiting: map[ID]*Record{}, wake: make(chan struct{}, 1), exports: make(chan []*Record, 64)}
}

// Add takes a record; it never waits. False means that too many wait already:
// the caller keeps the exchange in its journal and offers it again later.
func (w *Writer) Add(r *Record) bool {
	r = cleaned(r, w.cfg.Contents)
	w.mu.Lock()
	defer w.mu.Unlock()
	if other, ok := w.waiting[r.ID]; ok && !r.SaysMore(other) {
		return true
	}
	if len(w.queue)+w.flight >= w.cfg.Held {
		w.refused.Add(1)
		return false
	}
	w.waiting[r.ID] = r
	w.queue = append(w.queue, r)
	if len(w.queue) >= batchSize {
		select {
		case w.wake <- struct{}{}:
		default: // it is awake
		}
	}
	return true
}

// Get finds a record, whether it is written or not.
func (w *Writer) Get(ctx context.Context, id ID, v View) (*Record, error) {
	w.mu.Lock()
	r, ok := w.waiting[id]
	w.mu.Unlock()
	if !ok {
		return w.cfg.Store.Get(ctx, id, v)
	}
	if !v.Sees(r) {
		return nil, ErrNotFound
	}
	return r, nil
}

// Stats are what a Writer has done since it was made.
type Stats struct {
	Waiting int64 // records not written yet
	Written int64
	Refused int64 // by Add, for want of room
	Expired int64 // deleted after Config.Keep
	// StoreErrors are calls of the store that failed and are tried again,
	// ExportErrors calls of exporters that failed, ExportDropped records that came
	// too fast for them.
	StoreErrors, ExportErrors, ExportDropped int64
}

// Stats tells what the Writer has done.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	waiting := int64(len(w.waiting))
	w.mu.Unlock()
	return Stats{
		Waiting: waiting, Written: w.written.Load(), Refused: w.refused.Load(), Expired: w.expired.Load(),
		StoreErrors: w.storeErrors.Load(), ExportErrors: w.exportErrors.Load(), ExportDropped: w.exportDropped.Load(),
	}
}

// cut takes the next batch off the queue, without what has been replaced.
func (w *Writer) cut() []*Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch := make([]*Record, 0, min(len(w.queue), batchSize))
	i := 0
	for ; i < len(w.queue) && len(batch) < batchSize; i++ {
		if r := w.queue[i]; w.waiting[r.ID] == r {
			batch = append(batch, r)
		}
	}
	clear(w.queue[:i])
	if w.queue = w.queue[i:]; len(w.queue) == 0 {
		w.queue = nil // the array shall not grow for good
	}
	w.flight = len(batch)
	return batch
}

// landed forgets a batch that is written.
func (w *Writer) landed(batch []*Record) {
	ids := make([]ID, len(batch))
	w.mu.Lock()
	w.flight = 0
	for i, r := range batch {
		ids[i] = r.ID
		if w.waiting[r.ID] == r {
			delete(w.waiting, r.ID)
		}
	}
	w.mu.Unlock()
	w.written.Add(int64(len(batch)))
	if w.cfg.OnWritten != nil {
		w.cfg.OnWritten(ids)
	}
	if len(w.cfg.Exporters) == 0 {
		return
	}
	select {
	case w.exports <- batch:
	default:
		w.exportDropped.Add(int64(len(batch)))
	}
}
