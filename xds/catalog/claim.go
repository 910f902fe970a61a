package catalog

import (
	"regexp"
	"strings"
)

// templateForm is what a template makes.
type templateForm struct {
	what    string
	literal *regexp.Regexp    // what may stand around claims
	whole   func(string) bool // what it makes, if it has no claim
	right   string
}

var (
	nameTemplate = templateForm{"a name", regexp.MustCompile(`^[A-Za-z0-9._-]*$`), ValidName, "write a name such as acme, or claims in braces, such as {owner_id}"}
	tagTemplate  = templateForm{"a tag", regexp.MustCompile(`^[A-Za-z0-9._:/@+=-]*$`), ValidTag, "write a tag such as ci, or claims in braces, such as env:{environment}"}
	keyTemplate  = templateForm{"a name", regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]*$`), ValidName, "write claims in braces, such as {sub}, or a name such as acme"}
)

const (
	maxTemplate = 256
	claimRight  = "write the claim's name, such as sub, with dots before nested ones, at most 8 deep and 128 characters"
)

// claimTemplate checks a template that the source gives.
func (r *report) claimTemplate(field, text string, form templateForm) string {
	if !r.given(field) || r.failed[field] {
		return text
	}
	literal, claims, ok := openTemplate(text)
	switch {
	case len(text) > maxTemplate:
		r.fail(field, "is longer than 256 characters", form.right)
	case !ok:
		r.fail(field, show(text)+" has braces that do not match", form.right)
	case len(claims) == 0 && !form.whole(text):
		r.fail(field, show(text)+" is not "+form.what, form.right)
	case !form.literal.MatchString(literal):
		r.fail(field, show(text)+" has around its claims what "+form.what+" cannot hold", form.right)
	}
	for _, claim := range claims {
		if !validClaim(claim) {
			r.fail(field, show(claim)+" is not the name of a claim", claimRight)
		}
	}
	return text
}

// openTemplate parts a template into what stands outside braces, put together,
// and the claims inside.
func openTemplate(text string) (literal string, claims []string, ok bool) {
	var outside strings.Builder
	for {
		before, rest, some := strings.Cut(text, "{")
		outside.WriteString(before)
		if strings.Contains(before, "}") {
			return "", nil, false
		}
		if !some {
			return outside.String(), claims, true
		}
		claim, after, closed := strings.Cut(rest, "}")
		if !closed || strings.Contains(claim, "{") {
			return "", nil, false
		}
		claims, text = append(claims, claim), after
	}
}
