package llm

import (
	"errors"
	"strconv"
	"strings"
)

// PicoUSD is a price of one token in 10⁻¹² US dollars. A dollar a million
// tokens is 1,000,000 of them, so every price that vendors publish, in dollars
// a million with up to six decimals, is a whole number.
type PicoUSD int64

// NanoUSD is an amount of money in 10⁻⁹ US dollars.
type NanoUSD int64

// MaxPrice bounds a believable price: a million dollars a million tokens.
const MaxPrice PicoUSD = 1e12

// ErrPrice is the error of ParsePrice.
var ErrPrice = errors.New("not a price in dollars a million tokens: a decimal number from 0 to 1000000")

// ParsePrice reads dollars a million tokens from a decimal number, such as
// "37.5" or "5e-2". Beyond six decimals it rounds half up: what stands there
// comes from binary fractions ("0.049999999999999996").
func ParsePrice(s string) (PicoUSD, error) {
	const decimals = 6
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		if err != nil || n < -30 || n > 30 {
			return 0, ErrPrice
		}
		mantissa, exponent = s[:i], n
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if whole == "" || point && fraction == "" || len(digits) > 64 || strings.Trim(digits, "0123456789") != "" {
		return 0, ErrPrice
	}
	// The price is the first keep digits, rounded by the one that follows.
	keep := len(whole) + exponent + decimals
	if keep > len(digits) {
		digits += strings.Repeat("0", keep-len(digits))
	}
	if keep < 0 {
		return 0, nil
	}
	n, round := int64(0), false
	for i := range len(digits) {
		if i == keep {
			round = digits[i] >= '5'
			break
		}
		if n = n*10 + int64(digits[i]-'0'); n > int64(MaxPrice) {
			return 0, ErrPrice
		}
	}
	if round {
		n++
	}
	if n > int64(MaxPrice) {
		return 0, ErrPrice
	}
	return PicoUSD(n), nil
}

// PerMillion is the price in dollars a million tokens: "37.5".
func (p PicoUSD) PerMillion() string { return decimal(int64(p), 6) }

// PerToken is the price in dollars a token: "0.0000375".
func (p PicoUSD) PerToken() string { return decimal(int64(p), 12) }

// String is the amount in dollars: "0.000123456".
func (n NanoUSD) String() string { return decimal(int64(n), 9) }

// decimal writes n / 10^places without trailing zeros.
func decimal(n int64, places int) string {
	sign := ""
	digits := strconv.FormatInt(n, 10)
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	if missing := places + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, fraction := digits[:len(digits)-places], strings.TrimRight(digits[len(digits)-places:], "0")
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}
