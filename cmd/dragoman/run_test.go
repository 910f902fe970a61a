package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestWithoutKeysRunServesTheDemoThatItDescribes(t *testing.T) {
	t.Parallel()
	g := newPlace(t).run(t, "--listen", "localhost:0")
	for _, promise := range []string{
		"simulated providers answer", "curl -i " + g.url + "/v1/chat/completions", `"model":"sim/chat"`,
		"curl -X POST '" + g.admin + "/sim/alpha?status=503'", "curl -X DELETE " + g.admin + "/sim/alpha",
	} {
		if !strings.Contains(g.out.String(), promise) {
			t.Errorf("it does not print %q", promise)
		}
	}
	served(t, g.url, "sim/chat", "alpha")
	if a := mustAsk(t, http.MethodPost, g.admin+"/sim/alpha?status=503", ""); a.status != http.StatusOK {
		t.Fatal(a)
	}
	a := mustAsk(t, http.MethodPost, g.url+"/v1/chat/completions", hello("sim/chat"))
	if a.status != http.StatusOK || a.header.Get("X-Dragoman-Provider") != "beta" || a.header.Get("X-Dragoman-Attempts") != "2" {
		t.Errorf("with alpha broken: %v", a)
	}
	if a := mustAsk(t, http.MethodDelete, g.admin+"/sim/alpha", ""); a.status != http.StatusOK {
		t.Fatal(a)
	}
	served(t, g.url, "sim/chat", "alpha")
	if a := mustAsk(t, http.MethodPost, g.admin+"/sim/alpha?status=503", "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("another site's page breaks a provider: %v", a)
	}
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ok", "/metrics": "dragoman_"} {
		if a := mustAsk(t, http.MethodGet, g.admin+path, ""); a.status != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%s: %v", path, a)
		}
	}
	g.signal(syscall.SIGINT)
	if status := g.end(patience); status != 0 {
		t.Errorf("status %d after Ctrl-C", status)
	}
	if log := g.err.String(); strings.Count(log, "level=") != 1 || !strings.Contains(log, `level=INFO msg="a provider fails" provider=alpha`) {
		t.Errorf("of one broken provider it logs:\n%s", log)
	}
}

func TestAProviderKeyInTheEnvironmentMakesAClientKeyOnce(t *testing.T) {
	t.Parallel()
	const provider = "sk-fake-provider-key-000000000000"
	p := newPlace(t, "OPENAI_API_KEY="+provider)
	args := []string{"--listen", "127.0.0.1:0", "--state", filepath.Join(p.dir, "kept")}
	g := p.run(t, args...)
	key := g.says(`export DRAGOMAN_KEY=(\S+)`)[1]
	mustRefuse(t, g.url)
	mustList(t, g.url, key)
	if log := g.err.String(); log != "" {
		t.Errorf("a start without trouble logs:\n%s", log)
	}
	g.signal(syscall.SIGTERM)
	if status := g.end(patience); status != 0 {
		t.Errorf("status %d after SIGTERM", status)
	}

	kept, err := os.ReadFile(filepath.Join(p.dir, "kept", "client-key.sha256"))
	if err != nil || strings.Contains(string(kept), key) {
		t.Errorf("the state directory keeps %q, %v; want a hash", kept, err)
	}
	again := p.run(t, append(args, "--log-level", "debug")...)
	if out := again.out.String(); strings.Contains(out, "dgm_") || !strings.Contains(out, "the one printed when it was made") {
		t.Errorf("the second start prints:\n%s", out)
	}
	mustRefuse(t, again.url)
	mustList(t, again.url, key)
	for _, text := range []string{g.out.String(), g.err.String(), again.out.String(), again.err.String()} {
		if strings.Contains(text, provider) {
			t.Errorf("the provider's key is printed:\n%s", text)
		}
	}
}

func mustRefuse(t *testing.T, base string) {
	t.Helper()
	a := mustAsk(t, http.MethodPost, base+"/v1/chat/completions", hello("gpt-4o"))
	if a.status != http.StatusUnauthorized || !strings.Contains(a.body, `"error"`) {
		t.Errorf("without a key: %v", a)
	}
}

func mustList(t *testing.T, base, key string) {
	t.Helper()
	a := mustAsk(t, http.MethodGet, base+"/v1/models", "", "Authorization", "Bearer "+key)
	if a.status != http.StatusOK || !strings.Contains(a.body, `"openai/gpt-4o"`) {
		t.Errorf("with the key: %v", a)
	}
}

func TestATakenPortIsNamedWithTheFlagThatChangesIt(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // nothing follows
	address := taken.Addr().String()
	p := newPlace(t)
	p.file(t, "dragoman.yaml", "open: true\nproviders: {a: {dialect: openai, base_url: 'http://127.0.0.1:1'}}\nmodels: {m/m: {targets: [a]}}\n")
	for _, c := range []struct{ flag, args string }{
		{"--listen", "run --admin 127.0.0.1:0 --listen " + address},
		{"--admin", "run --listen 127.0.0.1:0 --admin " + address},
		{"--listen", "extproc --admin 127.0.0.1:0 --listen " + address},
		{"--admin", "extproc --admin " + address},
		{"--listen", "xds --admin 127.0.0.1:0 --listen " + address},
		{"--admin", "xds --admin " + address},
		{"--control", "sim alpha=127.0.0.1:0 --control " + address},
		{"provider alpha", "sim --control 127.0.0.1:0 alpha=" + address},
	} {
		_, errs, status := p.do(t, strings.Fields(c.args)...)
		if status != 1 || !strings.Contains(errs, address+" is already in use") || !strings.Contains(errs, c.flag) {
			t.Errorf("dragoman %s: status %d\n%s", c.args, status, errs)
		}
	}
}

func TestASecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	g := p.run(t, "--listen", "127.0.0.1:0")
	mustAsk(t, http.MethodPost, g.admin+"/sim/alpha?hang=headers", "")
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() {
		// How it ends is Envoy's business.
		_, _ = ask(t, http.MethodPost, g.url+"/v1/chat/completions", hello("sim/openai"))
	})
	awaitInFlight(t, g, 1)
	began := time.Now()
	g.signal(syscall.SIGINT)
	g.says("press Ctrl-C again")
	// One that comes along with the first is the first.
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for ended := false; !ended; {
		select {
		case <-again.C:
			_ = g.cmd.Process.Signal(syscall.SIGINT) // it may just have ended
		case <-g.done:
			ended = true
		}
	}
	if status := g.end(patience); status != 1 || !strings.Contains(g.err.String(), errHurry.Error()) {
		t.Errorf("status %d", status)
	}
	if took := time.Since(began); took < bounce || took > 20*time.Second {
		t.Errorf("it ended after %s", took)
	}
}
