package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestACreatedKeyIsPrintedWithTheLineThatLetsItIn(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	key, entry := newKey(t, p)
	other, _ := newKey(t, p)
	if key == other {
		t.Error("two keys are the same")
	}
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte("providers: {openai: {}}\n" + entry)})
	if err != nil {
		t.Fatal(err)
	}
	if k := c.Keys[0]; k.Name != "test" || k.Hash != sha256.Sum256([]byte(key)) {
		t.Errorf("%s makes %s %s", entry, k.Name, hex.EncodeToString(k.Hash[:]))
	}
	if out, errs, status := p.do(t, "keys", "create", "two words"); status != 1 || strings.Contains(out, "dgm_") || !strings.Contains(errs, "no name for a key") {
		t.Errorf("a name that no catalog takes: %d\n%s%s", status, out, errs)
	}
}

func TestModelsListsWhatIsServed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.file(t, "dragoman.yaml", printedCatalog+"  sim/solo: {targets: [{provider: beta, id: own-id, context: 1000, capabilities: [tools, json_schema], prices: {input: 2.5, output: 10}}]}\n")
	out, _, status := p.do(t, "models")
	for _, line := range []string{
		`sim/chat +\? +\? +\? +\? +\? +alpha:chat  beta:chat\n`,
		`sim/solo +1000 +\? +tools,schema +2.5 +10 +beta:own-id\n`,
	} {
		if status != 0 || !regexp.MustCompile(line).MatchString(out) {
			t.Errorf("status %d, no %s in\n%s", status, line, out)
		}
	}
	out, _, status = p.do(t, "models", "--provider", "alpha", "--json")
	var rows []modelRow
	if err := json.Unmarshal([]byte(out), &rows); err != nil || status != 0 {
		t.Fatalf("status %d, %v\n%s", status, err, out)
	}
	if len(rows) != 1 || rows[0].Model != "sim/chat" || len(rows[0].Targets) != 2 {
		t.Errorf("of alpha: %v", rows)
	}
	if _, errs, status := p.do(t, "models", "--provider", "alhpa"); status != 1 || !strings.Contains(errs, "no provider of that name") {
		t.Errorf("of nobody: %d\n%s", status, errs)
	}
	out, _, status = newPlace(t, "OPENAI_API_KEY=fake").do(t, "models")
	if status != 0 || !regexp.MustCompile(`openai/gpt-4o +128k +16k +tools,images,files,schema +2.5 +10 +openai:gpt-4o\n`).MatchString(out) {
		t.Errorf("of the environment: %d\n%s", status, out)
	}
	out, _, status = newPlace(t, "OPENAI_API_KEY=fake").do(t, "models", "--json")
	if err := json.Unmarshal([]byte(out), &rows); err != nil || status != 0 {
		t.Fatalf("status %d, %v\n%s", status, err, out)
	}
	i := slices.IndexFunc(rows, func(r modelRow) bool { return r.Model == "openai/gpt-5.5" })
	if i < 0 || rows[i].Title != "GPT-5.5" || rows[i].Targets[0].Prices.Tiers[0].Output != "45" || !slices.Contains(rows[i].Targets[0].Dialects, "responses") {
		t.Errorf("a bundled model: %+v", rows)
	}
}

func TestWhatFillsURLsIsTakenFromTheEnvironmentWithoutAskingForKeys(t *testing.T) {
	t.Parallel()
	const named = "open: true\nproviders: {bedrock: {}, groq: {}}\n"
	for _, command := range []string{"envoy static", "envoy pieces", "models", "xds --listen unix:x.sock --admin 127.0.0.1:0"} {
		p := newPlace(t)
		p.file(t, "dragoman.yaml", named)
		if _, errs, status := p.do(t, strings.Fields(command)...); status != 1 || !strings.Contains(errs, "providers.bedrock.region: is missing") {
			t.Errorf("%s without a region: %d\n%s", command, status, errs)
		}
	}
	p := newPlace(t, "AWS_REGION=eu-west-1")
	p.file(t, "dragoman.yaml", named)
	if out, errs, status := p.do(t, "envoy", "static"); status != 0 || !strings.Contains(out, "host_rewrite_literal: bedrock-runtime.eu-west-1.amazonaws.com\n") {
		t.Errorf("with a region: %d\n%s", status, errs)
	}
	if out, errs, status := p.do(t, "models"); status != 0 || !strings.Contains(out, "bedrock:eu.anthropic.") {
		t.Errorf("models of a region: %d\n%s%s", status, out, errs)
	}
}

func TestSchemaAndVersionSayWhatIsBuiltIn(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if out, _, status := p.do(t, "schema"); status != 0 || !bytes.Equal([]byte(out), catalog.Schema()) {
		t.Errorf("schema: %d\n%s", status, out)
	}
	if out, _, status := p.do(t, "version"); status != 0 || !strings.Contains(out, "Envoy "+envoy.Version) {
		t.Errorf("version: %d\n%s", status, out)
	}
}

func TestSimServesProvidersThatBreakOnRequest(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.start(t, "sim", "--control", "127.0.0.1:0", "one=127.0.0.1:0", "two=localhost:0")
	control := s.says(`curl -X POST '(http://\S+)/one\?status=503'`)[1]
	for _, name := range []string{"one", "two"} {
		url := s.says(name + ` +(http://\S+)`)[1]
		ask := func() int {
			return mustAsk(t, http.MethodPost, url+"/v1/chat/completions", hello("m"), "Authorization", "Bearer any").status
		}
		if got := ask(); got != http.StatusOK {
			t.Errorf("%s: %d", name, got)
		}
		mustAsk(t, http.MethodPost, control+"/"+name+"?status=503", "")
		if got := ask(); got != http.StatusServiceUnavailable {
			t.Errorf("%s broken: %d", name, got)
		}
		mustAsk(t, http.MethodDelete, control+"/"+name, "")
		if got := ask(); got != http.StatusOK {
			t.Errorf("%s mended: %d", name, got)
		}
	}
	s.signal(syscall.SIGTERM)
	if status := s.end(patience); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestEveryCommandHelps(t *testing.T) {
	t.Parallel()
	p := newPlace(t, adminToken+"=a-token-that-nobody-may-see", "DRAGOMAN_LISTEN=10.1.2.3:4")
	top, _, status := p.do(t)
	if status != 0 {
		t.Errorf("without arguments: %d", status)
	}
	for _, path := range commandPaths(t) {
		if !strings.Contains(top, "  "+path+" ") {
			t.Errorf("dragoman does not list %q", path)
		}
		out, errs, status := p.do(t, append(strings.Fields(path), "--help")...)
		if status != 0 || !strings.HasPrefix(out, "Usage: dragoman "+path) || errs != "" {
			t.Errorf("%s --help: %d\n%s%s", path, status, out, errs)
		}
		if strings.Contains(out, "nobody-may-see") {
			t.Errorf("%s --help shows the admin token", path)
		}
	}
	if _, errs, status := p.do(t, "rnu"); status != 2 || !strings.Contains(errs, `did you mean "run"`) || !strings.Contains(errs, "dragoman --help") {
		t.Errorf("a misspelt command: %d\n%s", status, errs)
	}
}

func TestMetricsOffLoopbackWantTheToken(t *testing.T) {
	t.Parallel()
	p := newPlace(t, adminToken+"=the-token-of-this-test")
	p.file(t, "dragoman.yaml", printedCatalog)
	x := p.start(t, "xds", "--admin", "0.0.0.0:0")
	_, port, _ := strings.Cut(x.says(`admin +http://(\S+)`)[1], "]:")
	if port == "" {
		port = strings.TrimPrefix(x.says(`admin +http://(\S+)`)[1], "0.0.0.0:")
	}
	base := "http://127.0.0.1:" + port
	for token, want := range map[string]int{"": 401, "wrong": 401, "the-token-of-this-test": 200} {
		if a := mustAsk(t, http.MethodGet, base+"/metrics", "", "Authorization", "Bearer "+token); a.status != want {
			t.Errorf("with token %q: %v", token, a)
		}
	}
	if a := mustAsk(t, http.MethodGet, base+"/readyz", ""); a.status != http.StatusOK {
		t.Errorf("readiness is for everybody: %v", a)
	}
	x.says("level=WARN.*without its token.* path=/metrics")
}

func TestATokenOfTheEnvironmentThatIsSoonGuessedIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, adminToken+"=hunter2")
	p.file(t, "dragoman.yaml", printedCatalog)
	p.file(t, "roots.pem", newAuthority(t).pem())
	for _, command := range []string{"xds", "extproc", "run"} {
		_, errs, status := p.do(t, command, "--admin", "127.0.0.1:0")
		if status == 0 || !strings.Contains(errs, "$"+adminToken+": it has fewer than 16 characters") || strings.Contains(errs, "hunter2") {
			t.Errorf("%s: %d\n%s", command, status, errs)
		}
	}
}
