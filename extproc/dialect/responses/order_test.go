package responses_test

import (
	"slices"
	"strings"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// sorted takes out what has no meaning: where the members of one object stood
// among others, and what is only said where it can have an effect.
func sorted(r *llm.Request) *llm.Request {
	c := *r
	c.Extra = slices.Clone(r.Extra)
	slices.SortStableFunc(c.Extra, func(a, b llm.Extra) int { return strings.Compare(place(a.Name), place(b.Name)) })
	c.Model = ""
	if len(c.Tools) == 0 {
		c.ToolChoice, c.ParallelToolCalls = llm.ToolChoice{}, llm.Opt[bool]{}
	}
	return &c
}

// place is the object in which a top-level extra lies.
func place(name string) string {
	for _, p := range [...]string{"reasoning/", "text/", "include"} {
		if strings.HasPrefix(name, p) {
			return p
		}
	}
	return ""
}
