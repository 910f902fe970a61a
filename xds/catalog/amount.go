package catalog

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// MaxAmount is the greatest amount of a budget, in nano-dollars, tokens or
// requests: 2⁵³, up to which every store counts exactly.
const MaxAmount = 1 << 53

// amountForm is a decimal number: no sign, exponent, base or group of digits,
// and no zero first, which other readers of YAML take for octal.
var amountForm = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// amountFault says what is wrong with an amount that is none.
func amountFault(text, what string) string {
	bare := strings.TrimLeft(text, "$+-.")
	switch {
	case strings.Contains(text[:len(text)-len(bare)], "-") && bare != "" && bare[0] >= '0' && bare[0] <= '9':
		return show(text) + " is negative"
	case strings.EqualFold(bare, "nan"):
		return "is not a number"
	case strings.EqualFold(bare, "inf"), strings.EqualFold(bare, "infinity"):
		return "is infinite"
	}
	return show(text) + " is not " + what
}

// parseAmount reads a number that amountForm matches in units of 10^-decimals.
// It fits if it is at most MaxAmount, and is whole if no digits are left over.
func parseAmount(text string, decimals int) (n int64, fits, whole bool) {
	integer, fraction, _ := strings.Cut(text, ".")
	if more := max(len(fraction)-decimals, 0); strings.Trim(fraction[len(fraction)-more:], "0") != "" {
		return 0, true, false
	} else if more > 0 {
		fraction = fraction[:decimals]
	}
	digits := integer + fraction + strings.Repeat("0", decimals-len(fraction))
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n <= MaxAmount, true
}

// money is in nano-dollars, written as dollars: 500, 0.25, "$500".
type money llm.NanoUSD

const moneyRight = `write dollars with at most 9 decimals, such as 500 or "$0.25"`

func (m *money) read(l literal) (wrong, right string) {
	text := strings.TrimPrefix(l.text, "$")
	if !amountForm.MatchString(text) {
		return amountFault(l.text, "an amount of money"), moneyRight
	}
	const decimals = 9
	if _, fraction, _ := strings.Cut(text, "."); len(fraction) > decimals {
		return show(l.text) + " has more than 9 decimals, and a nano-dollar is the least that is counted", moneyRight
	}
	n, fits, _ := parseAmount(text, decimals)
	if !fits {
		return show(l.text) + " is more than every store counts exactly in nano-dollars", "write at most 9007199.254740992"
	}
	*m = money(n)
	return "", ""
}

// JSONSchema describes the notation.
func (money) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		OneOf: []*jsonschema.Schema{
			{Type: "number", Minimum: "0"},
			{Type: "string", Pattern: `^\$?[0-9]+(\.[0-9]{1,9})?$`},
		},
		Description: "US dollars with at most 9 decimals, up to 9007199.254740992: 500, 0.25, $500.",
	}
}

// count is a number of requests or tokens, written as 500, 20k or 1.5M.
type count int64

const countRight = "write a whole number, or thousands as 20k and millions as 2M"

func (c *count) read(l literal) (wrong, right string) {
	digits, decimals := l.text, 0
	if rest, ok := strings.CutSuffix(l.text, "k"); ok {
		digits, decimals = rest, 3
	} else if rest, ok := strings.CutSuffix(l.text, "M"); ok {
		digits, decimals = rest, 6
	}
	if !amountForm.MatchString(digits) {
		return amountFault(l.text, "a number"), countRight
	}
	n, fits, whole := parseAmount(digits, decimals)
	switch {
	case !whole || decimals == 0 && strings.Contains(digits, "."):
		return show(l.text) + " is not a whole number", countRight
	case !fits:
		return show(l.text) + " is more than every store counts exactly", "write at most 9007199254740992"
	}
	*c = count(n)
	return "", ""
}

// JSONSchema describes the notation.
func (count) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		OneOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: "0"},
			{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)?[kM]?$`},
		},
		Description: "A whole number, up to 9007199254740992, or one with k for thousands or M for millions: 500, 20k, 1.5M.",
	}
}

// age is a duration that may also be written in days: 30d.
type age time.Duration

var ageDays = regexp.MustCompile(`^[0-9]{1,5}d$`)

func (a *age) read(l literal) (wrong, right string) {
	if ageDays.MatchString(l.text) {
		days, err := strconv.Atoi(strings.TrimSuffix(l.text, "d"))
		if err == nil {
			*a = age(time.Duration(days) * 24 * time.Hour)
			return "", ""
		}
	}
	var d duration
	if wrong, _ = d.read(l); wrong != "" {
		return wrong, "write a number with its unit, such as 720h or 30d"
	}
	*a = age(d)
	return "", ""
}

// JSONSchema describes the notation.
func (age) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		OneOf:       []*jsonschema.Schema{{Type: "string", Pattern: ageDays.String()}, duration(0).JSONSchema()},
		Description: "A number with its unit: 30d, 720h, 1h30m.",
	}
}

// moment is a point in time, written as 2027-01-31, the beginning of that day
// in UTC, or by RFC 3339.
type moment time.Time

var momentForm = regexp.MustCompile(`^2[0-9]{3}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?$`)

func (m *moment) read(l literal) (wrong, right string) {
	form := time.RFC3339
	if len(l.text) == len(time.DateOnly) {
		form = time.DateOnly
	}
	t, err := time.Parse(form, l.text)
	if err != nil || !momentForm.MatchString(l.text) {
		return show(l.text) + " is neither a day nor a moment", "write year-month-day, such as 2027-01-31, or RFC 3339, such as 2027-01-31T12:00:00Z, from the year 2000 on"
	}
	*m = moment(t.UTC())
	return "", ""
}

// JSONSchema describes the notation.
func (moment) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: momentForm.String(), Description: "A day, 2027-01-31, or a moment by RFC 3339, 2027-01-31T12:00:00Z."}
}

// at is the zero time if none is given.
func (m *moment) at() time.Time {
	if m == nil {
		return time.Time{}
	}
	return time.Time(*m)
}
