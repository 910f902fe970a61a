package quota

import "time"

// Amount counts in a limit's unit: requests, tokens or nano-dollars.
type Amount int64

// MaxAmount is the greatest limit: 2⁵³, which every store counts exactly. In
// money that is nine million dollars a period.
const MaxAmount Amount = 1 << 53

// Unit is what a limit counts.
type Unit uint8

// Units. Concurrent counts requests under way; its limits have no window.
const (
	Requests Unit = iota
	Input
	Output
	Tokens // input and output
	Money
	Concurrent
	NumUnits
)

// Amounts are one request's, estimated or used, by unit.
type Amounts [NumUnits]Amount

// Window is how long a limit counts before it begins anew. All begin at full
// minutes, hours, days, Mondays and months of UTC.
type Window uint8

// Windows. Total never begins anew.
const (
	Total Window = iota
	Minute
	Hour
	Day
	Week
	Month
	NumWindows
)

// Dimension is a property of a request that limits look at.
type Dimension uint8

// Dimensions.
const (
	Key Dimension = iota
	Tenant
	Model
	Tag
	NumDimensions
)

// Limit is one rule. It holds for requests that match every given dimension,
// and counts them together, or for each value of some dimensions by itself.
type Limit struct {
	// Name is unique among limits; refusals and figures show it.
	Name string
	// Match are globs (* stands for any text) by dimension; none matches all. A
	// request matches by tag if one of its tags does.
	Match [NumDimensions][]string
	// Each tells which dimensions are counted apart. Each tag of a request is
	// then counted.
	Each   [NumDimensions]bool
	Unit   Unit
	Window Window // Total for Concurrent
	Amount Amount // 0 refuses all; at most MaxAmount
	// Soft are percentages of Amount, ascending, at which Config.Crossed is told.
	Soft []uint8
	// Away is how much one process may grant a period beyond its lease while
	// the store is away; 0 refuses.
	Away Amount
}

// Subject is who asks.
type Subject struct {
	Key, Tenant string
	Tags        []string // sorted, each once
}

// Account identifies one count of a limit in stores and journals: the first
// bytes of a hash of the limit's name, unit and window and of the values that
// are counted apart.
type Account [16]byte

// Period is one window of an account: its beginning in minutes since 1970, UTC;
// 0 for Total.
type Period uint32

// Of is the period of a window that holds at, and when the next one begins:
// the zero time if there is none.
func (w Window) Of(at time.Time) (p Period, ends time.Time) {
	at = at.UTC()
	y, m, d := at.Date()
	var begins time.Time
	switch w {
	case Minute:
		begins = at.Truncate(time.Minute)
		ends = begins.Add(time.Minute)
	case Hour:
		begins = at.Truncate(time.Hour)
		ends = begins.Add(time.Hour)
	case Day:
		begins = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		ends = begins.AddDate(0, 0, 1)
	case Week:
		begins = time.Date(y, m, d-(int(at.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
		ends = begins.AddDate(0, 0, 7)
	case Month:
		begins = time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		ends = begins.AddDate(0, 1, 0)
	default:
		return 0, time.Time{}
	}
	return Period(begins.Unix() / 60), ends
}

// Charge is an amount on an account: reserved, or settled.
type Charge struct {
	Account Account
	Period  Period
	Unit    Unit
	Amount  Amount // of a correction it may be negative
}
