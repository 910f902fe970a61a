package main

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	remark      = regexp.MustCompile(`\((latest|us|eu|au|jp|global|dense|free)\)`)
	bedrockEnd  = regexp.MustCompile(`-(v\d+(:\d+)?|\d+:\d+)$`)
	pointless   = regexp.MustCompile(`(\d)p(\d)`) // Fireworks writes k2p6 for K2.6
	day         = regexp.MustCompile(`^20\d{6}$`)
	smallNumber = regexp.MustCompile(`^\d{1,2}$`)
	numbered    = regexp.MustCompile(`^[a-z]*\d{1,2}$`)
	wordNumber  = regexp.MustCompile(`^([a-z]+)(\d+(\.\d+)*)$`)
	publicName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:+-]*/[A-Za-z0-9][A-Za-z0-9._:+-]*$`)
)

// keys finds out whose model the row is, and what it joins by.
func (r *row) keys() {
	r.creator, r.byID = r.whose()
	r.byName = key(r.creator, r.Name)
	if fixed, ok := misnamed[r.slug+":"+r.id]; ok {
		r.byName = key(r.creator, fixed)
	}
	if variant, ok := variantOf(r.id); ok {
		r.byID += " " + variant
		r.byName += " " + variant
	}
	r.own = r.preset != "" && r.creator == owners[r.slug]
	for _, layout := range []string{time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(layout, r.Release); err == nil {
			r.released = t
			break
		}
	}
}

// whose gives the creator and the key of the row's id, or of its base model,
// which the data joins by itself.
func (r *row) whose() (creator, byID string) {
	if base := r.Base; base != "" && !slices.Contains(wrongBase, r.slug+":"+r.id) {
		creator, rest, _ := strings.Cut(base, "/")
		creator = creatorOf(creator)
		return creator, key(creator, rest)
	}
	id := r.bareID()
	if prefix, rest, ok := cutLast(id, "/"); ok && r.slug != "fireworks-ai" {
		creator = creatorOf(prefix)
		return creator, key(creator, rest)
	} else if ok {
		id = rest
	}
	if r.slug == "amazon-bedrock" {
		if prefix, rest, ok := strings.Cut(id, "."); ok {
			creator = creatorOf(prefix)
			return creator, key(creator, rest)
		}
	}
	creator = owners[r.slug]
	if f := familyCreator(r.Family, id); f != "" {
		creator = f
	}
	return creator, key(creator, id)
}

// bareID is the id without what only this provider writes around a name.
func (r *row) bareID() string {
	id := r.id
	switch r.slug {
	case "amazon-bedrock":
		if r.area != "" || areaOf(id) != "" {
			_, id, _ = strings.Cut(id, ".")
		}
		id = bedrockEnd.ReplaceAllString(id, "")
	case "fireworks-ai":
		id = pointless.ReplaceAllString(id, "$1.$2")
	case "google-vertex", "google-vertex-anthropic":
		id = strings.TrimSuffix(strings.TrimSuffix(id, "-maas"), "@default")
		id = strings.Replace(id, "@", "-", 1)
	}
	if variant, ok := variantOf(id); ok {
		id = strings.TrimSuffix(id, ":"+variant)
	}
	return id
}

// variantOf is the end of an id behind a colon: another offer of the model.
func variantOf(id string) (string, bool) {
	_, variant, ok := strings.Cut(id, ":")
	return variant, ok && slices.Contains([]string{"free", "thinking"}, variant)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	before = s[:i]
	if j := strings.LastIndex(before, sep); j >= 0 {
		before = before[j+1:]
	}
	return before, s[i+1:], true
}

func creatorOf(prefix string) string {
	prefix = strings.ToLower(prefix)
	if c, ok := creators[prefix]; ok {
		return c
	}
	return prefix
}

// familyCreator is who makes a family, for providers that host many.
func familyCreator(family, id string) string {
	for _, f := range families {
		if strings.HasPrefix(family, f.prefix) || strings.HasPrefix(id, f.prefix) {
			return f.creator
		}
	}
	return ""
}

// key reduces an id or a name to its words, sorted: spelling, order and what
// says nothing about the model (the creator, dates of snapshots, precision) are
// gone. Two models of one creator never have equal keys unless they are called
// the same.
func key(creator, s string) string {
	s = remark.ReplaceAllString(strings.ToLower(strings.TrimSpace(s)), "")
	s = strings.ReplaceAll(s, "r+", "r plus")
	words := strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune("-_ /():[],@\t", c) })
	words = versions(words)
	large := slices.Contains(words, "maverick") || slices.Contains(words, "scout")
	var kept []string
	for _, w := range words {
		switch {
		case w == creator, slices.Contains(silent, w), day.MatchString(w):
		case large && (w == "17b" || w == "128e" || w == "16e"): // the only sizes there are
		default:
			if m := wordNumber.FindStringSubmatch(w); m != nil {
				kept = append(kept, m[1], m[2])
				continue
			}
			kept = append(kept, w)
		}
	}
	slices.Sort(kept)
	return strings.Join(kept, " ")
}

// versions joins the numbers of a version: 4 and 5 are 4.5, k2 and 6 are k2.6.
func versions(words []string) []string {
	var out []string
	for i := 0; i < len(words); i++ {
		w := words[i]
		if i+1 < len(words) && numbered.MatchString(w) && smallNumber.MatchString(words[i+1]) {
			w += "." + words[i+1]
			i++
		}
		out = append(out, w)
	}
	return out
}
