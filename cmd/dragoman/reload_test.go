package main

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/envoytest"
	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

func TestAnEditedCatalogAppliesAndABrokenOneDoesNot(t *testing.T) {
	t.Parallel()
	fleet := newFleet(t)
	p := newPlace(t)
	head := "open: true\nlisten: {port: 0}\n" + fleet.providers()
	p.file(t, "dragoman.yaml", head+"models: {sim/one: {targets: [alpha]}}\n")
	g := p.run(t)
	served(t, g.url, "sim/one", "alpha")

	p.file(t, "dragoman.yaml", head+"models: {sim/one: {targets: [beta]}, sim/two: {targets: [alpha]}}\n")
	served(t, g.url, "sim/one", "beta")
	served(t, g.url, "sim/two", "alpha")
	g.says(`the changed catalog is in use.* models=2 providers=2`)

	p.file(t, "dragoman.yaml", head+"models: {sim/one: {targets: [nobody]}}\nlimits: {body: lots}\n")
	g.says(`dragoman.yaml:\d+:\d+: limits.body`)
	g.says(`dragoman.yaml:\d+:\d+: models\S+targets`)
	g.says("level=ERROR.*the last good one stays.* errors=2")
	served(t, g.url, "sim/one", "beta")
	served(t, g.url, "sim/two", "alpha")

	p.file(t, "dragoman.yaml", strings.Replace(head, "open: true", "open: true\nkeys: []", 1)+"models: {sim/three: {targets: [beta]}}\n")
	served(t, g.url, "sim/three", "beta")
}

func TestSIGHUPReadsCredentialsInFilesAgain(t *testing.T) {
	t.Parallel()
	fleet := newFleet(t, simulator.Config{Name: "alpha", Key: "new-key"})
	p := newPlace(t)
	p.file(t, "alpha.key", "old-key\n")
	p.file(t, "dragoman.yaml", "open: true\nlisten: {port: 0}\nproviders: {alpha: {dialect: openai, base_url: '"+fleet.URL("alpha")+"', credential: 'file:alpha.key'}}\n"+fleet.models())
	g := p.run(t)
	if a := mustAsk(t, http.MethodPost, g.url+"/v1/chat/completions", hello("sim/chat")); a.status == http.StatusOK {
		t.Fatalf("with the old key: %v", a)
	}
	p.file(t, "alpha.key", "new-key\n")
	g.signal(syscall.SIGHUP)
	served(t, g.url, "sim/chat", "alpha")
	g.says("catalog and credentials were read again")

	p.file(t, "alpha.key", "two words\n")
	g.signal(syscall.SIGHUP)
	g.says("what was read before stays")
	served(t, g.url, "sim/chat", "alpha")
	if text := g.out.String() + g.err.String(); strings.Contains(text, "two words") || strings.Contains(text, "new-key") {
		t.Errorf("a credential is printed:\n%s", text)
	}
}

func TestExtProcAndXDSFollowAnEditedCatalog(t *testing.T) {
	t.Parallel()
	f := startFleetOfProcesses(t, "")
	served(t, f.url, "sim/chat", "alpha", f.auth...)
	f.place.file(t, "dragoman.yaml", strings.ReplaceAll(f.catalog, "[alpha, beta]", "[beta, alpha]"))
	served(t, f.url, "sim/chat", "beta", f.auth...)
	f.place.file(t, "dragoman.yaml", "providers: {}\n")
	for _, one := range []*program{f.extproc, f.xds} {
		one.says("level=ERROR.*the last good one stays")
	}
	served(t, f.url, "sim/chat", "beta", f.auth...)
	envoytest.Eventually(t, patience, "both stay ready", func() error {
		for _, one := range []*program{f.extproc, f.xds} {
			if a := mustAsk(t, http.MethodGet, one.says(`admin +(http://\S+)`)[1]+"/readyz", ""); a.status != http.StatusOK {
				return errors.New(a.String())
			}
		}
		return nil
	})
}

// The file's bytes do not change when what was missing comes: a key that the
// new catalog no longer has must go nonetheless.
func TestACatalogWhoseCredentialIsMissingIsInUseOnceItIsThere(t *testing.T) {
	t.Parallel()
	fleet := newFleet(t, simulator.Config{Name: "alpha"}, simulator.Config{Name: "beta", Key: "beta-key"})
	p := newPlace(t)
	head := "open: true\nlisten: {port: 0}\n"
	alpha := "providers: {alpha: {dialect: openai, base_url: '" + fleet.URL("alpha") + "'}"
	p.file(t, "dragoman.yaml", head+alpha+"}\nmodels: {sim/one: {targets: [alpha]}}\n")
	g := p.run(t)
	served(t, g.url, "sim/one", "alpha")

	p.file(t, "dragoman.yaml", head+alpha+", beta: {dialect: openai, base_url: '"+fleet.URL("beta")+"', credential: 'file:beta.key'}}\nmodels: {sim/one: {targets: [beta]}}\n")
	g.says("level=ERROR.*waits.*beta.key")
	served(t, g.url, "sim/one", "alpha")
	g.signal(syscall.SIGHUP)
	g.says("still waits")

	p.file(t, "beta.key", "beta-key\n")
	g.signal(syscall.SIGHUP)
	served(t, g.url, "sim/one", "beta")
	g.says("the changed catalog is in use")
}
