package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What names of people's making look like. Keys' names are also those of
// identities, which issuers choose, so patterns for them may hold more.
var (
	tagName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,63}$`)
	keyGlob    = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,256}$`) // printable ASCII without space, " and \
	tenantGlob = regexp.MustCompile(`^[A-Za-z0-9._*-]{1,63}$`)
	tagGlob    = regexp.MustCompile(`^[A-Za-z0-9._:/@+=*-]{1,64}$`)
)

const (
	maxTenants = 10_000
	maxTags    = 10 // of one key, tenant or issuer
	tagRight   = "write 1 to 64 letters, digits and . _ : / @ + = -, a letter or digit first, such as env:production"
)

// ValidName tells whether s is a name for a key, tenant, budget or issuer: 1 to
// 63 letters, digits and . _ -, a letter or digit first.
func ValidName(s string) bool { return keyName.MatchString(s) }

// ValidTag tells whether s is a tag: 1 to 64 letters, digits and . _ : / @ + =
// -, a letter or digit first.
func ValidTag(s string) bool { return tagName.MatchString(s) }

// globForm is what patterns for one kind of name look like.
type globForm struct {
	what  string // "models"
	valid func(string) bool
	right string
}

func without(double string, form *regexp.Regexp) func(string) bool {
	return func(s string) bool { return form.MatchString(s) && !strings.Contains(s, double) }
}

var (
	modelGlobs  = globForm{"models", validGlob, globRight}
	keyGlobs    = globForm{"keys", without("**", keyGlob), `write printable ASCII without spaces, " and \, and * for any text, at most 256 characters`}
	tenantGlobs = globForm{"tenants", without("**", tenantGlob), "write letters, digits and . _ -, and * for any text, at most 63 characters"}
	tagGlobs    = globForm{"tags", without("**", tagGlob), "write letters, digits and . _ : / @ + = -, and * for any text, at most 64 characters"}
)

// globs checks a list of patterns; one that is left out means all.
func (r *report) globs(field string, list []string, form globForm) []string {
	if n := len(list); r.given(field) && !r.failed[field] && (n == 0 || n > maxGlobs) {
		r.fail(field, fmt.Sprintf("has %d patterns", n), fmt.Sprintf("write 1 to %d, or leave %s out to allow all", maxGlobs, form.what))
	}
	for i, glob := range list {
		if at := element(field, i); !r.failed[at] && !form.valid(glob) {
			r.fail(at, show(glob)+" is not a pattern for "+form.what, form.right)
		}
	}
	return list
}

// tags checks and sorts a list that valid tells the tags of.
func (r *report) tags(field string, list []string) []string {
	r.fewTags(field, list)
	for i, tag := range list {
		if at := element(field, i); !r.failed[at] && !ValidTag(tag) {
			r.fail(at, show(tag)+" is not a tag", tagRight)
		}
	}
	return slices.Sorted(slices.Values(list))
}

// fewTags checks that no tag comes twice, nor too many.
func (r *report) fewTags(field string, list []string) {
	if len(list) > maxTags {
		r.fail(field, fmt.Sprintf("has %d tags", len(list)), fmt.Sprintf("at most %d are kept", maxTags))
	}
	for i, tag := range list {
		if slices.Contains(list[:i], tag) {
			r.fail(element(field, i), show(tag)+" is given twice", "remove one of them")
		}
	}
}

// nameKind says what has a name, and which of its kind have been seen, by the
// lines they stand in.
type nameKind struct {
	what string // "key"
	seen map[string]int
}

func oneOf(what string) nameKind { return nameKind{what, map[string]int{}} }

// name checks a name that the source gives.
func (r *report) name(field, name string, of nameKind) {
	if !r.given(field) || r.failed[field] {
		return
	}
	an := "a " + of.what
	if of.what == "issuer" {
		an = "an issuer"
	}
	switch line, twice := of.seen[name]; {
	case looksSecret(name):
		r.fail(field, "looks like a secret", "write a name that may be shown, such as ci")
	case !ValidName(name):
		r.fail(field, show(name)+" is not a name for "+an, nameRight)
	case twice:
		r.fail(field, show(name)+" names another "+of.what+", in line "+strconv.Itoa(line), "give each "+of.what+" its own name")
	default:
		of.seen[name] = r.find(field).line
	}
}

const nameRight = "write 1 to 63 letters, digits and . _ -, a letter or digit first"

// allows tells whether a list of patterns, of which none allow all, has one
// for the name.
func allows(globs []string, name string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(glob string) bool { return Matches(glob, name) })
}
