package generation

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// ID is an exchange's id: the time in milliseconds, 48 bits, and 80 random ones,
// so that ids rise with time. Its text is 32 hexadecimal digits.
type ID [16]byte

// ErrID is the error of ParseID.
var ErrID = errors.New("not the id of a generation: 32 hexadecimal digits")

// ParseID reads the text of an ID.
func ParseID(text string) (id ID, err error) {
	if len(text) != hex.EncodedLen(len(id)) {
		return ID{}, ErrID
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return ID{}, ErrID
	}
	return id, nil
}

// String is the id as headers, logs and clients see it.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Record is what lasts of an exchange. Whoever has handed one to a Writer no
// longer changes it.
type Record struct {
	ID      ID
	Started time.Time
	// Key is who asked, by name; KeyID tells keys apart that bore that name one
	// after the other, "" for those of the catalog. Tenant pays.
	Key, KeyID, Tenant string
	Tags               []string
	User               string // the client's own end user, as it says
	Surface            string // what was asked for: an endpoint's name, such as chat.completions
	Model              string // the public name asked for
	// Served, Provider and TargetID are the public name that served, where, and
	// that provider's own name for it; "" if no target served.
	Served, Provider, TargetID string
	Stream                     bool
	Lane                       string
	Status                     int    // HTTP status that the client got, 0 = none
	Finish                     string // llm.FinishReason's word, "" = no finish
	Attempts                   []Attempt
	Usage                      llm.Usage // sum of the attempts, by class
	// Cost is what is charged, Market what the same costs at list price: a
	// tenant's own credentials cost nothing here. Priced tells that all prices
	// were known; otherwise both are the least it was.
	Cost, Market llm.NanoUSD
	Priced       bool
	// FirstToken is the time to the first content event and Took that of the
	// whole exchange, both since Started; 0 = none.
	FirstToken, Took time.Duration
	// Estimated: the usage comes of bytes, no provider reported it. Unobserved:
	// the end was not seen, and usage and cost are what was reserved or more.
	// Corrected: what it really used became known after it was settled by estimate.
	// Recovered: written by a process that found the exchange in the journal.
	// Aborted: the client went away before the end.
	Estimated, Unobserved, Aborted, Corrected, Recovered bool
	// Error is the kind of problem the exchange ended with (llm.Problem's code), or
	// Broken, "" = none. Kinds are a closed set.
	Error    string
	Contents *Contents // nil unless switched on
}

// Broken is a Record's Error where an answer broke off after its first content:
// it was reset, cut, or ended in an error of the provider's, which the last
// attempt's Reason tells. A client that left by itself is no such error, but
// Record.Aborted.
const Broken = "upstream_incomplete"

// Attempt is one try of one target.
type Attempt struct {
	Provider, Model string // Model is a public name
	Reason          string // why it failed or broke off, as a closed word (chain.Reason); "" = it served
	Status          int    // of the provider's answer, 0 = none
	Began           time.Duration
	Took            time.Duration // Began is since Record.Started
	Usage           llm.Usage
	Cost            llm.NanoUSD // at list price
	Priced          bool
	Own             bool // with a credential of the tenant's own
}

// Contents is what was said. It is only kept where the operator wants it.
type Contents struct {
	Request, Answer string
	// Cut: what was longer than MaxContents ends there.
	Cut bool
}

// Bounds of what a record keeps, in bytes. Longer text is cut: a client chooses
// model names, users and tags.
const (
	MaxText     = 512
	MaxContents = 256 << 10
	maxTags     = 16
	maxAttempts = 64
)

// Own tells whether a credential of the tenant's own served the exchange.
func (r *Record) Own() bool {
	n := len(r.Attempts)
	return n > 0 && r.Attempts[n-1].Own
}

// ServedModel is the model that reports count the exchange under: the one that
// served, or the one asked for if none did.
func (r *Record) ServedModel() string {
	if r.Served != "" {
		return r.Served
	}
	return r.Model
}

// LastProvider is the provider that reports count the exchange under: the one
// that served, or the last one tried.
func (r *Record) LastProvider() string {
	if n := len(r.Attempts); r.Provider == "" && n > 0 {
		return r.Attempts[n-1].Provider
	}
	return r.Provider
}

// Weight is how much a record says of its exchange.
func (r *Record) Weight() int {
	switch {
	case r.Corrected:
		return 3
	case r.Recovered:
		return 0
	case r.Unobserved:
		return 1
	}
	return 2
}

// SaysMore tells whether r replaces other, a record of the same exchange: a
// corrected one replaces an observed one, that an unobserved one, and that one
// which was only recovered. Of two that say as much the first stays.
func (r *Record) SaysMore(other *Record) bool { return r.Weight() > other.Weight() }
