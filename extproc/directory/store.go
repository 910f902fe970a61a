package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Kind is what a record describes.
type Kind string

// Kinds of records.
const (
	KindKey        Kind = "key"
	KindTenant     Kind = "tenant"
	KindBudget     Kind = "budget"
	KindCredential Kind = "credential"
)

// Record is one thing as stores keep it.
type Record struct {
	Kind Kind
	Name string // unique in its kind
	// Version is the directory's version that the record's last write made: it
	// rises over all records.
	Version uint64
	Deleted bool // a tombstone: Data is empty
	Data    []byte
	// Damage is why the store cannot tell what it holds here, nil as a rule. Data
	// and Deleted then say nothing.
	Damage error
}

// Point is a place in a store's history. The zero Point is its beginning.
type Point struct {
	Version uint64
	// Change is the ID of the event that made the version, "" if the trail does
	// not tell. Another ID means another history of that version: a server that
	// lost the last writes took over, and gave their versions out anew.
	Change string
}

// Delta is what was written after a point.
type Delta struct {
	// Epoch names the store's life; another one means that all it knew is void.
	// "" is a store that nobody has written to.
	Epoch string
	// Point is what the receiver knows with this delta.
	Point
	Records []Record // by Version, ascending
	// More tells that the store holds further records.
	More bool
	// Stale tells that tombstones after the point asked for are gone, or that the
	// point is none of the store's history: begin anew from the zero Point.
	Stale bool
}

// Change writes one record.
type Change struct {
	Record Record // Version: that of the record that is replaced, 0 if there must be none
	Event  Event  // Seq is the store's to fill in
	// Forget is the id of a key whose last use is forgotten, "" = none.
	Forget string
}

// MaxBatch is how many changes a store takes at once.
const MaxBatch = 1000

// Event is an entry of the audit trail.
type Event struct {
	Seq uint64 `json:"seq"` // the directory's version that the change made
	// ID is random: it tells this change from all others.
	ID   string    `json:"id,omitempty"`
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	Verb string    `json:"verb"` // such as key.create
	Kind Kind      `json:"kind"`
	Name string    `json:"name"`
	// Before and After are what changed, without secrets; null where there is
	// nothing.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// TrailLength is how many events stores keep at least; older ones may go.
const TrailLength = 100_000

// TombstoneLife is how long stores remember that a record was deleted.
const TombstoneLife = 7 * 24 * time.Hour

// Records keeps the records of a directory.
type Records interface {
	// Since gives what was written after a point, as much as is good to read at
	// once. A record that cannot be read is one with its Damage, and no error.
	Since(ctx context.Context, after Point) (Delta, error)
	// Write applies all changes (1 to MaxBatch, each of another record) or none,
	// each with a version of its own and its event, and wakes all followers. It
	// returns an error that is ErrConflict if a record's version is another;
	// none, and changes nothing, if that version was made by this very change
	// (Event.ID): the answer to it was lost, and it was sent again.
	Write(ctx context.Context, changes []Change) error
	// Follow calls changed whenever something may have been written, until ctx is
	// done. It outlives failures of the store.
	Follow(ctx context.Context, changed func()) error
}

// Trail reads the audit trail.
type Trail interface {
	// Events are those with a greater Seq than after, ascending, at most limit.
	Events(ctx context.Context, after uint64, limit int) ([]Event, error)
}

// Uses keeps when keys were used last, by id.
type Uses interface {
	// Used notes uses; a later one that is known stays.
	Used(ctx context.Context, at map[string]time.Time) error
	// LastUsed looks ids up; those never used are absent.
	LastUsed(ctx context.Context, ids []string) (map[string]time.Time, error)
}

// Store is all that a directory needs of a store.
type Store interface {
	Records
	Trail
	Uses
}

// What verbs refuse. Their errors wrap one of these, or the store's.
var (
	ErrConflict = errors.New("was changed by somebody else meanwhile; read it again")
	ErrNotFound = errors.New("is not known here")
	ErrExists   = errors.New("exists already")
	ErrInUse    = errors.New("is in use")
	ErrNoMaster = errors.New("own credentials cannot be kept: no master key is configured (secrets.key in the catalog)")
)

// Conflict is the error of a Write that finds another version.
func Conflict(r Record) error { return fmt.Errorf("%s %q %w", r.Kind, r.Name, ErrConflict) }

// InvalidError says what is wrong with a field of what a verb was given. It
// holds no secret.
type InvalidError struct{ Field, Message string }

// Error is "field: message".
func (e *InvalidError) Error() string { return e.Field + ": " + e.Message }

func invalid(field, message string) error { return &InvalidError{field, message} }
