package catalog

import (
	"cmp"
	"slices"
)

// maxDistance is how many slips of the hand a name may have.
const maxDistance = 4

// nearest gives up to n candidates that a slip of the hand turns into name,
// nearest first, then by name.
func nearest(name string, candidates []string, n int) []string {
	if name == "" || len(name) > maxName {
		return nil
	}
	limit := min(1+len(name)/4, maxDistance)
	type near struct {
		name     string
		distance int
	}
	var found []near
	for _, c := range candidates {
		if d := distance(name, c, limit); d <= limit {
			found = append(found, near{c, d})
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, f := range found {
		if len(names) < n && !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}

// distance is the number of bytes to insert, drop, change or swap with the
// next one that turn a into b, or anything above limit if it exceeds that. It
// gives up early and allocates nothing, so that a look among thousands of names
// stays cheap. a has at most maxName bytes, limit is at most maxDistance.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var rows [3][maxName + maxDistance + 1]int16
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = int16(j)
	}
	for i := 1; i <= len(a); i++ {
		row[0] = int16(i)
		best := row[0]
		for j := 1; j <= len(b); j++ {
			change := int16(1)
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			best = min(best, row[j])
		}
		if int(best) > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return int(last[len(b)])
}
