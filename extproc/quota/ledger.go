package quota

import (
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Ledger is made of.
type Config struct {
	Store   Store
	Journal Journal
	// Now tells the time; nil: time.Now. Windows go by the store's clock, of
	// which this one gives the pace.
	Now func() time.Time
	// Crossed is told when a soft threshold is passed, one call after another
	// and off the request path. nil: nobody is told.
	Crossed func(Crossing)
	// Wait is how long a request waits for the store when a lease is empty; 0:
	// 20 ms.
	Wait time.Duration
	// LeaseLife is how long the store keeps leases of a process that it does not
	// see; 0: 5 min.
	LeaseLife time.Duration
	// Interval is the time between exchanges; 0: 1 s.
	Interval time.Duration
	// Cached is how many Accounts are remembered, of 8 bytes each for the place;
	// 0: 262,144.
	Cached int
	Logger *slog.Logger // nil: none
}

// LeaseLife is how long stores keep the leases of an owner that they do not see,
// unless they are told otherwise.
const LeaseLife = 5 * time.Minute

// patience is how long the store may take to answer a call.
const patience = time.Second

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wait <= 0 {
		c.Wait = 20 * time.Millisecond
	}
	if c.LeaseLife <= 0 {
		c.LeaseLife = LeaseLife
	}
	if c.Interval <= 0 {
		c.Interval = time.Second
	}
	if c.Cached <= 0 {
		c.Cached = 1 << 18
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Ledger keeps a process's leases. All methods may be called from any
// goroutine.
type Ledger struct {
	// Immutable after NewLedger.
	cfg    Config
	began  time.Time // the zero of instants
	cache  *cache
	wake   chan struct{} // has room for one: somebody waits for an exchange
	passed chan Crossing

	rules atomic.Pointer[rules]
	// zero is what the store's clock shows at instant zero, in ns since 1970.
	zero atomic.Int64
	// synced tells that the store's clock is known.
	synced atomic.Bool
	// away tells that the store does not answer: nobody waits for it.
	away   atomic.Bool
	leases [64]shard

	mu      sync.Mutex    // guards all below
	waiting []*lease      // somebody waits for them, each once
	round   chan struct{} // closed when the next exchange has ended
	begun   bool          // the first exchange has begun
	talk    talk          // owned by Run
}

// NewLedger makes a ledger without limits. Restore and Owe come next, then Use
// and Run.
func NewLedger(c Config) *Ledger {
	c = c.withDefaults()
	l := &Ledger{
		cfg: c, began: c.Now(), cache: newCache(c.Cached),
		wake: make(chan struct{}, 1), round: make(chan struct{}), passed: make(chan Crossing, 256),
	}
	l.zero.Store(l.began.UnixNano())
	l.rules.Store(&rules{})
	l.talk.seq = uint64(max(l.began.UnixMicro(), 1))
	for i := range l.leases {
		l.leases[i].by = make(map[AccountPeriod]*lease)
	}
	return l
}

// Use replaces the limits. Accounts of limits whose name, unit and window stay
// keep what they have. An error tells what is wrong with a limit; then nothing
// changes.
func (l *Ledger) Use(limits []Limit) error {
	set, err := compile(limits)
	if err != nil {
		return err
	}
	l.rules.Store(set)
	return nil
}

// instant is a time by the process's own steady clock, in ns since the ledger
// began.
type instant int64

const never instant = math.MaxInt64

func (i instant) plus(d time.Duration) instant { return i + instant(d) }

func (l *Ledger) now() instant { return instant(l.cfg.Now().Sub(l.began)) }

// storeTime is what the store's clock shows, in ns since 1970.
func (l *Ledger) storeTime(at instant) int64 { return l.zero.Load() + int64(at) }

// local is the instant of a time by the store's clock.
func (l *Ledger) local(storeTime int64) instant {
	if storeTime == math.MaxInt64 {
		return never
	}
	return instant(storeTime - l.zero.Load())
}
