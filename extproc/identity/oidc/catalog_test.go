package oidc

import (
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// What the catalog accepts of an issuer is never refused here.
func TestIssuersOfACatalogAreTrusted(t *testing.T) {
	a := newAuthority(t)
	source := strings.ReplaceAll(`
providers: {p: {dialect: openai, base_url: "https://p.example"}}
models: {a/b: {targets: [p]}}
issuers:
  - {name: short, issuer: "ISSUER", audience: [other]}
  - name: long
    issuer: ISSUER
    audience: ["https://gateway.example"]
    algorithms: [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA]
    require: {sub: "owner:acme:*"}
    tenant: "{a.b.c.d.e.f.g.h}"
    tags: ["env:{environment}", fixed]
    key: "{kubernetes.io.namespace}:{sub}"
    leeway: 5m
`, "ISSUER", a.issuer)
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(source)})
	if err != nil {
		t.Fatal(err)
	}
	v := a.verifier(c.Issuers...)
	passes(t, v, a.token("ed", map[string]any{"aud": "other"}), "by the short entry")
	passes(t, v, a.token("ed", map[string]any{
		"a.b.c.d.e.f.g.h": "acme", "environment": "prod", "kubernetes.io": map[string]any{"namespace": "shop"},
	}), "by the long entry")
}
