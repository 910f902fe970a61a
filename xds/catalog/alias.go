package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const maxAliases = 1000

// alias is a further name for a model, or a pattern of such names.
type alias struct {
	pattern string
	model   *Model
}

func (c *compiler) aliases() {
	doc, cat := c.doc.Aliases, c.catalog
	if len(doc) > maxAliases {
		c.fail("aliases", fmt.Sprintf("has %d entries", len(doc)), fmt.Sprintf("at most %d are read", maxAliases))
		return
	}
	order := sortedKeys(doc)
	slices.SortFunc(order, func(a, b string) int { return c.before(member("aliases", a), member("aliases", b)) })
	for _, pattern := range order {
		field, model := member("aliases", pattern), cat.models[doc[pattern]]
		if model == nil {
			model = cat.known[doc[pattern]]
		}
		switch {
		case !validGlob(pattern):
			c.failName(field, show(pattern)+" is not a pattern", globRight)
		case cat.models[pattern] != nil && c.given(member("models", pattern)):
			c.failName(field, "is never used: models defines "+show(pattern), "remove one of them")
		case model == nil:
			c.fail(field, show(doc[pattern])+" is not a model of this catalog", c.suggest(doc[pattern], cat.names, "write the public name of a model, creator/model"))
		}
		cat.aliases = append(cat.aliases, alias{pattern, model})
	}
	slices.SortStableFunc(cat.aliases, specific)
}

// specific puts exact names first, then what has more to match literally, then
// what has fewer gaps.
func specific(a, b alias) int {
	x, y := strings.Count(a.pattern, "*"), strings.Count(b.pattern, "*")
	return cmp.Or(cmp.Compare(min(x, 1), min(y, 1)), cmp.Compare(len(b.pattern)-y, len(a.pattern)-x), cmp.Compare(x, y))
}

func sortKeys(keys []Key) {
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
}
