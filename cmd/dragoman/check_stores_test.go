package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/extproc/storetest/postgrestest"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
)

// dependent is a catalog without providers that answer, with what follows it.
const dependent = "open: true\nproviders: {a: {dialect: openai, base_url: 'http://127.0.0.1:1/v1'}}\nmodels: {m/m: {targets: [a]}}\n"

func TestCheckTellsWhichStoresSecretsAndIssuersCannotBeUsed(t *testing.T) {
	t.Parallel()
	const secret = "what-nobody-may-see"
	p := newPlace(t, "SECRET="+secret, "MASTER="+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	p.file(t, "no.pem", secret)
	for _, c := range []struct{ name, section, want string }{
		{"a Redis's authorities", "store: {redis: {addresses: [127.0.0.1], tls: true, ca: no.pem}}", "^dragoman.yaml:4:56: store.redis.ca: .*no.pem holds no certificate"},
		{"another region's", "store: {redis: {addresses: [127.0.0.1], region: eu, regions: {us: {addresses: [127.0.0.1], tls: true, ca: gone.pem}}}}", "^dragoman.yaml:4:107: store.redis.regions.us.ca: .*gone.pem cannot be read: no such file"},
		{"a database that is no URL", "store: {postgres: env:SECRET}", "^dragoman.yaml:4:19: store.postgres: .*not a PostgreSQL URL such as postgres://"},
		{"a short master key", "secrets: {key: env:SECRET}", "^dragoman.yaml:4:16: secrets.key: .*must be 32 bytes .* openssl rand -base64 32"},
		{"a short former master key", "secrets: {key: env:MASTER, former: ['env:MASTER', 'env:SECRET']}", `^dragoman.yaml:4:51: secrets.former\[1\]: .*must be 32 bytes`},
		{"a master key in no file", "secrets: {key: 'file:gone'}", "^dragoman.yaml:4:16: secrets.key: file:.*gone cannot be read: no such file"},
		{"a webhook's secret in no file", "quota: {webhook: 'https://hooks.example.com/a', webhook_secret: 'file:gone'}", "^dragoman.yaml:4:65: quota.webhook_secret: file:.*gone"},
		{"an issuer's authorities", "issuers: [{name: ci, issuer: 'https://ci.example', audience: [d], ca: no.pem}]", `^dragoman.yaml:4:71: issuers\[0\].ca: .*no.pem`},
		{"good ones, which nobody is asked for", "store: {redis: {addresses: ['127.0.0.1:1'], password: env:SECRET}}\nsecrets: {key: env:MASTER}\n" +
			"issuers: [{name: ci, issuer: 'http://127.0.0.1:1/ci', audience: [d]}]\nbudgets: [{name: b, per: day, money: 1}]", "is good: 1 model from 1 provider, 0 keys, 1 budget, 1 issuer"},
	} {
		p.file(t, "dragoman.yaml", dependent+c.section+"\n")
		out, errs, status := p.do(t, "check")
		if good := strings.HasPrefix(c.name, "good"); (status == 0) != good || !regexp.MustCompile("(?m)"+c.want).MatchString(out+errs) {
			t.Errorf("%s: status %d, no %q in\n%s%s", c.name, status, c.want, out, errs)
		}
		if !strings.HasPrefix(c.name, "good") && !strings.Contains(errs, "\n1 error in dragoman.yaml") {
			t.Errorf("%s: it is not counted, once:\n%s", c.name, errs)
		}
		if strings.Contains(out+errs, secret) {
			t.Errorf("%s: a secret is printed:\n%s%s", c.name, out, errs)
		}
		if _, errs, status := p.do(t, "check", "--without-env"); status != 0 {
			t.Errorf("%s: on a machine without the secrets: status %d\n%s", c.name, status, errs)
		}
	}
}

// issuerOf publishes one key, or what instead answers.
func issuerOf(t *testing.T, instead http.HandlerFunc) string {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case instead != nil:
			instead(w, r)
		case r.URL.Path == "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, s.URL, s.URL+"/keys")
		default:
			fmt.Fprint(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestCheckLiveAsksRedisPostgresAndIssuers(t *testing.T) {
	t.Parallel()
	const password = "a-password-that-nobody-may-see"
	good, forgetful := redistest.Start(t, "--requirepass", password), redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	gone := httptest.NewServer(nil)
	gone.Close()
	database := postgrestest.Start(t).Database(t)
	p := newPlace(t, "PASSWORD="+password, "WRONG=not-"+password, "DATABASE="+database, "NOBODY=postgres://u:"+password+"@"+gone.Listener.Addr().String()+"/d")
	for _, c := range []struct{ section, want string }{
		{fmt.Sprintf("store: {redis: {addresses: [%q], password: env:PASSWORD}}", good.Addr()), `^store\.redis +ok in \S+, Redis [0-9]+\.`},
		{fmt.Sprintf("store: {redis: {addresses: [%q], password: env:WRONG}}", good.Addr()), `^store\.redis +FAILED: no answer: .*WRONGPASS`},
		{fmt.Sprintf("store: {redis: {addresses: [%q]}}", good.Addr()), `^store\.redis +FAILED: no answer: .*NOAUTH`},
		{fmt.Sprintf("store: {redis: {addresses: [%q]}}", forgetful.Addr()), `^store\.redis +FAILED: its maxmemory-policy is allkeys-lru: .*set noeviction`},
		{fmt.Sprintf("store: {redis: {addresses: [%q]}}", gone.Listener.Addr()), `^store\.redis +FAILED: no answer: .*refused$`},
		{"store: {postgres: env:DATABASE}", `^store\.postgres +ok in \S+, PostgreSQL [0-9]+`},
		{"store: {postgres: env:NOBODY}", `^store\.postgres +FAILED: no connection: .*refused$`},
		{fmt.Sprintf("issuers: [{name: ci, issuer: %q, audience: [d]}]", issuerOf(t, nil)), `^issuers\.ci +ok in \S+, 1 key$`},
		{fmt.Sprintf("issuers: [{name: ci, issuer: %q, audience: [d]}]", issuerOf(t, http.NotFound)), `^issuers\.ci +FAILED: its keys cannot be fetched: .*404`},
		{fmt.Sprintf("issuers: [{name: ci, issuer: 'http://%s', audience: [d]}]", gone.Listener.Addr()), `^issuers\.ci +FAILED: its keys cannot be fetched: .*refused$`},
	} {
		p.file(t, "dragoman.yaml", dependent+c.section+"\n")
		out, errs, status := p.do(t, "check", "--live")
		if status != 1 || !regexp.MustCompile("(?m)"+c.want).MatchString(out) { // nobody answers as the provider
			t.Errorf("%s: status %d, no %q in\n%s%s", c.section, status, c.want, out, errs)
		}
		if strings.Contains(out+errs, password) {
			t.Errorf("%s: a password is printed:\n%s%s", c.section, out, errs)
		}
		if errs != "" {
			t.Errorf("%s: beside the report:\n%s", c.section, errs)
		}
	}
}
