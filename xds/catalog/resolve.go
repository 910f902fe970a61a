package catalog

import "strings"

// UnknownModelError says that no model has a name.
type UnknownModelError struct {
	Name string
	// Near are up to three public names it may have been meant to be.
	Near []string
}

// Error may reach the client.
func (e *UnknownModelError) Error() string {
	if len(e.Near) == 0 {
		return "there is no model " + show(e.Name)
	}
	return "there is no model " + show(e.Name) + "; did you mean " + strings.Join(e.Near, ", ") + "?"
}

// AmbiguousModelError says that several creators have a model of a bare name.
type AmbiguousModelError struct {
	Name       string
	Candidates []string // public names, sorted
}

// Error may reach the client.
func (e *AmbiguousModelError) Error() string {
	return "several creators have a model " + show(e.Name) + "; write one of " + strings.Join(e.Candidates, ", ")
}

// Resolve finds the model a client means: by its public name; by the part
// after the slash, if one creator has it or preferCreator does; by the
// aliases; by what the bundled list calls the model besides, such as its dated
// ids. Names are case-sensitive. The error is an *AmbiguousModelError or
// an *UnknownModelError. A hit allocates nothing.
func (c *Catalog) Resolve(name, preferCreator string) (*Model, error) {
	if m := c.models[name]; m != nil {
		return m, nil
	}
	candidates := c.bare[name]
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	for _, m := range candidates {
		if creator, _, _ := strings.Cut(m.Name, "/"); creator == preferCreator {
			return m, nil
		}
	}
	if len(name) <= maxName {
		for i := range c.aliases {
			if Matches(c.aliases[i].pattern, name) {
				return c.aliases[i].model, nil
			}
		}
	}
	if m := c.known[name]; m != nil {
		return m, nil
	}
	if len(candidates) > 0 {
		names := make([]string, len(candidates))
		for i, m := range candidates {
			names[i] = m.Name
		}
		return nil, &AmbiguousModelError{Name: name, Candidates: names}
	}
	return nil, &UnknownModelError{Name: name, Near: c.near(name)}
}

// near looks among public names, and among bare ones for a name without a
// slash.
func (c *Catalog) near(name string) []string {
	if strings.Contains(name, "/") {
		return nearest(name, c.names, 3)
	}
	var found []string
	for _, bare := range nearest(name, c.bareNames, 3) {
		for _, m := range c.bare[bare] {
			if len(found) < 3 {
				found = append(found, m.Name)
			}
		}
	}
	return found
}
