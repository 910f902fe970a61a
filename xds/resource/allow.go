package resource

import (
	"regexp"
	"sort"
	"strings"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// keepOnly removes all headers but those allowed. Envoy can only remove what
// matches, and RE2 has no negation, so the expression spells the complement.
// It is longer than Envoy's default bound, which the bootstrap lifts.
func keepOnly(allowed []string) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_RemoveOnMatch_{RemoveOnMatch: &mutationv3.HeaderMutation_RemoveOnMatch{
		KeyMatcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{
			SafeRegex: &matcherv3.RegexMatcher{Regex: complement(allowed)},
		}},
	}}}
}

// letters is a node of a trie of names.
type letters struct {
	next map[byte]*letters
	word bool // a name ends here
	any  bool // anything may follow
}

// complement is an expression whose full matches are the names not allowed.
func complement(allowed []string) string {
	root := &letters{}
	for _, name := range allowed {
		at := root
		stem, open := strings.CutSuffix(name, "*")
		for i := range len(stem) {
			if at.next == nil {
				at.next = map[byte]*letters{}
			}
			if at.next[stem[i]] == nil {
				at.next[stem[i]] = &letters{}
			}
			at = at.next[stem[i]]
		}
		at.word, at.any = true, at.any || open
	}
	return root.others()
}

// others matches every continuation from here that leads to no name.
func (l *letters) others() string {
	if len(l.next) == 0 {
		return ".+"
	}
	known := make([]byte, 0, len(l.next))
	for c := range l.next {
		known = append(known, c)
	}
	sort.Slice(known, func(i, j int) bool { return known[i] < known[j] })
	var ways []string
	if !l.word {
		ways = append(ways, "")
	}
	ways = append(ways, "[^"+regexp.QuoteMeta(string(known))+"].*")
	for _, c := range known {
		if child := l.next[c]; !child.any {
			ways = append(ways, regexp.QuoteMeta(string(c))+child.others())
		}
	}
	return "(?:" + strings.Join(ways, "|") + ")"
}
