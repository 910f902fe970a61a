package oidc

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// What issuers put into their tokens, with names of our own.
const (
	// https://vercel.com/docs/oidc/reference
	vercelClaims = `{"iss":"https://oidc.vercel.com/acme","sub":"owner:acme:project:site:environment:production",
		"scope":"owner:acme:project:site:environment:production","aud":"https://vercel.com/acme","owner":"acme","owner_id":"team_7Gw5ZMzpQA8h90F832KGp7nwbuh3",
		"project":"site","project_id":"prj_7Gw5ZMBpQA8h9GF832KGp7nwbuh3","environment":"production","plan":"pro","iat":1800000000,"nbf":1800000000,"exp":1800003600}`
	// https://docs.github.com/en/actions/reference/security/oidc
	githubClaims = `{"jti":"example-id","sub":"repo:octo-org/octo-repo:environment:prod","environment":"prod","aud":"https://github.com/octo-org",
		"ref":"refs/heads/main","sha":"example-sha","repository":"octo-org/octo-repo","repository_owner":"octo-org","actor_id":"12","repository_visibility":"private",
		"repository_id":"74","repository_owner_id":"65","run_id":"example-run-id","run_number":"10","run_attempt":"2","runner_environment":"github-hosted","actor":"octocat",
		"workflow":"example-workflow","head_ref":"","base_ref":"","event_name":"workflow_dispatch","ref_type":"branch",
		"job_workflow_ref":"octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
		"iss":"https://token.actions.githubusercontent.com","nbf":1800000000,"exp":1800000900,"iat":1800000600}`
	// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
	kubernetesClaims = `{"aud":["https://gateway.example"],"exp":1800003600,"iat":1800000000,"iss":"https://kubernetes.default.svc.cluster.local",
		"jti":"aed34954-b33a-4142-b1ec-389d6bbb4936","kubernetes.io":{"namespace":"shop","node":{"name":"node-1","uid":"646e7c5e"},
		"pod":{"name":"web-0","uid":"5e0bd49b"},"serviceaccount":{"name":"web","uid":"14ee3fa4"}},"nbf":1800000000,"sub":"system:serviceaccount:shop:web"}`
	// https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload
	googleClaims = `{"iss":"https://accounts.google.com","azp":"1234987819200.apps.googleusercontent.com","aud":"1234987819200.apps.googleusercontent.com",
		"sub":"10769150350006150715113082367","at_hash":"HK6E_P6Dh8Y93mRNtsDB1Q","hd":"example.com","email":"jsmith@example.com","email_verified":true,
		"iat":1800000000,"exp":1800003600,"nonce":"0394852-3190485-2490358"}`
)

func TestTokensOfTheIssuersPeopleUse(t *testing.T) {
	tests := []struct {
		name   string
		claims string
		entry  catalog.Issuer
		want   shown
		refuse string // instead of want: the 403's message
	}{
		{"Vercel", vercelClaims, catalog.Issuer{
			Issuer: "https://oidc.vercel.com/acme", Audience: []string{"https://vercel.com/acme"},
			Tenant: "{owner_id}", Key: "{project}", Tags: []string{"env:{environment}", "vercel"},
			Require: []catalog.ClaimRule{{Claim: "sub", Glob: "owner:acme:project:*:environment:production"}},
		}, shown{"site", "i/site", "team_7Gw5ZMzpQA8h90F832KGp7nwbuh3", []string{"env:production", "vercel"}}, ""},
		{"Vercel, another environment is required", vercelClaims, catalog.Issuer{
			Issuer: "https://oidc.vercel.com/acme", Audience: []string{"https://vercel.com/acme"}, Key: "{sub}",
			Require: []catalog.ClaimRule{{Claim: "environment", Glob: "preview"}},
		}, shown{}, "The token has another claim environment than is required here."},
		{"GitHub Actions", githubClaims, catalog.Issuer{
			Issuer: "https://token.actions.githubusercontent.com", Audience: []string{"https://github.com/octo-org"},
			Tenant: "{repository_owner}", Key: "{sub}", Tags: []string{"repo:{repository}", "ref:{ref}", "run:{event_name}"},
			Require: []catalog.ClaimRule{{Claim: "ref", Glob: "refs/heads/*"}, {Claim: "repository_owner_id", Glob: "65"}},
		}, shown{
			"repo:octo-org/octo-repo:environment:prod", "i/repo:octo-org/octo-repo:environment:prod", "octo-org",
			[]string{"ref:refs/heads/main", "repo:octo-org/octo-repo", "run:workflow_dispatch"},
		}, ""},
		{"GitHub Actions, a claim that is empty", githubClaims, catalog.Issuer{
			Issuer: "https://token.actions.githubusercontent.com", Audience: []string{"https://github.com/octo-org"}, Key: "{head_ref}",
		}, shown{}, "The token has a claim head_ref that is no text, and tells nobody's name."},
		{"GitHub Actions, a tenant that is no name", githubClaims, catalog.Issuer{
			Issuer: "https://token.actions.githubusercontent.com", Audience: []string{"https://github.com/octo-org"}, Key: "x", Tenant: "{repository}",
		}, shown{}, "The token has a value in repository that cannot be a tenant's name (1 to 63 letters, digits and . _ -, a letter or digit first)."},
		{"Kubernetes", kubernetesClaims, catalog.Issuer{
			Issuer: "https://kubernetes.default.svc.cluster.local", Audience: []string{"https://gateway.example"},
			Tenant: "{kubernetes.io.namespace}", Key: "{kubernetes.io.serviceaccount.name}", Tags: []string{"pod:{kubernetes.io.pod.name}"},
			Require: []catalog.ClaimRule{{Claim: "kubernetes.io.namespace", Glob: "sh*"}},
		}, shown{"web", "i/web", "shop", []string{"pod:web-0"}}, ""},
		{"Kubernetes, outside any pod", kubernetesClaims, catalog.Issuer{
			Issuer: "https://kubernetes.default.svc.cluster.local", Audience: []string{"https://gateway.example"},
			Key: "{sub}", Tags: []string{"secret:{kubernetes.io.secret.name}"},
		}, shown{}, "The token has no claim kubernetes.io.secret.name, which tells who asks here."},
		{"Google", googleClaims, catalog.Issuer{
			Issuer: "https://accounts.google.com", Audience: []string{"1234987819200.apps.googleusercontent.com"},
			Tenant: "{hd}", Key: "{email}", Require: []catalog.ClaimRule{{Claim: "email_verified", Glob: "true"}, {Claim: "hd", Glob: "example.com"}},
		}, shown{"jsmith@example.com", "i/jsmith@example.com", "example.com", nil}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAuthority(t)
			tt.entry.Name, tt.entry.JWKS, tt.entry.Algorithms = "i", a.server.URL+"/keys", []string{"RS256"}
			var claims map[string]any
			if err := json.Unmarshal([]byte(tt.claims), &claims); err != nil {
				t.Fatal(err)
			}
			a.clock.unix.Store(1_800_000_700)
			token := seal(t, methods["rsa"], signers()["rsa"], map[string]any{"kid": "rsa"}, claims)
			k, p := a.verifier(tt.entry).Verify(t.Context(), []byte(token))
			if tt.refuse != "" {
				if p == nil || p.Kind != llm.Forbidden || p.Code != "token_not_allowed" || p.Message != tt.refuse {
					t.Errorf("Verify gives %v, %v; want %q", k, p, tt.refuse)
				}
				return
			}
			if p != nil {
				t.Fatal(p)
			}
			if diff := cmp.Diff(tt.want, show(k)); diff != "" {
				t.Errorf("the key (-want +got):\n%s", diff)
			}
			if a.discoveries.Load() != 0 {
				t.Error("discovery although the catalog gives the URL of the keys")
			}
		})
	}
}
