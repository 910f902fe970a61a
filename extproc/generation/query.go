package generation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// ErrNotFound is the error of Get for a record that is not there, or not there
// for this View: nobody learns which.
var ErrNotFound = errors.New("no such generation")

// Reader answers questions about what is written.
type Reader interface {
	// Get finds one record; ErrNotFound if there is none that the view sees.
	Get(ctx context.Context, id ID, v View) (*Record, error)
	// List gives the records of a page, latest first.
	List(ctx context.Context, f Filter, p Page) ([]*Record, error)
	// Report sums up what the filter lets through, by group: at most MaxRows,
	// in the order of their time, then those that cost most first. Without a
	// grouping it is one row, of zeros if there is nothing.
	Report(ctx context.Context, f Filter, g Grouping) ([]Row, error)
}

// View is whose records may be seen. The zero View sees none.
type View struct {
	All bool
	// Otherwise one key's, by name and id as records have them, or one tenant's;
	// with both, those of the key under that tenant.
	Key, KeyID, Tenant string
}

// Sees tells whether the view sees a record.
func (v View) Sees(r *Record) bool {
	if v.All {
		return true
	}
	ofKey, ofTenant := v.ByKey(), v.Tenant != ""
	return (ofKey || ofTenant) &&
		(!ofKey || r.Key == v.Key && r.KeyID == v.KeyID) && (!ofTenant || r.Tenant == v.Tenant)
}

// ByKey tells whether the view is one key's.
func (v View) ByKey() bool { return v.Key != "" || v.KeyID != "" }

// Filter says which records are meant. Empty fields let everything through.
type Filter struct {
	View
	From, To time.Time // when the exchange began: From itself counts, To does not
	// OfKey, OfTenant, Model (as Record.ServedModel), Provider (as
	// Record.LastProvider) and User are exact.
	OfKey, OfTenant, Model, Provider, User string
	// Tags lets through what has one of them, or all with EachTag.
	Tags    []string
	EachTag bool
	Status  int
	Failed  bool // only exchanges that ended with an error
	// Own is whether the tenant's own credential served.
	Own llm.Opt[bool]
}

// Page is which part of a list is wanted.
type Page struct {
	Limit int      // records, at most MaxPage; 0 = 100
	After Position // of the last record of the page before
}

// Bounds of answers.
const (
	MaxPage = 1000
	MaxRows = 10_000
)

// Position is a record's place in a list; the zero Position is before all.
type Position struct {
	Started time.Time
	ID      ID
}

// Position is the record's place in a list.
func (r *Record) Position() Position { return Position{r.Started, r.ID} }

// ErrPosition is the error of ParsePosition.
var ErrPosition = errors.New("not a place in a list: what an answer named as the next one")

// String is the text that ParsePosition reads.
func (p Position) String() string {
	return strconv.FormatInt(p.Started.UnixNano(), 36) + "-" + p.ID.String()
}

// ParsePosition reads the text of a Position.
func ParsePosition(text string) (Position, error) {
	at, id, _ := strings.Cut(text, "-")
	nano, err := strconv.ParseInt(at, 36, 64)
	if err != nil {
		return Position{}, ErrPosition
	}
	p := Position{Started: time.Unix(0, nano).UTC()}
	if p.ID, err = ParseID(id); err != nil {
		return Position{}, ErrPosition
	}
	return p, nil
}

// Dimension is a property that reports group by.
type Dimension string

// Dimensions. A record with several tags counts under each of them; one with
// none, or without a user, under "".
const (
	ByNothing    Dimension = ""
	ByModel      Dimension = "model"
	ByProvider   Dimension = "provider"
	ByKey        Dimension = "key"
	ByTenant     Dimension = "tenant"
	ByTag        Dimension = "tag"
	ByUser       Dimension = "user"
	ByCredential Dimension = "credential" // "byok" or "system"
)

// Dimensions are all there are to group by.
func Dimensions() []Dimension {
	return []Dimension{ByModel, ByProvider, ByKey, ByTenant, ByTag, ByUser, ByCredential}
}

// Grouping is how a report is split: by a dimension, by time, or by both.
type Grouping struct {
	By  Dimension
	Per time.Duration // 0, Hour or Day; both are UTC's
}

// Steps of time that reports are split by.
const (
	Hour = time.Hour //nolint:revive // the name says what a report is split by
	Day  = 24 * time.Hour
)

// ErrGrouping is the error of a Grouping that does not exist.
var ErrGrouping = errors.New("no such grouping")

// Check tells whether the grouping exists.
func (g Grouping) Check() error {
	if g.By != ByNothing && !slices.Contains(Dimensions(), g.By) || g.Per != 0 && g.Per != Hour && g.Per != Day {
		return ErrGrouping
	}
	return nil
}

// Row is one group of a report.
type Row struct {
	Value string    // of the dimension
	Time  time.Time // when the hour or day begins; zero without
	Sums
}

// Sums are what a group's exchanges come to. They saturate.
type Sums struct {
	Requests, Failed int64
	// Unpriced exchanges used tokens without a known price: money is the least
	// it was. Estimated ones have usage that no provider reported.
	Unpriced, Estimated                             int64
	Cost, Market                                    llm.NanoUSD
	Input, CacheRead, CacheWrite, Output, Reasoning llm.Tokens
}

// SortRows puts the rows of a report into their order.
func SortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(b.Cost, a.Cost), cmp.Compare(b.Market, a.Market),
			cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Value, b.Value))
	})
}

// Total sums up all that a filter lets through.
func Total(ctx context.Context, r Reader, f Filter) (Sums, error) {
	rows, err := r.Report(ctx, f, Grouping{})
	if err != nil || len(rows) == 0 {
		return Sums{}, err
	}
	return rows[0].Sums, nil
}
