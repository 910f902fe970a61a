package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Issuer is somebody whose signed tokens (JWTs, OpenID Connect) are accepted
// in place of keys.
type Issuer struct {
	Name string // unique
	// Issuer is the exact iss of its tokens, an https URL (http on loopback).
	// Several may have the same, with other rules.
	Issuer string
	JWKS   string // URL of its public keys; "" = what its discovery document says
	// Audience are the values of aud that are accepted, one at least.
	Audience []string
	// Algorithms are those accepted (RFC 7518 section 3.1, RFC 8037), never empty,
	// all with public keys.
	Algorithms []string
	CAFile     string // a PEM bundle that replaces the system's roots, "" = system
	// Require are the claims that a token must have besides, sorted by claim.
	Require []ClaimRule
	// Tenant and Key are templates of the names of the tenant and of who asks;
	// Tenant may be empty: none. In a template {claim} stands for a claim's value,
	// {a.b} for that of b in a.
	Tenant, Key string
	Tags        []string // templates, sorted, each once
	Models      []string // globs of public names; empty = all
	// Leeway is how far the issuer's clock may be off.
	Leeway time.Duration
}

// ClaimRule requires that a claim (dots lead into nested ones) matches a glob.
type ClaimRule struct{ Claim, Glob string }

const (
	maxIssuers    = 100
	maxRules      = 32 // of one issuer
	defaultLeeway = 30 * time.Second
	defaultWho    = "{sub}"
)

// algorithms are the signatures of RFC 7518 section 3.1 and RFC 8037 that need
// only a public key to check.
var (
	algorithms        = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	defaultAlgorithms = []string{"RS256", "ES256", "EdDSA"}
)

var (
	claimName    = regexp.MustCompile(`^[A-Za-z0-9_$@:/-]+(\.[A-Za-z0-9_$@:/-]+){0,7}$`)
	claimText    = regexp.MustCompile(`^[\x20-\x7E]{1,256}$`)
	audienceName = regexp.MustCompile(`^[\x21-\x7E]{1,256}$`)
)

func validClaim(s string) bool { return len(s) <= 128 && claimName.MatchString(s) }

func (c *compiler) issuers() {
	if n := len(c.doc.Issuers); n > maxIssuers {
		c.fail("issuers", fmt.Sprintf("has %d entries", n), fmt.Sprintf("at most %d are read", maxIssuers))
		return
	}
	names := oneOf("issuer")
	for i := range c.doc.Issuers {
		c.catalog.Issuers = append(c.catalog.Issuers, c.issuer(element("issuers", i), &c.doc.Issuers[i], names))
	}
	slices.SortFunc(c.catalog.Issuers, func(a, b Issuer) int { return strings.Compare(a.Name, b.Name) })
}

func (c *compiler) issuer(path string, e *issuerEntry, names nameKind) Issuer {
	c.name(path+".name", e.Name, names)
	const example = "https://idp.example.com/acme"
	out := Issuer{
		Name:       e.Name,
		Issuer:     c.url(path+".issuer", e.Issuer, example),
		JWKS:       c.url(path+".jwks", e.JWKS, example+"/.well-known/jwks"),
		Audience:   c.audience(path+".audience", e.Audience),
		Algorithms: c.algorithms(path+".algorithms", e.Algorithms),
		CAFile:     c.file(ownAuthorities, path+".ca", e.CA),
		Require:    c.require(path+".require", e.Require),
		Tenant:     c.claimTemplate(path+".tenant", e.Tenant, nameTemplate),
		Key:        defaultWho,
		Models:     c.globs(path+".models", e.Models, modelGlobs),
		Leeway:     c.span(path+".leeway", e.Leeway, spans{0, 5 * time.Minute, defaultLeeway}),
	}
	if c.given(path + ".key") {
		out.Key = c.claimTemplate(path+".key", e.Key, keyTemplate)
	}
	c.fewTags(path+".tags", e.Tags)
	for i, tag := range e.Tags {
		out.Tags = append(out.Tags, c.claimTemplate(element(path+".tags", i), tag, tagTemplate))
	}
	slices.Sort(out.Tags)
	return out
}

func (c *compiler) audience(field string, list []string) []string {
	if c.given(field) && !c.failed[field] && (len(list) == 0 || len(list) > maxRules) {
		c.fail(field, fmt.Sprintf("has %d entries", len(list)), fmt.Sprintf("write 1 to %d; tokens for others must not be good here", maxRules))
	}
	for i, aud := range list {
		switch at := element(field, i); {
		case c.failed[at]:
		case !audienceName.MatchString(aud):
			c.fail(at, "is not an audience", "write 1 to 256 printable ASCII characters without spaces, just as the token says")
		case slices.Contains(list[:i], aud):
			c.fail(at, "is given twice", "remove one of them")
		}
	}
	return list
}

func (c *compiler) algorithms(field string, list []string) []string {
	if !c.given(field) {
		return slices.Clone(defaultAlgorithms)
	}
	if len(list) == 0 {
		c.fail(field, "is empty", "name one or more of "+strings.Join(algorithms, ", ")+", or leave algorithms out")
	}
	right := "write one of " + strings.Join(algorithms, ", ")
	for i, name := range list {
		switch at := element(field, i); {
		case c.failed[at]:
		case strings.EqualFold(name, "none"):
			c.fail(at, "would accept tokens that nobody has signed", right)
		case strings.HasPrefix(strings.ToUpper(name), "HS"):
			c.fail(at, show(name)+" is checked with the secret that signs, and whoever has that can make tokens", right)
		case !slices.Contains(algorithms, name):
			c.fail(at, show(name)+" is not an algorithm that is accepted", right)
		case slices.Contains(list[:i], name):
			c.fail(at, show(name)+" is given twice", "remove one of them")
		}
	}
	return list
}

func (c *compiler) require(field string, table claimTable) []ClaimRule {
	if n := len(table); n > maxRules {
		c.fail(field, fmt.Sprintf("has %d claims", n), fmt.Sprintf("at most %d are read", maxRules))
		return nil
	}
	var rules []ClaimRule
	for _, claim := range sortedKeys(table) {
		at, glob := member(field, claim), table[claim]
		switch {
		case c.failed[at]:
		case !validClaim(claim):
			c.failName(at, "is not the name of a claim", claimRight)
		case !claimText.MatchString(glob) || strings.Contains(glob, "**"):
			c.fail(at, "is not a pattern for a claim", "write 1 to 256 printable ASCII characters, and * for any text")
		}
		rules = append(rules, ClaimRule{claim, glob})
	}
	return rules
}
