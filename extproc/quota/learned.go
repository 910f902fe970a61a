package quota

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// learned is a distribution of whole numbers that forgets, and one figure of
// it, which is read without a lock.
type learned struct {
	figure atomic.Int64
	seen   atomic.Int64 // ns since 1970
	// quantile is which part of a thousand lies below the figure; immutable.
	quantile int

	mu     sync.Mutex // guards all below
	counts [buckets]uint16
	total  int
	halved time.Time
}

// Buckets are an eighth of a power of two wide.
const (
	fineBits   = 3
	fine       = 1 << fineBits
	maxCounted = 1<<24 - 1
	buckets    = (24-fineBits)*fine + fine
)

// What is old weighs half after as many observations or as much time.
const (
	halfCount = 2048
	halfLife  = 6 * time.Hour
)

func newLearned(quantile int, first int64) *learned {
	l := &learned{quantile: quantile}
	l.figure.Store(first)
	return l
}

// edge tells the figure of a bucket.
type edge func(bucket int) int64

// learn counts n, from 1 to maxCounted.
func (l *learned) learn(at time.Time, n int64, of edge) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen.Store(at.UnixNano())
	if l.halved.IsZero() {
		l.halved = at
	}
	if l.total >= 2*halfCount || at.Sub(l.halved) >= halfLife {
		l.halve(at)
	}
	l.counts[bucket(n)]++
	l.total++
	if l.total < enough {
		return
	}
	below := 0
	for i, count := range l.counts {
		below += int(count)
		if below*1000 >= l.total*l.quantile && below > 0 {
			l.figure.Store(of(i))
			return
		}
	}
}

// halve weighs what was counted half. Caller must hold mu.
func (l *learned) halve(at time.Time) {
	l.halved, l.total = at, 0
	for i := range l.counts {
		l.counts[i] /= 2
		l.total += int(l.counts[i])
	}
}

// bucket is where n is counted: small numbers have one each.
func bucket(n int64) int {
	exponent := max(bits.Len64(uint64(n))-fineBits-1, 0)
	return exponent*fine + int(n>>exponent)
}

// lowEdge and highEdge are the least and the greatest number of a bucket.
func lowEdge(bucket int) int64 {
	exponent := max(bucket/fine-1, 0)
	return int64(bucket-exponent*fine) << exponent
}

func highEdge(bucket int) int64 { return lowEdge(bucket+1) - 1 }
