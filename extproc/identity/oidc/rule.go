package oidc

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// rule is an issuer of the catalog, compiled. It is immutable.
type rule struct {
	name       string
	source     *source
	algorithms []string
	validator  *jwt.Validator
	require    []catalog.ClaimRule
	tenant     template // empty: nobody
	key        template
	tags       []template
	models     []string
}

// algorithms are those that a catalog may list, all with public keys (RFC 7518
// section 3.1, RFC 8037 section 3.1).
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// maxTags is how many tags a request may have by its token's claims.
const maxTags = 32

func compileRule(i *catalog.Issuer, now func() time.Time) (*rule, error) {
	r := &rule{name: i.Name, algorithms: i.Algorithms, require: i.Require, models: i.Models}
	var errs []error
	if i.Issuer == "" || len(i.Audience) == 0 || slices.Contains(i.Audience, "") {
		errs = append(errs, errors.New("needs an issuer and an audience"))
	}
	if len(i.Algorithms) == 0 {
		errs = append(errs, errors.New("accepts no algorithm"))
	}
	for _, a := range i.Algorithms {
		if !slices.Contains(algorithms, a) {
			errs = append(errs, fmt.Errorf("accepts the algorithm %q, which has no public key", a))
		}
	}
	for _, need := range i.Require {
		if !validPath(need.Claim) {
			errs = append(errs, fmt.Errorf("requires %q, which names no claim", need.Claim))
		}
	}
	compile := func(s, what string, valid func(string) bool) template {
		t, err := compileTemplate(s)
		if err == nil && !t.empty() && t.claims() == "" && !valid(s) {
			err = errors.New("can never be " + what)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("template %q %w", s, err))
		}
		return t
	}
	r.tenant = compile(i.Tenant, "a tenant's name", catalog.ValidName)
	if r.key = compile(i.Key, "a name", keyName.MatchString); i.Key == "" {
		errs = append(errs, errors.New("has no template for the name of who asks"))
	}
	for _, tag := range i.Tags {
		if t := compile(tag, "a tag", catalog.ValidTag); !t.empty() {
			r.tags = append(r.tags, t)
		}
	}
	r.validator = jwt.NewValidator(jwt.WithIssuer(i.Issuer), jwt.WithAudience(i.Audience...),
		jwt.WithExpirationRequired(), jwt.WithLeeway(i.Leeway), jwt.WithTimeFunc(now))
	if len(errs) > 0 {
		return nil, fmt.Errorf("issuer %s: %w", i.Name, errors.Join(errs...))
	}
	return r, nil
}

// keyName is what names of who asks look like: printable ASCII without what
// would have to be escaped in JSON, as the catalog's patterns for keys.
// Subjects look like repo:acme/site:ref:refs/heads/main.
var keyName = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,255}$`)

// demand says which required claim a verified token lacks, "" if none.
func (r *rule) demand(claims map[string]any) (wrong string) {
	for _, need := range r.require {
		value, ok := find(claims, need.Claim)
		if !ok {
			return "has no claim " + need.Claim + ", which is required here"
		}
		if !matches(need.Glob, value) {
			return "has another claim " + need.Claim + " than is required here"
		}
	}
	return ""
}

// matches tells whether a value, or any element of a list, fits a pattern.
func matches(glob string, value any) bool {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	return slices.ContainsFunc(list, func(element any) bool {
		s, ok := text(element)
		return ok && catalog.Matches(glob, s)
	})
}

// identify makes the key of a verified token's claims.
func (r *rule) identify(claims map[string]any) (k *identity.Key, wrong string) {
	who := identity.Key{Origin: identity.FromIssuer}
	if who.Name, wrong = r.key.one(claims); wrong != "" {
		return nil, wrong
	}
	if !keyName.MatchString(who.Name) {
		return nil, "has a value in " + r.key.claims() + " that cannot be a name (1 to 255 characters of ASCII, no spaces, \" or \\)"
	}
	who.ID = r.name + "/" + who.Name
	if !r.tenant.empty() {
		if who.Tenant, wrong = r.tenant.one(claims); wrong != "" {
			return nil, wrong
		}
		if !catalog.ValidName(who.Tenant) {
			return nil, "has a value in " + r.tenant.claims() + " that cannot be a tenant's name (1 to 63 letters, digits and . _ -, a letter or digit first)"
		}
	}
	for _, t := range r.tags {
		tags, wrong := t.every(claims)
		if wrong != "" {
			return nil, wrong
		}
		if slices.ContainsFunc(tags, func(tag string) bool { return !catalog.ValidTag(tag) }) {
			return nil, "has a value in " + t.claims() + " that cannot be a tag (1 to 64 letters, digits and . _ : / @ + = -, a letter or digit first)"
		}
		who.Tags = append(who.Tags, tags...)
	}
	if len(who.Tags) > maxTags {
		return nil, "gives its requests more than 32 tags"
	}
	return identity.NewKey(who, r.models), ""
}
