package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// span is a duration of a flag, which may be in days.
type span time.Duration

// UnmarshalText reads 24h, 30m or 7d.
func (d *span) UnmarshalText(text []byte) error {
	in, err := inDays(string(text))
	*d = span(in)
	return err
}

// inDays reads a duration; a day is 24 hours.
func inDays(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= int(math.MaxInt64/day) {
			return time.Duration(n) * day, nil
		}
	}
	if in, err := time.ParseDuration(text); err == nil {
		return in, nil
	}
	return 0, errors.New("write how long, such as 24h or 7d")
}
