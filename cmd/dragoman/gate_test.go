package main

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestWhatWaitsForARestartIsNamedOnce(t *testing.T) {
	t.Parallel()
	parse := func(sections string) *catalog.Catalog {
		c, err := catalog.Parse(catalog.Source{Name: "c", Data: []byte("providers: {ollama: {}}\nmodels: {m/m: {targets: [ollama]}}\n" + sections)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var log transcript
	var refuse error
	g := &gate{log: slog.New(slog.NewTextHandler(&log, nil)), lasting: ofExtProc, use: func(*catalog.Catalog) error { return refuse }}
	if err := g.begin(parse("")); err != nil {
		t.Fatal(err)
	}
	lines := func() int { return strings.Count(log.String(), "waits for a restart") }
	for _, step := range []struct {
		name, sections string
		refuse         error
		lines          int
		last           string
	}{
		{"what applies at once", "limits: {body: 1MiB}\nkeys: []\nquota: {byok: {fallback: false}}", nil, 0, ""},
		{"what is refused", "generations: {keep: 7d}", errors.New("not now"), 0, ""},
		{"what waits", "generations: {keep: 7d}\nsecrets: {key: 'file:a'}\nlimits: {exchanges: 5, held: 64MiB}", nil, 1, `fields="limits.exchanges, limits.held, generations, secrets"`},
		{"the same again", "generations: {keep: 7d}\nsecrets: {key: 'file:a'}\nlimits: {exchanges: 5, held: 64MiB}", nil, 1, ""},
		{"other fields", "store: {redis: {addresses: [r]}}\nquota: {wait: 5ms, webhook: 'https://h.example', webhook_secret: 'file:b'}", nil, 2, `fields="store, quota.wait, quota.webhook, quota.webhook_secret"`},
		{"nothing any more", "", nil, 2, ""},
		{"one again", "generations: {jsonl: records}", nil, 3, "fields=generations"},
	} {
		refuse = step.refuse
		if err := g.pass(parse(step.sections)); !errors.Is(err, step.refuse) {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := lines(); got != step.lines || !strings.Contains(log.String(), step.last) {
			t.Errorf("%s: %d lines, want %d with %s:\n%s", step.name, got, step.lines, step.last, &log)
		}
	}
}

func TestNoGatewayStartsWithFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good := ca.issue(t, "127.0.0.1")
	p := newPlace(t)
	p.file(t, "good.crt", good.certificate)
	p.file(t, "good.key", good.key)
	p.file(t, "other.key", ca.issue(t, "127.0.0.1").key)
	p.file(t, "garbled.pem", "not a certificate\n")
	const providers = "providers: {a: {dialect: openai, base_url: 'https://a.example'%}}\nmodels: {m/m: {targets: [a]}}\n"
	for _, c := range []struct{ name, command, catalog, want string }{
		{"no authorities", "run", "open: true\n" + strings.Replace(providers, "%", ", ca: gone.pem", 1), `dragoman.yaml:2:69: providers.a.ca: \S+gone.pem cannot be read: no such file`},
		{"garbled authorities", "run", "open: true\n" + strings.Replace(providers, "%", ", ca: garbled.pem", 1), `providers.a.ca: \S+garbled.pem holds no certificate`},
		{"no certificate", "run", "open: true\nlisten: {tls: {cert: gone.crt, key: good.key}}\n" + strings.Replace(providers, "%", "", 1), `dragoman.yaml:2:22: listen.tls.cert: \S+gone.crt cannot be read`},
		{"another's key", "run", "open: true\nlisten: {tls: {cert: good.crt, key: other.key}}\n" + strings.Replace(providers, "%", "", 1), `listen.tls.key: \S+other.key is not the key of the certificate in \S+good.crt`},
		{"no directory for records", "run", "open: true\ngenerations: {jsonl: gone/records}\n" + strings.Replace(providers, "%", "", 1), `generations.jsonl: the directory \S+gone is needed`},
		{"xds, garbled authorities", "xds", strings.Replace(providers, "%", ", ca: garbled.pem", 1), `providers.a.ca: \S+garbled.pem holds no certificate`},
		{"ext_proc, an issuer's authorities", "extproc", strings.Replace(providers, "%", "", 1) + "issuers: [{name: ci, issuer: 'https://i.example', audience: [d], ca: gone.pem}]\n", `issuers\[0\].ca: \S+gone.pem cannot be read`},
	} {
		p.file(t, "dragoman.yaml", c.catalog)
		began := time.Now()
		args := []string{c.command, "--admin", "127.0.0.1:0"}
		if c.command == "run" {
			args = append(args, "--listen", "127.0.0.1:0")
		}
		out, errs, status := p.do(t, args...)
		if status != 1 || !regexp.MustCompile(c.want).MatchString(errs) || strings.Contains(errs, "level=") || strings.Contains(errs, "envoy") {
			t.Errorf("%s: status %d after %s, no %s in\n%s%s", c.name, status, time.Since(began), c.want, out, errs)
		}
	}
}

// Envoy would refuse the clusters of such a catalog, and what is left of it
// would be in use.
func TestACatalogWhoseFilesAreGarbledWaitsUntilTheyAreMended(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	port, _ := secure(t, "alpha", ca.issue(t, "localhost").load(t))
	fleet := newFleet(t)
	p := newPlace(t)
	head := "open: true\nlisten: {port: 0}\n"
	p.file(t, "dragoman.yaml", head+fleet.providers()+"models: {sim/one: {targets: [alpha]}}\n")
	g := p.run(t)
	served(t, g.url, "sim/one", "alpha")

	p.file(t, "roots.pem", ca.pem()[:200])
	p.file(t, "dragoman.yaml", head+"providers: {tls: {dialect: openai, base_url: 'https://localhost:"+port+"/v1', ca: roots.pem}}\nmodels: {sim/chat: {targets: [{provider: tls, id: chat}]}}\n")
	g.says(`level=ERROR.*providers.tls.ca: \S+roots.pem holds 1 of 1 certificates that are not whole`)
	g.says("level=ERROR.*the last good one stays")
	served(t, g.url, "sim/one", "alpha")
	if a := mustAsk(t, http.MethodGet, g.admin+"/readyz", ""); a.status != http.StatusOK {
		t.Errorf("with the last good catalog: %v", a)
	}
	if strings.Contains(g.err.String(), "the changed catalog is in use") {
		t.Errorf("it is said to be in use:\n%s", &g.err)
	}
	p.file(t, "roots.pem", ca.pem())
	g.signal(syscall.SIGHUP)
	served(t, g.url, "sim/chat", "tls")
	g.says("the changed catalog is in use")

	if err := os.Remove(filepath.Join(p.dir, "roots.pem")); err != nil {
		t.Fatal(err)
	}
	g.signal(syscall.SIGHUP)
	g.says(`level=ERROR.*what was read before stays.*roots.pem`)
	served(t, g.url, "sim/chat", "tls")
}

func TestXDSWarnsOfFilesThatOnlyEnvoyMayRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.file(t, "dragoman.yaml", "listen: {tls: {cert: gone.crt, key: gone.key}}\nproviders: {ollama: {}}\nmodels: {m/m: {targets: [ollama]}}\n")
	x := p.start(t, "xds", "--admin", "127.0.0.1:0")
	x.says("xds serves")
	x.says(`level=WARN.*it must be there where Envoy runs.*listen.tls.cert`)
	x.says(`level=WARN.*it must be there where Envoy runs.*listen.tls.key`)
}
