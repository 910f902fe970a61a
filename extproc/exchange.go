package extproc

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/chain"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/dialect"
	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/extproc/meter"
)

// exchangeID is ours: the time in milliseconds, 48 bits, and 80 random bits, as
// RFC 9562's UUID version 7 has them. Records are filed by it, and a store that
// files in order writes half of what it does for ids without any. The client's
// own request id never becomes one: with it, one request could name another's
// body.
type exchangeID [16]byte

func newExchangeID(at time.Time) (id exchangeID) {
	binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16)
	// Never fails on the platforms Go supports (crypto/rand's contract).
	_, _ = rand.Read(id[6:])
	return id
}

// text is the id as headers, logs and clients see it.
func (id exchangeID) text() string { return hex.EncodeToString(id[:]) }

// parseExchangeID reads the id of a header; ok is false for anything that is
// not one of ours.
func parseExchangeID(b []byte) (id exchangeID, ok bool) {
	if len(b) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], b)
	return id, err == nil
}

// exchange is one client request with all its attempts.
type exchange struct {
	// Immutable once registered.
	id       exchangeID
	view     *view
	key      *identity.Key
	own      *credential.Own // the tenant's keys at providers
	asked    asked
	vendor   vendorHeaders
	codec    *dialect.Codec // the client's dialect
	envelope dialect.Envelope
	chain    chain.Chain
	model    string // public name asked for
	size     int64  // of the request's body in bytes
	kept     bool   // what is said is kept
	// adopted: an earlier process registered it, and its journal is all that is
	// known.
	adopted bool
	started time.Time
	// expressHeaders are what the router stage set for the first target; a
	// later target must not see them.
	expressHeaders [][]byte
	express        bool
	// direct is the router stage's own: no attempt reads it.
	direct direct

	mu sync.Mutex
	// body is the pristine request, nil once no attempt can follow. Guarded
	// by mu, as are the fields below.
	body     []byte
	failures []chain.Failure
	seen     time.Time // last sign of life
	served   meter.Lane
	spend    spending
	contents *contents // nil unless the operator keeps what is said
}

// pristine is the client's request as it came; ok is false when it has been
// let go because an answer was committed.
func (e *exchange) pristine() (body []byte, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.body, e.body != nil
}

// letGo gives up the body and returns how many bytes it held.
func (e *exchange) letGo() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.body)
	e.body = nil
	return n
}

// fail records what became of an attempt. missed are those before it that nobody
// reported (express answers never reach us), which are among all now.
func (e *exchange) fail(number int, f chain.Failure) (all, missed []chain.Failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	missed = e.fillIn(number)
	if len(e.failures) < number {
		e.failures = append(e.failures, f)
	}
	return slices.Clone(e.failures), missed
}

// fillIn adds the failures of attempts before this one that nobody reported: Envoy
// went on to the next. Caller must hold e.mu.
func (e *exchange) fillIn(number int) (missed []chain.Failure) {
	for len(e.failures) < number-1 {
		f := e.unseen(len(e.failures) + 1)
		e.failures, missed = append(e.failures, f), append(missed, f)
	}
	return missed
}

// failed returns the failure of an attempt, if one is recorded.
func (e *exchange) failed(number int) (chain.Failure, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if number < 1 || number > len(e.failures) {
		return chain.Failure{}, false
	}
	return e.failures[number-1], true
}

// evades tells whether a content refusal goes on to the next target: the
// client has to name fallback models and to ask for it.
func (e *exchange) evades() bool {
	return e.envelope.Options.OnRefusal && len(e.envelope.Options.Models) > 0
}

// touch notes a sign of life.
func (e *exchange) touch(now time.Time) {
	e.mu.Lock()
	e.seen = now
	e.mu.Unlock()
}

// lastSeen is the latest sign of life.
func (e *exchange) lastSeen() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen
}

// serve notes the lane an answer takes.
func (e *exchange) serve(l meter.Lane) {
	e.mu.Lock()
	e.served = l
	e.mu.Unlock()
}

// skipped names the targets that were passed over and what they lack.
func (e *exchange) skipped() string {
	if len(e.chain.Skipped) == 0 {
		return ""
	}
	names := make([]string, 0, len(e.chain.Skipped))
	for _, skip := range e.chain.Skipped {
		names = append(names, skip.Provider+" ("+skip.Why+")")
	}
	return joinShort(names)
}
