package xds

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// missing names every resource that another one needs and that is not there,
// all at once; nil for a consistent state. Clusters may also be static: those
// of Envoy's bootstrap.
func (s *state) missing(static map[string]bool) error {
	var errs []error
	for kind := range numKinds {
		for _, name := range slices.Sorted(maps.Keys(s[kind].items)) {
			for needed, names := range s[kind].items[name].refs {
				for _, n := range names {
					if !s.holds(Kind(needed), n, static) {
						errs = append(errs, fmt.Errorf("%s %q names %s %q, which does not exist",
							kinds[kind].noun, name, kinds[needed].noun, n))
					}
				}
			}
		}
	}
	return errors.Join(errs...)
}

func (s *state) holds(kind Kind, name string, static map[string]bool) bool {
	if _, ok := s[kind].items[name]; ok {
		return true
	}
	return kind == Clusters && static[name]
}

// needsAny tells whether any resource names one of that kind.
func (s *state) needsAny(kind Kind) bool {
	for k := range numKinds {
		for _, it := range s[k].items {
			if len(it.refs[kind]) > 0 {
				return true
			}
		}
	}
	return false
}
