package oidc

import (
	"errors"
	"slices"
	"strings"
)

// template makes names of claims: "env:{environment}".
type template struct{ parts []part }

// part is a text or, if claim is set, the value of that claim.
type part struct{ text, claim string }

func compileTemplate(s string) (t template, err error) {
	for rest := s; rest != ""; {
		text, behind, braced := strings.Cut(rest, "{")
		if strings.Contains(text, "}") {
			return t, errors.New("has a } without a {")
		}
		if text != "" {
			t.parts = append(t.parts, part{text: text})
		}
		if !braced {
			return t, nil
		}
		claim, after, closed := strings.Cut(behind, "}")
		if !closed {
			return t, errors.New("has a { without a }")
		}
		if !validPath(claim) {
			return t, errors.New("has braces without the name of a claim")
		}
		t.parts = append(t.parts, part{claim: claim})
		rest = after
	}
	return t, nil
}

func (t template) empty() bool { return len(t.parts) == 0 }

// claims names the claims that the template needs.
func (t template) claims() string {
	var names []string
	for _, p := range t.parts {
		if p.claim != "" && !slices.Contains(names, p.claim) {
			names = append(names, p.claim)
		}
	}
	return strings.Join(names, ", ")
}

// one fills in the template. wrong says what the claims lack.
func (t template) one(claims map[string]any) (s, wrong string) {
	all, wrong := t.fill(claims, nil)
	if wrong != "" {
		return "", wrong
	}
	return all[0], ""
}

// maxListed is how many elements of a claim's list are looked at.
const maxListed = 64

// every fills in the template once for each element of a claim that is a list,
// else once.
func (t template) every(claims map[string]any) (all []string, wrong string) {
	var list string
	for _, p := range t.parts {
		if p.claim == "" || p.claim == list {
			continue
		}
		if value, _ := find(claims, p.claim); !isList(value) {
			continue
		}
		if list != "" {
			return nil, "has two lists, " + list + " and " + p.claim + ", where one is understood"
		}
		list = p.claim
	}
	if list == "" {
		return t.fill(claims, nil)
	}
	value, _ := find(claims, list)
	elements, _ := value.([]any)
	if len(elements) > maxListed {
		return nil, "has more than 64 elements in its claim " + list
	}
	for _, element := range elements {
		filled, wrong := t.fill(claims, &listed{list, element})
		if wrong != "" {
			return nil, wrong
		}
		all = append(all, filled...)
	}
	return all, ""
}

func isList(value any) bool {
	_, ok := value.([]any)
	return ok
}

// listed is an element that stands in for a claim's list.
type listed struct {
	claim   string
	element any
}

func (t template) fill(claims map[string]any, instead *listed) (one []string, wrong string) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.claim == "" {
			b.WriteString(p.text)
			continue
		}
		value, ok := find(claims, p.claim)
		if !ok {
			return nil, "has no claim " + p.claim + ", which tells who asks here"
		}
		if instead != nil && instead.claim == p.claim {
			value = instead.element
		}
		s, ok := text(value)
		if !ok || s == "" {
			return nil, "has a claim " + p.claim + " that is no text, and tells nobody's name"
		}
		b.WriteString(s)
	}
	return []string{b.String()}, ""
}
