package quota

import (
	"strconv"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// MaxCharges is how many accounts one request may have.
const MaxCharges = 24

// floor is how deep a lease's free part falls: sums of amounts stay above it,
// and only a closed lease is below.
const (
	floor  Amount = -1 << 61
	closed Amount = -1 << 62
)

// plus adds and stays between floor and its opposite. Both must be within.
func (a Amount) plus(b Amount) Amount { return min(max(a+b, floor), -floor) }

// times multiplies amounts that are not negative, up to the greatest limit.
func (a Amount) times(n Amount) Amount {
	if n > 0 && a > MaxAmount/n {
		return MaxAmount
	}
	return a * n
}

// used is what a report may count: neither negative nor above the greatest
// limit.
func (a Amount) used() Amount { return min(max(a, 0), MaxAmount) }

var units = [NumUnits]struct{ name, one, many string }{
	Requests:   {"requests", " request", " requests"},
	Input:      {"input", " input token", " input tokens"},
	Output:     {"output", " output token", " output tokens"},
	Tokens:     {"tokens", " token", " tokens"},
	Money:      {"money", "", ""},
	Concurrent: {"concurrent", " request at a time", " requests at a time"},
}

// String is the unit's name: a metric label and a webhook's word; catalogs write
// input_tokens and output_tokens.
func (u Unit) String() string {
	if u >= NumUnits {
		return "unknown"
	}
	return units[u].name
}

// Text is an amount of the unit in words: "12 tokens", "$0.25".
func (u Unit) Text(a Amount) string {
	switch {
	case u >= NumUnits:
		return strconv.FormatInt(int64(a), 10)
	case u == Money && a < 0:
		return "-$" + llm.NanoUSD(-a).String()
	case u == Money:
		return "$" + llm.NanoUSD(a).String()
	case a == 1:
		return "1" + units[u].one
	default:
		return strconv.FormatInt(int64(a), 10) + units[u].many
	}
}

var windows = [NumWindows]struct{ name, each string }{
	Total:  {"total", " in total"},
	Minute: {"minute", " a minute"},
	Hour:   {"hour", " an hour"},
	Day:    {"day", " a day"},
	Week:   {"week", " a week"},
	Month:  {"month", " a month"},
}

// String is the window's name: a metric label and a webhook's word; catalogs write
// input_tokens and output_tokens.
func (w Window) String() string {
	if w >= NumWindows {
		return "unknown"
	}
	return windows[w].name
}

// String is the dimension's name.
func (d Dimension) String() string {
	if d >= NumDimensions {
		return "unknown"
	}
	return dimensions[d]
}

var dimensions = [NumDimensions]string{Key: "key", Tenant: "tenant", Model: "model", Tag: "tag"}
