package main

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// model is what several rows are found to be.
type model struct {
	name  string // creator/model
	rows  []*row
	ids   map[string]bool // keys
	names map[string]bool // keys
}

// near is how far two providers' release days of one model lie apart at most,
// where nothing but the day and one key says that they are one.
const near = 45 * 24 * time.Hour

// join sorts the rows into models. Rows that name models come first, so that
// others join them; then those of the models' own makers.
func join(rows []*row) []*model {
	slices.SortStableFunc(rows, func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.slug, b.slug), cmp.Compare(a.id, b.id))
	})
	byCreator := map[string][]*model{}
	for _, r := range rows {
		m := best(byCreator[r.creator], r)
		if m == nil {
			m = &model{ids: map[string]bool{}, names: map[string]bool{}}
			byCreator[r.creator] = append(byCreator[r.creator], m)
		}
		m.add(r)
	}
	byName := map[string]*model{}
	var models []*model
	for _, creator := range sorted(byCreator) {
		for _, m := range byCreator[creator] {
			m.name = m.public()
			if same := byName[m.name]; same != nil {
				same.rows = append(same.rows, m.rows...) // one creator does not name two models alike
			} else if m.name != "" {
				byName[m.name] = m
				models = append(models, m)
			}
		}
	}
	slices.SortFunc(models, func(a, b *model) int { return strings.Compare(a.name, b.name) })
	return models
}

func (r *row) rank() int {
	switch {
	case r.slug == naming:
		return 0
	case r.own:
		return 1
	case r.Base != "":
		return 2
	}
	return 3
}

// best is the model that the row is, or nil. Each row of the naming provider is
// a model by itself: it names them apart.
func best(models []*model, r *row) *model {
	if r.slug == naming {
		return nil
	}
	if name, ok := reviewed[r.slug+":"+r.id]; ok {
		for _, m := range models {
			if m.called(name) {
				return m
			}
		}
		return nil
	}
	var found *model
	most := 1
	for _, m := range models {
		n, signs := m.agree(r)
		if n > most {
			found, most = m, n
			if r.signs = ""; n < 3 {
				r.signs = signs
			}
		}
	}
	return found
}

// agree counts the signs that the row is this model.
func (m *model) agree(r *row) (n int, signs string) {
	var said []string
	if m.ids[r.byID] {
		said = append(said, "id")
		if r.Base != "" {
			n++ // the data itself joins it
		}
	}
	if m.names[r.byName] {
		said = append(said, "name")
	}
	if len(said) == 0 {
		return 0, ""
	}
	if slices.ContainsFunc(m.rows, func(other *row) bool { return other.released.Sub(r.released).Abs() <= near }) {
		said = append(said, "date")
	}
	return n + len(said), strings.Join(said, "+")
}

func (m *model) called(name string) bool {
	return slices.ContainsFunc(m.rows, func(r *row) bool {
		return r.slug == naming && r.id == name || named[r.slug+":"+r.id] == name || r.creator+"/"+r.plain() == name
	})
}

func (m *model) add(r *row) {
	m.rows = append(m.rows, r)
	m.ids[r.byID] = true
	if r.signs == "" || strings.Contains(r.signs, "id") {
		m.names[r.byName] = true // a row that joined by its name alone names nothing
	}
}

// public is the model's public name, "" if nobody but the naming provider has
// it.
func (m *model) public() string {
	if !slices.ContainsFunc(m.rows, func(r *row) bool { return r.preset != "" }) {
		return ""
	}
	first := m.rows[0]
	if first.slug == naming {
		return first.id
	}
	for _, r := range m.rows {
		if name, ok := named[r.slug+":"+r.id]; ok {
			return name
		}
	}
	name := first.creator + "/" + first.plain()
	if variant, ok := variantOf(first.id); ok {
		name += ":" + variant
	}
	if !publicName.MatchString(name) {
		return ""
	}
	return name
}

// plain is what the row calls its model, without prefix and day of a snapshot.
func (r *row) plain() string {
	id := r.bareID()
	if r.Base != "" && !r.own {
		_, id, _ = strings.Cut(r.Base, "/")
	}
	if _, rest, ok := cutLast(id, "/"); ok {
		id = rest
	} else if r.slug == "amazon-bedrock" {
		if prefix, rest, ok := strings.Cut(id, "."); ok && creatorOf(prefix) == r.creator {
			id = rest
		}
	}
	id = strings.ToLower(id)
	if stem, end, ok := cutDay(id); ok && day.MatchString(end) {
		id = stem
	}
	return id
}

func cutDay(id string) (stem, end string, ok bool) {
	i := strings.LastIndexByte(id, '-')
	if i < 0 {
		return id, "", false
	}
	return id[:i], id[i+1:], true
}
