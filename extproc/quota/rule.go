package quota

import (
	"fmt"
	"strings"
)

// rule is a compiled limit; immutable.
type rule struct {
	Limit
	set *rules
	// least and most bound estimates: of Concurrent both are one, and of a limit
	// of nothing least is more than there can be.
	least, most Amount
	gone        bool // no longer among the limits
}

// rules is all limits at one time; immutable.
type rules struct {
	list []*rule
	by   map[counted]*rule
}

// counted is what a limit counts; limits that share it share their accounts.
type counted struct {
	name   string
	unit   Unit
	window Window
}

func (l *Limit) counted() counted { return counted{l.Name, l.Unit, l.Window} }

// compile checks limits and compiles them.
func compile(limits []Limit) (*rules, error) {
	set := &rules{by: make(map[counted]*rule, len(limits))}
	names := make(map[string]bool, len(limits))
	for i := range limits {
		l := &limits[i]
		if err := l.check(); err != nil {
			return nil, err
		}
		if names[l.Name] {
			return nil, fmt.Errorf("two limits are named %q", l.Name)
		}
		names[l.Name] = true
		r := &rule{Limit: *l, set: set, most: MaxAmount + 1}
		switch {
		case l.Amount == 0:
			r.least = MaxAmount + 1
		case l.Unit == Concurrent:
			r.least, r.most = 1, 1
		}
		set.list = append(set.list, r)
		set.by[l.counted()] = r
	}
	return set, nil
}

// check tells what is wrong with a limit.
func (l *Limit) check() error {
	switch {
	case l.Name == "":
		return fmt.Errorf("a limit of %s has no name", l.Unit.Text(l.Amount))
	case l.Unit >= NumUnits || l.Window >= NumWindows:
		return fmt.Errorf("limit %q has an unknown unit or window", l.Name)
	case l.Unit == Concurrent && l.Window != Total:
		return fmt.Errorf("limit %q counts requests under way, which no window ends", l.Name)
	case l.Amount < 0 || l.Amount > MaxAmount:
		return fmt.Errorf("limit %q: %d is not between 0 and %d", l.Name, l.Amount, MaxAmount)
	case l.Away < 0 || l.Away > MaxAmount:
		return fmt.Errorf("limit %q: %d while the store is away is not between 0 and %d", l.Name, l.Away, MaxAmount)
	}
	last := uint8(0)
	for _, percent := range l.Soft {
		if percent <= last {
			return fmt.Errorf("limit %q: soft thresholds must rise from above 0", l.Name)
		}
		last = percent
	}
	return nil
}

// estimate is what the rule reserves of a request.
func (r *rule) estimate(of *Amounts) Amount { return min(max(of[r.Unit], r.least), r.most) }

// matches tells whether one of the globs fits a dimension's value.
func matches(globs []string, value string) bool {
	if len(globs) == 0 {
		return true
	}
	for _, g := range globs {
		if glob(g, value) {
			return true
		}
	}
	return false
}

// glob tells whether text fits a pattern in which * stands for any text.
func glob(pattern, text string) bool {
	first, rest, more := strings.Cut(pattern, "*")
	if !more {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text, rest = after, next
	}
}
