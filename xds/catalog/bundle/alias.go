package main

import (
	"slices"
	"strings"
)

// aliases are, by model, the further names that mean it and no other: what its
// providers call it, below its creator. Where two models would have one, it is
// the one's whose maker says so, else nobody's.
func aliases(models []*model) map[*model][]string {
	type claim struct {
		of  *model
		own bool
	}
	claimed := map[string][]claim{}
	taken := map[string]bool{}
	for _, m := range models {
		taken[m.name] = true
	}
	for _, m := range models {
		for _, name := range snapshots[m.name] {
			claimed[name] = append(claimed[name], claim{m, true})
		}
		for _, r := range m.rows {
			for _, name := range r.calls() {
				if taken[name] || !publicName.MatchString(name) || len(name) > 128 {
					continue
				}
				claimed[name] = append(claimed[name], claim{m, r.own})
			}
		}
	}
	out := map[*model][]string{}
	for _, name := range sorted(claimed) {
		var owner *model
		contested, own := false, false
		for _, c := range claimed[name] {
			switch {
			case owner == nil || c.own && !own:
				owner, own, contested = c.of, c.own, false
			case c.of != owner && c.own == own:
				contested = true
			}
		}
		if !contested {
			out[owner] = append(out[owner], name)
		}
	}
	return out
}

// calls are the names that a row gives its model.
func (r *row) calls() []string {
	id := r.bareID()
	var names []string
	if variant, ok := variantOf(r.id); ok {
		id += ":" + variant
	}
	if strings.Count(id, "/") == 1 {
		names = append(names, id, strings.ToLower(id))
		_, id, _ = strings.Cut(id, "/")
	} else if _, rest, ok := cutLast(id, "/"); ok {
		id = rest
	}
	if r.slug == "amazon-bedrock" {
		if prefix, rest, ok := strings.Cut(id, "."); ok && creatorOf(prefix) == r.creator {
			id = rest
		}
	}
	names = append(names, r.creator+"/"+strings.ToLower(id))
	if r.own {
		names = append(names, r.creator+"/"+id)
	}
	if _, variant := variantOf(r.id); r.Base != "" && !variant && !slices.Contains(wrongBase, r.slug+":"+r.id) {
		_, base, _ := strings.Cut(r.Base, "/")
		names = append(names, r.creator+"/"+strings.ToLower(base))
	}
	return names
}
