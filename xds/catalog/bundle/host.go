package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog/internal/listing"
)

// list turns models into the form of the list.
func list(models []*model) []listing.Model {
	claims := aliases(models)
	out := make([]listing.Model, 0, len(models))
	for _, m := range models {
		lm := listing.Model{Name: m.name, Title: m.title(), Created: m.created(), Aliases: claims[m]}
		for _, r := range regional(m.hosts()) {
			if r.embeds() {
				r.Limit.Output = 0 // dimensions, in the data
			}
			lm.Hosts = append(lm.Hosts, listing.Host{
				At: r.preset, ID: r.id, Area: r.area, Dialects: r.dialects(),
				Context: r.Limit.Context, Output: r.Limit.Output, Able: r.able().Names(), Prices: (*listing.Prices)(r.price),
			})
		}
		out = append(out, lm)
	}
	return out
}

// hosts are the rows to serve the model by: one for each preset and area.
func (m *model) hosts() []*row {
	var chosen []*row
	for _, r := range m.rows {
		if r.preset == "" {
			continue
		}
		i := slices.IndexFunc(chosen, func(c *row) bool { return c.preset == r.preset && c.area == r.area })
		if i < 0 {
			chosen = append(chosen, r)
		} else if r.pinned() && !chosen[i].pinned() {
			chosen[i] = r
		}
	}
	slices.SortFunc(chosen, func(a, b *row) int {
		return cmp.Or(strings.Compare(a.preset, b.preset), strings.Compare(a.area, b.area))
	})
	return chosen
}

// pinned tells whether the id names a snapshot: it goes on meaning the same.
func (r *row) pinned() bool {
	return slices.ContainsFunc(strings.FieldsFunc(r.id, func(c rune) bool { return c == '-' || c == '@' }), day.MatchString)
}

// title is what people call the model, by its maker if he says.
func (m *model) title() string {
	title := m.rows[0].Name
	for _, r := range m.rows {
		if r.own {
			title = r.Name
			break
		}
	}
	return strings.TrimSpace(remark.ReplaceAllStringFunc(title, func(string) string { return "" }))
}

// created is the day of the release, by the model's maker if he says, else by
// whom it is named after.
func (m *model) created() string {
	if fixed, ok := misdated[m.name]; ok {
		return fixed
	}
	var first *row
	for _, r := range m.rows {
		exact := len(r.Release) == len(time.DateOnly) // some know no more than the month
		if exact && (first == nil || r.own && (!first.own || r.released.Before(first.released))) {
			first = r
		}
	}
	if first == nil {
		return ""
	}
	return first.Release
}

// dialects are those of the row where they are not the preset's.
func (r *row) dialects() []llm.Dialect {
	for _, s := range spoken {
		if slices.Contains(s.presets, r.preset) && s.of(r) {
			return s.dialects
		}
	}
	return nil
}

// able is what the model can do at this provider. What the data does not tell
// is taken for granted: a provider's refusal is tried elsewhere, but nobody
// tries what is passed over.
func (r *row) able() llm.Needs {
	if r.embeds() {
		return llm.NeedEmbeddings
	}
	var n llm.Needs
	set := func(on bool, need llm.Needs) {
		if on {
			n |= need
		}
	}
	set(r.ToolCall || slices.Contains(callsTools, r.slug+":"+r.id), llm.NeedTools)
	set(r.Reasoning, llm.NeedReasoning)
	set(r.Structured == nil || *r.Structured, llm.NeedJSONSchema)
	in := r.Modalities.Input
	set(slices.Contains(in, "image"), llm.NeedImages)
	set(slices.Contains(in, "audio"), llm.NeedAudio)
	set(slices.Contains(in, "video"), llm.NeedVideo)
	set(slices.Contains(in, "pdf") || readsFiles(r), llm.NeedFiles)
	set(slices.Contains(r.Modalities.Output, "image"), llm.NeedImageOut)
	set(slices.Contains(r.Modalities.Output, "audio"), llm.NeedAudioOut)
	return n
}
