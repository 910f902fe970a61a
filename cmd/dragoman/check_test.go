package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

func TestCheckReportsEveryErrorAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "OPENAI_API_KEY=fake")
	const openai = "providers: {openai: {}}\n"
	for _, c := range []struct {
		name, catalog string
		args          []string
		status        int
		want          []string
	}{
		{"good", openai + "keys: [{name: a, hash: 'sha256:" + strings.Repeat("00", 32) + "'}]\n", nil, 0, []string{"dragoman.yaml is good: ", " from 1 provider, 1 key"}},
		{"good without keys", openai, nil, 0, []string{"every request would be refused", "dragoman keys create"}},
		{
			"bad", "open: true\nlisten: {port: 99999}\nproviders: {openia: {}}\n", nil, 1,
			[]string{"dragoman.yaml:2:16: listen.port: ", "dragoman.yaml:3:13: providers.openia.dialect: ", "4 errors in dragoman.yaml"},
		},
		{"a variable that is not set", "open: true\nproviders: {groq: {}}\n", nil, 1, []string{"GROQ_API_KEY", "1 error in"}},
		{"a variable that nobody asks for", "open: true\nproviders: {groq: {}}\n", []string{"--without-env"}, 0, []string{"is good"}},
		{"no file", "", []string{"other.yaml"}, 1, []string{"other.yaml: no such file"}},
		{"contradicting flags", openai, []string{"--live", "--without-env"}, 2, []string{"can't be used together"}},
	} {
		p.file(t, "dragoman.yaml", c.catalog)
		out, errs, status := p.do(t, append([]string{"check"}, c.args...)...)
		if status != c.status {
			t.Errorf("%s: status %d, want %d", c.name, status, c.status)
		}
		for _, want := range c.want {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%s: no %q in\n%s%s", c.name, want, out, errs)
			}
		}
	}
	if _, errs, status := newPlace(t).do(t, "check"); status != 1 || !strings.Contains(errs, "there is no dragoman.yaml here") {
		t.Errorf("without a file: %d\n%s", status, errs)
	}
}

func TestCheckLiveTriesEachKeyAndModelID(t *testing.T) {
	t.Parallel()
	const key = "a-key-that-nobody-may-see"
	f := newFleet(t,
		simulator.Config{Name: "good", Key: key, Models: []string{"known"}},
		simulator.Config{Name: "barred", Key: "another"},
		simulator.Config{Name: "poor", Key: key, Models: []string{"known"}},
		simulator.Config{Name: "gone"}, simulator.Config{Name: "broken"})
	if err := f.Stop("gone"); err != nil {
		t.Fatal(err)
	}
	if err := f.Provider("broken").SetFault(simulator.Script{Status: http.StatusInternalServerError}); err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, "KEY="+key)
	var b strings.Builder
	b.WriteString("open: true\nproviders:\n")
	for _, s := range f.States() {
		fmt.Fprintf(&b, "  %s: {dialect: openai, base_url: '%s/v1', credential: 'env:KEY', headers: {x-team: a}}\n", s.Name, s.URL)
	}
	b.WriteString("models:\n  sim/known: {targets: [good, barred, gone, broken]}\n  sim/unknown: {targets: [poor]}\n")
	p.file(t, "dragoman.yaml", b.String())
	out, errs, status := p.do(t, "check", "--live")
	if status != 1 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{
		"good                 ok in ", ", 1 model id known",
		"barred               FAILED: status 401: the provider refuses the key, env:KEY",
		`poor                 FAILED: the key is good, but the provider does not list "unknown" (for sim/unknown)`,
		"gone                 FAILED: no answer: ", "broken               FAILED: status 500",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%s", want, out, errs)
		}
	}
	if strings.Contains(out+errs, key) {
		t.Errorf("the key is printed:\n%s%s", out, errs)
	}
}
