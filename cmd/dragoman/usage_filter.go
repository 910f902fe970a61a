package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/generation"
)

// filter says what is meant; now is the present.
func (c *usageCommand) filter(now time.Time) (f generation.Filter, err error) {
	f = generation.Filter{
		View: generation.View{All: true}, OfKey: c.Key, OfTenant: c.Tenant, Model: c.Model, Provider: c.Provider, To: now,
	}
	if c.Tag != "" {
		f.Tags = []string{c.Tag}
	}
	if f.From, _, err = moment(c.From, now); err != nil {
		return f, fmt.Errorf("--from %s: %w", c.From, err)
	}
	if c.To != "" {
		var day bool
		if f.To, day, err = moment(c.To, now); err != nil {
			return f, fmt.Errorf("--to %s: %w", c.To, err)
		}
		if day {
			f.To = f.To.AddDate(0, 0, 1)
		}
	}
	if !f.From.Before(f.To) {
		return f, fmt.Errorf("--from %s is not before --to %s", shownTime(f.From), shownTime(f.To))
	}
	return f, nil
}

// moment reads a day, a time, or how long ago.
func moment(text string, now time.Time) (at time.Time, day bool, err error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, true, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), false, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return now.UTC().AddDate(0, 0, -n), false, nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.UTC().Add(-ago), false, nil
	}
	return at, false, errors.New("write a day such as 2027-01-31, a time such as 2027-01-31T08:00:00Z, or how long ago, such as 24h or 7d")
}

func (c *usageCommand) grouping() generation.Grouping {
	switch c.By {
	case "day":
		return generation.Grouping{Per: generation.Day}
	case "hour":
		return generation.Grouping{Per: generation.Hour}
	}
	return generation.Grouping{By: generation.Dimension(c.By)}
}

// only names the filters, "" if there are none.
func (c *usageCommand) only() string {
	var b strings.Builder
	for _, one := range [][2]string{{"key", c.Key}, {"tenant", c.Tenant}, {"model", c.Model}, {"provider", c.Provider}, {"tag", c.Tag}} {
		if one[1] != "" {
			fmt.Fprintf(&b, ", %s %s", one[0], printable(one[1]))
		}
	}
	return b.String()
}

// shownTime is a time in UTC, without what is zero.
func shownTime(t time.Time) string {
	if t = t.UTC(); t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04")
}
