package quota

import (
	"fmt"
	"slices"
	"strings"
)

// rule is a compiled limit; immutable.
type rule struct {
	Limit
	set *rules
	// least and most bound estimates: of Concurrent both are one, and of a limit
	// of nothing least is more than there can be.
	least, most Amount
	place       int  // among the limits
	gone        bool // no longer among the limits
}

// rules is all limits at one time; immutable.
type rules struct {
	list []*rule
	by   map[counted]*rule
	// Where each tenant or key has a budget of its own, rules are many and few
	// of them are about a request: those that name just one of either are found
	// by it, the others are all looked at.
	named  map[named][]*rule
	others []*rule
}

// named is a dimension and the one value that a rule names there.
type named struct {
	dimension Dimension
	value     string
}

// name is the one key or tenant that the limit is about; false if it is about
// several.
func (l *Limit) name() (named, bool) {
	for _, d := range []Dimension{Key, Tenant} {
		if of := l.Match[d]; len(of) == 1 && !strings.Contains(of[0], "*") {
			return named{d, of[0]}, true
		}
	}
	return named{}, false
}

// candidates are the rules that may be about a subject, in the order of limits.
func (set *rules) candidates(s *Subject) []*rule {
	found := slices.Concat(set.named[named{Key, s.Key}], set.named[named{Tenant, s.Tenant}], set.others)
	slices.SortFunc(found, func(a, b *rule) int { return a.place - b.place })
	return found
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
	set := &rules{by: make(map[counted]*rule, len(limits)), named: make(map[named][]*rule)}
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
		r := &rule{Limit: *l, set: set, most: MaxAmount + 1, place: i}
		switch {
		case l.Amount == 0:
			r.least = MaxAmount + 1
		case l.Unit == Concurrent:
			r.least, r.most = 1, 1
		}
		set.list = append(set.list, r)
		set.by[l.counted()] = r
		if n, one := l.name(); one {
			set.named[n] = append(set.named[n], r)
		} else {
			set.others = append(set.others, r)
		}
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
