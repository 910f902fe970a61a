package oidc

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/identity"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// shown is what of a Key can be seen.
type shown struct {
	Name, ID, Tenant string
	Tags             []string
}

func show(k *identity.Key) shown { return shown{k.Name, k.ID, k.Tenant, k.Tags} }

func TestTokensOfEveryKindOfKeyPass(t *testing.T) {
	a := newAuthority(t)
	entry := a.entry()
	entry.Algorithms = append(entry.Algorithms, "PS256", "ES384")
	v := a.verifier(entry)
	methods := map[string]string{"rsa": "RS256", "ec": "ES256", "ec384": "ES384", "ed": "EdDSA"}
	for kid, algorithm := range methods {
		t.Run(algorithm, func(t *testing.T) {
			k, p := v.Verify(t.Context(), []byte(a.token(kid, nil)))
			if p != nil {
				t.Fatal(p)
			}
			want := shown{Name: "owner:acme:project:site", ID: "vercel/owner:acme:project:site"}
			if diff := cmp.Diff(want, show(k)); diff != "" || k.Origin != identity.FromIssuer {
				t.Errorf("the key (-want +got):\n%s", diff)
			}
		})
	}
	if n := a.fetches.Load(); n != 1 || a.discoveries.Load() != 1 {
		t.Errorf("%d discoveries and %d fetches for tokens of known keys", a.discoveries.Load(), n)
	}
}

func TestAModelHasToBeAllowed(t *testing.T) {
	a := newAuthority(t)
	entry := a.entry()
	entry.Models = []string{"acme/*"}
	k, p := a.verifier(entry).Verify(t.Context(), []byte(a.token("ed", nil)))
	if p != nil {
		t.Fatal(p)
	}
	if !k.Allows("acme/big") || k.Allows("other/big") {
		t.Error("the issuer's models do not count")
	}
}

func TestATokenPassesByTheFirstEntryItFits(t *testing.T) {
	a := newAuthority(t)
	prod, preview, other := a.entry(), a.entry(), a.entry()
	prod.Name, prod.Require, prod.Tenant = "prod", []catalog.ClaimRule{{Claim: "environment", Glob: "production"}}, "live"
	preview.Name, preview.Require, preview.Tenant = "preview", []catalog.ClaimRule{{Claim: "environment", Glob: "pre*"}}, "trial"
	other.Name, other.Audience = "other", []string{"elsewhere"}
	v := a.verifier(other, prod, preview)
	for environment, tenant := range map[string]string{"production": "live", "preview": "trial"} {
		k, p := v.Verify(t.Context(), []byte(a.token("ed", map[string]any{"environment": environment})))
		if p != nil || k.Tenant != tenant {
			t.Errorf("%s: %v, %v", environment, k, p)
		}
	}
	_, p := v.Verify(t.Context(), []byte(a.token("ed", map[string]any{"environment": "development"})))
	if p == nil || p.Kind != llm.Forbidden || p.Message != "The token has another claim environment than is required here." {
		t.Errorf("a token that fits none: %v", p)
	}
	if n := a.fetches.Load(); n != 1 {
		t.Errorf("three entries of one issuer fetch its keys %d times", n)
	}
}

func TestAVerifierWithoutIssuersTrustsNobody(t *testing.T) {
	a := newAuthority(t)
	empty, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*Verifier{nil, empty} {
		if k, p := v.Verify(t.Context(), []byte(a.token("ed", nil))); k != nil || p == nil || p.Kind != llm.Unauthenticated || v.Trusts() {
			t.Errorf("Verify gives %v, %v", k, p)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	(*Verifier)(nil).Run(ctx)
}

func TestAnIssuerThatCannotBeTrustedIsAnError(t *testing.T) {
	const file = "testdata/none.pem"
	tests := []struct {
		name   string
		change func(*catalog.Issuer)
		want   string
	}{
		{"no audience", func(i *catalog.Issuer) { i.Audience = nil }, "issuer x: needs an issuer and an audience"},
		{"an empty audience", func(i *catalog.Issuer) { i.Audience = []string{"a", ""} }, "issuer x: needs an issuer and an audience"},
		{"no algorithm", func(i *catalog.Issuer) { i.Algorithms = nil }, "issuer x: accepts no algorithm"},
		{"none", func(i *catalog.Issuer) { i.Algorithms = []string{"RS256", "none"} }, `issuer x: accepts the algorithm "none", which has no public key`},
		{"a shared secret", func(i *catalog.Issuer) { i.Algorithms = []string{"HS256"} }, `issuer x: accepts the algorithm "HS256", which has no public key`},
		{"plain http", func(i *catalog.Issuer) { i.Issuer = "http://issuer.example" }, "issuer x: has a URL without https"},
		{"plain http for keys", func(i *catalog.Issuer) { i.JWKS = "http://10.0.0.1/keys" }, "issuer x: has a URL without https"},
		{"a password", func(i *catalog.Issuer) { i.JWKS = "https://a:b@issuer.example/keys" }, "issuer x: has a URL that is no https://host/path"},
		{"no URL", func(i *catalog.Issuer) { i.Issuer = "accounts.google.com" }, "issuer x: has a URL that is no https://host/path"},
		{"no key", func(i *catalog.Issuer) { i.Key = "" }, "issuer x: has no template for the name of who asks"},
		{"an open brace", func(i *catalog.Issuer) { i.Key = "{sub" }, `issuer x: template "{sub" has a { without a }`},
		{"a closed brace", func(i *catalog.Issuer) { i.Tenant = "a}" }, `issuer x: template "a}" has a } without a {`},
		{"empty braces", func(i *catalog.Issuer) { i.Tags = []string{"env:{}"} }, `issuer x: template "env:{}" has braces without the name of a claim`},
		{"dots in a row", func(i *catalog.Issuer) { i.Tenant = "{a..b}" }, `issuer x: template "{a..b}" has braces without the name of a claim`},
		{"a fixed tenant that is none", func(i *catalog.Issuer) { i.Tenant = "a b" }, `issuer x: template "a b" can never be a tenant's name`},
		{"a fixed tag that is none", func(i *catalog.Issuer) { i.Tags = []string{"a b"} }, `issuer x: template "a b" can never be a tag`},
		{"a rule about nothing", func(i *catalog.Issuer) { i.Require = []catalog.ClaimRule{{Glob: "*"}} }, `issuer x: requires "", which names no claim`},
		{"no CA file", func(i *catalog.Issuer) { i.CAFile = file }, "issuer x: open " + file + ": no such file or directory"},
		{"a CA file without certificates", func(i *catalog.Issuer) { i.CAFile = "doc.go" }, "issuer x: doc.go has no certificate"},
		{"two mistakes", func(i *catalog.Issuer) { i.Audience, i.Key = nil, "" }, "issuer x: needs an issuer and an audience\nhas no template for the name of who asks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entry := catalog.Issuer{Name: "x", Issuer: "https://issuer.example", Audience: []string{"a"}, Algorithms: []string{"ES256"}, Key: "{sub}"}
			tt.change(&entry)
			v, err := New(Config{Issuers: []catalog.Issuer{entry}})
			if v != nil || err == nil || err.Error() != tt.want {
				t.Errorf("New gives %v, the error %v, want %s", v, err, tt.want)
			}
		})
	}
}

func contains(p *llm.Problem, text string) bool {
	return strings.Contains(p.Message, text) || p.Cause != nil && strings.Contains(p.Cause.Error(), text)
}

// The canary is a token that nobody may read in an answer.
func TestNoMessageRepeatsTheToken(t *testing.T) {
	a := newAuthority(t)
	v := a.verifier(a.entry())
	const canary = "canary-7f3a9c"
	for name, changes := range map[string]map[string]any{
		"issuer": {"iss": canary}, "audience": {"aud": canary}, "subject": {"sub": canary + " "}, "end": {"exp": canary}, "begin": {"nbf": canary},
	} {
		_, p := v.Verify(t.Context(), []byte(a.token("ed", changes)))
		if p == nil {
			t.Fatalf("%s: passes", name)
		}
		if contains(p, canary) {
			t.Errorf("%s: %q, because of %v", name, p.Message, p.Cause)
		}
	}
	for name, header := range map[string]map[string]any{"kid": {"kid": canary}, "type": {"kid": "ed", "typ": canary}} {
		_, p := v.Verify(t.Context(), []byte(seal(t, methods["ed"], signers()["ed"], header, a.claims(nil))))
		if p == nil || contains(p, canary) {
			t.Errorf("%s: %v", name, p)
		}
	}
}
