package catalog

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The names of a catalog. Model names go into headers, routes and metric
// labels as they are, so nothing in them ever needs quoting; @ and % start
// names of the gateway's own.
var (
	slugName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	modelName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:+-]*/[A-Za-z0-9][A-Za-z0-9._:+-]*$`)
	modelGlob  = regexp.MustCompile(`^[A-Za-z0-9._:+/*-]+$`)
	keyName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	providerID = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,256}$`) // printable ASCII without space, " and \: JSON needs no escapes
)

const maxName = 128 // bytes of a public model name or pattern

const (
	slugRight  = "write 1 to 63 of a-z, 0-9 and -, not - first"
	modelRight = "write creator/model with letters, digits and . _ : + -, at most 128 characters, such as openai/gpt-4o-mini"
	globRight  = "write letters, digits and . _ : + - /, and * for any text, at most 128 characters"
)

func validModel(s string) bool { return len(s) <= maxName && modelName.MatchString(s) }

func validGlob(s string) bool {
	return len(s) <= maxName && modelGlob.MatchString(s) && !strings.Contains(s, "**")
}

// Matches tells whether a pattern matches the whole of s; * stands for any
// text, an empty one too.
func Matches(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// suggest is the end of a message about a name that is none of those known.
func (r *report) suggest(name string, known []string, none string) string {
	if len(r.errs) >= maxErrors {
		return none // it is only counted: no effort goes into its words
	}
	if near := nearest(name, known, 1); len(near) == 1 && !looksSecret(near[0]) {
		return "did you mean " + near[0] + "?"
	}
	if len(known) == 0 || len(known) > 12 || slices.ContainsFunc(known, looksSecret) {
		return none
	}
	return "known here: " + strings.Join(known, ", ")
}
