package generation

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Dollars is an amount as a JSON number, exact to the nano-dollar:
// 0.000123456.
func Dollars(n llm.NanoUSD) json.Number { return json.Number(n.String()) }

// ErrDollars is the error of ParseDollars.
var ErrDollars = errors.New("not an amount of dollars: a decimal number with at most nine decimals")

// ParseDollars reads what Dollars writes.
func ParseDollars(n json.Number) (llm.NanoUSD, error) {
	const decimals = 9
	text, negative := strings.CutPrefix(string(n), "-")
	whole, fraction, point := strings.Cut(text, ".")
	if whole == "" || point && fraction == "" || len(fraction) > decimals || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, ErrDollars
	}
	if negative {
		whole = "-" + whole
	}
	sum, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	if err != nil {
		return 0, ErrDollars
	}
	return llm.NanoUSD(sum), nil
}
