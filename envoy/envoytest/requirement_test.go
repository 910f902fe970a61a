package envoytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// The tests of this file are named after the security requirements that past
// incidents of such gateways teach.

// TestRequirement1KeysAreKnownByTheirHashAlone looks for ways in that are none:
// what is stored of a key, its names, and texts that a store could take for
// orders. A flood of wrong keys takes no room.
func TestRequirement1KeysAreKnownByTheirHashAlone(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: membersCatalog})
	d := g.Server.Directory()
	k, secret, err := d.CreateKey(t.Context(), operator, catalog.Key{Name: "ci", Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	key := secret.Reveal()
	hash := sha256.Sum256([]byte(key))
	g.until(t, key, http.StatusOK, time.Now())
	for _, wrong := range []string{
		hex.EncodeToString(hash[:]), "sha256:" + hex.EncodeToString(hash[:]), string(hash[:]), k.ID, "ci", "acme",
		"' OR '1'='1", `"; DROP TABLE directory; --`, "dgm_%", "dgm_*", "*", "", key + " ", key + "\x00", strings.ToUpper(key), key[:len(key)-1], key + "=",
	} {
		g.untouched(t, func() {
			for name, header := range carriers(wrong) {
				h := http.Header{"Content-Type": {"application/json"}, header[0]: {header[1]}}
				if strings.ContainsAny(wrong, "\x00") || !printable(wrong) {
					continue // no client sends that; the wire tests do
				}
				if strings.TrimSpace(wrong) == key {
					continue // white space around a value is none of it
				}
				if a := g.send(t, http.MethodPost, "/v1/chat/completions", question{way: ways[0], text: "Hello"}.body(), h); a.Status != http.StatusUnauthorized {
					t.Errorf("%q in %s: %s", wrong, name, a)
				}
			}
		})
	}
	for name, data := range g.files(t) {
		if bytes.Contains(data, []byte(key)) || bytes.Contains(data, []byte(key[4:])) {
			t.Errorf("the file %s holds the key itself", name)
		}
	}
	g.floodOfKeys(t, key)
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) < 0
}

// floodOfKeys sends wrong keys, each another one, and then the right one.
func (g *Gateway) floodOfKeys(t *testing.T, key string) {
	t.Helper()
	var wrong atomic.Int64
	n := Scale(3000, 50_000)
	atOnce(n, 16, func(i int) {
		a, err := g.Post(t.Context(), question{way: ways[0], text: "Hello"}.body(), "Authorization", fmt.Sprintf("Bearer dgm_%040d", i))
		if err != nil || a.Status != http.StatusUnauthorized {
			wrong.Add(1)
		}
	})
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d of a flood of wrong keys were answered otherwise than with 401", n)
	}
	if a := g.hello(t, key); a.Status != http.StatusOK {
		t.Errorf("after a flood of wrong keys: %s", a)
	}
	if n, held := g.Server.Open(); n > 1 || held > 1<<20 {
		t.Errorf("%d exchanges hold %d bytes after a flood of wrong keys", n, held)
	}
}

// everyPath is all that a gateway knows, and some that it does not.
var everyPath = []string{
	"/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens", "/v1/embeddings", "/v1/models", "/v1/models/sim/chat",
	"/v1beta/models", "/v1beta/models/sim%2Fchat:generateContent", "/v1beta/models/sim%2Fchat:streamGenerateContent?alt=sse", "/v1beta/models/sim%2Fchat:countTokens",
	"/v1/generation?id=00112233445566778899aabbccddeeff", "/v1/report", "/v1/credits",
	"/v1/completions", "/v1/edits", "/v1/engines/a/completions", "/v1/complete", "/v1/moderations", "/v1/batches", "/v1/files", "/v1/realtime", "/v1/rerank",
	"/v1/responses/resp_1", "/v1/conversations", "/v1/messages/batches", "/v1/images/generations", "/v1/audio/speech", "/v1/assistants", "/v1/uploads",
	"/v1beta/models/sim%2Fchat:embedContent", "/v1beta/cachedContents", "/v1/ai/language-model", "/", "/nowhere", "/metrics", "/health", "/stats", "/config_dump", "/quitquitquit",
	"/api/v1/keys", "/admin", "/debug/pprof/", "/.env", "/v1/chat/completions/..%2f..%2fmetrics", "/healthz/", "/healthz/../v1/models", "//healthz", "/readyz?x", "/HEALTHZ", "/v1//models",
}

// openPaths are those that need no key, for load balancers.
var openPaths = []string{"/healthz", "/readyz", "/readyz?x"}

func TestRequirement2EveryPathAsksWhoFirst(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: membersCatalog, Providers: recording(nil)})
	key := create(t, g.Server.Directory(), catalog.Key{Name: "ci"})
	g.until(t, key, http.StatusOK, time.Now())
	g.untouched(t, func() {
		for _, path := range everyPath {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
				for _, body := range []string{"", "{"} {
					if body != "" && method != "POST" {
						continue
					}
					a := g.send(t, method, path, body, http.Header{"Content-Type": {"application/json"}})
					if slices.Contains(openPaths, path) {
						continue
					}
					// What Envoy itself takes no notice of (a path with dots or a slash
					// escaped) may be a 400 or a redirect's refusal, never an answer.
					if a.Status != http.StatusUnauthorized && a.Status != http.StatusBadRequest {
						t.Errorf("%s %s without a key: %s", method, path, a)
					}
				}
			}
		}
	})
	// Who is asked is decided by the path alone.
	for _, host := range []string{"evil.example", "api.openai.com", "127.0.0.1:1", "dragoman-xds", strings.TrimPrefix(g.Fleet.URL("beta"), "http://")} {
		q := question{way: ways[0], text: "host " + host}
		a, _ := g.wire(t, sized("/v1/chat/completions", host, "Authorization: Bearer "+key+"\r\n", q.body()))
		a.checkServed(t, "alpha", "1")
		for _, r := range g.calls("alpha", q.text) {
			if want := strings.TrimPrefix(g.Fleet.URL("alpha"), "http://"); r.Host != want || r.Path != "/chat/completions" {
				t.Errorf("the host %s made alpha be asked as %s %s", host, r.Host, r.Path)
			}
		}
		g.checkCalls(t, q.text, 1, 0)
	}
}

// TestRequirement3WhatIsOursIsTakenOffRequests sends every header of ours, as
// TestHeadersOfOursThatClientsSendHaveNoEffect does without keys, and looks at
// how Envoy reaches us.
func TestRequirement3WhatIsOursIsTakenOffRequests(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: strings.Replace(withKeys(), "\nmodels:", "\nmodels:\n  sim/hidden: {targets: [gamma]}", 1), Providers: wardens(), Env: keyring})
	for _, w := range ways {
		q := question{way: w, text: "strangers " + w.name}
		h := strangers()
		h.Del("X-Api-Key")
		h.Del("Api-Key")
		h.Set("Authorization", "Bearer "+clientKey+"-few") // may use sim/s* only
		for name, value := range map[string]string{
			"x-dragoman-route": "sim/hidden", "x-dragoman-keys": canary("gamma"), "x-dragoman-length": "1", "x-dragoman-skipped": "evil", "x-dragoman-estimated": "true",
			"X-Dragoman-Failed": "401 0 auth", "x-dragoman-key": "all", "x-dragoman-tenant": "acme", "x-ratelimit-remaining-requests": "999", "grpc-timeout": "1m",
		} {
			h.Set(name, value)
		}
		g.untouched(t, func() {
			if w.model != "sim/chat" {
				return // that and the others are not in its list
			}
			g.checkRefused(t, g.send(t, http.MethodPost, "/v1/chat/completions", q.body(), h), http.StatusForbidden, "may not use the model")
		})
		h.Set("Authorization", "Bearer "+clientKey)
		a := g.send(t, http.MethodPost, "/v1/chat/completions", q.body(), h)
		a.checkServed(t, "alpha", "1")
		for _, r := range g.calls("alpha", q.text) {
			checkClean(t, "alpha", r.Header)
		}
	}
	dump := g.admin(t, "/config_dump")
	for _, word := range []string{`"path": "` + g.socket("extproc"), `"path": "` + g.socket("xds")} {
		if !strings.Contains(dump, word) {
			t.Errorf("Envoy's configuration lacks %s: ext_proc and xds must be reached by Unix sockets", word)
		}
	}
	if host, _, err := net.SplitHostPort(g.Envoy.AdminAddr()); err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("Envoy's admin endpoint is at %s", g.Envoy.AdminAddr())
	}
	// Nothing gets in where nobody was given a key: there is no default one.
	bare := Start(t, Options{Catalog: membersCatalog})
	for _, key := range []string{"admin", "dragoman", "sk-1234", "dgm_default", "test", "changeme"} {
		bare.untouched(t, func() { bare.checkRefused(t, bare.hello(t, key), http.StatusUnauthorized) })
	}
}

// TestRequirement4WhatIsReadIsWhatIsSent sends members twice and in other
// spellings: two readers could see two values.
func TestRequirement4WhatIsReadIsWhatIsSent(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: everySurface(), Providers: wardens(), Env: keyring})
	for i := range surfaces {
		s := &surfaces[i]
		members := []string{`"model":"other/b"`, `"Model":"other/b"`, `"MODEL":"other/b"`, `"\u006dodel":"other/b"`, `"stream":true,"stream":false`, `"Stream":true`}
		switch s.name {
		case "chat":
			members = append(members, `"max_tokens":1,"max_tokens":9`, `"Max_Tokens":9`, `"Tools":[]`, `"tools":[],"tools":[]`, `"N":2`, `"n":1,"n":2`, `"ProviderOptions":{}`, `"providerOptions":{"gateway":{"only":["a"],"only":["b"]}}`, `"providerOptions":{"Gateway":{}}`)
		case "responses":
			members = append(members, `"max_output_tokens":1,"max_output_tokens":9`, `"Max_output_tokens":9`, `"Tools":[]`)
		case "messages":
			members = append(members, `"max_tokens":9`, `"Max_Tokens":9`, `"Tools":[]`)
		case "gemini":
			members = []string{`"generationConfig":{"maxOutputTokens":1,"maxOutputTokens":9}`, `"generationConfig":{"MaxOutputTokens":9}`, `"generationConfig":{},"generationConfig":{}`, `"GenerationConfig":{}`, `"contents":[]`, `"Tools":[]`}
		}
		for _, w := range ways {
			if w.stream && !s.streams() {
				continue
			}
			q := inquiry{surface: s, way: w, text: "twice"}
			for _, m := range members {
				if s.dialect == "embeddings" && strings.Contains(strings.ToLower(m), "stream") {
					continue // means nothing there
				}
				g.untouched(t, func() {
					a := q.put(t, g, q.surface.body(q.modelName(), q.text, q.stream)+","+m+"}")
					if a.Status != http.StatusBadRequest {
						t.Errorf("%s, %s: %s: %s", s.name, w.name, m, a)
					}
				})
			}
		}
	}
}

// TestRequirement5NobodyLeadsTheGatewayElsewhere offers addresses wherever a
// request or a catalog might take one.
func TestRequirement5NobodyLeadsTheGatewayElsewhere(t *testing.T) {
	t.Parallel()
	trap, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trap.Close() }) // ends Accept
	var caught atomic.Int64
	go func() {
		for c, err := trap.Accept(); err == nil; c, err = trap.Accept() {
			caught.Add(1)
			_ = c.Close() // nobody should be there
		}
	}()
	url := "http://" + trap.Addr().String()
	g := Start(t, Options{Catalog: everySurface(), Providers: wardens(), Env: keyring})
	for i := range surfaces {
		for _, w := range ways {
			if w.stream && !surfaces[i].streams() {
				continue
			}
			q := inquiry{surface: &surfaces[i], way: w, text: "elsewhere"}
			for _, word := range []string{"base_url", "baseUrl", "api_base", "endpoint", "host", "url", "proxy", "upstream", "webhook", "callback_url"} {
				for _, m := range []string{
					fmt.Sprintf(`%q:%q`, word, url), fmt.Sprintf(`"metadata":{%q:%q}`, word, url),
					fmt.Sprintf(`"providerOptions":{"gateway":{%q:%q}}`, word, url), fmt.Sprintf(`"providerOptions":{"openai":{%q:%q}}`, word, url),
					fmt.Sprintf(`"providerOptions":{"gateway":{"only":[{%q:%q}]}}`, word, url), fmt.Sprintf(`"providerOptions":{"gateway":{"byok":{"openai":[{"apiKey":"x",%q:%q}]}}}`, word, url),
				} {
					if q.put(t, g, q.surface.body(q.modelName(), q.text, q.stream)+","+m+"}"); t.Failed() {
						return
					}
				}
			}
			q.put(t, g, q.surface.body(url+"/v1", q.text, q.stream)+"}")
		}
	}
	g.Settled(t, 10*time.Second)
	if n := caught.Load(); n > 0 {
		t.Errorf("%d connections were made to where a client pointed", n)
	}
	for _, host := range []string{
		"http://api.example.com", "http://10.0.0.1", "http://169.254.169.254", "https://user:pass@api.example.com", "https://api.example.com/#", "https://api.example.com/?a=b",
		`https://api.example.com\@evil.example`, "ftp://api.example.com", "https://", "https://api.example.com/../..", "//api.example.com", "file:///etc/passwd", "unix:///tmp/x",
	} {
		for _, text := range []string{
			"open: true\nproviders: {a: {dialect: openai, base_url: '%s'}}\nmodels: {m/a: {targets: [a]}}\n",
			"open: true\nquota: {webhook: '%s'}\n",
			"issuers: [{name: a, issuer: '%s', audience: [a]}]\n",
			"issuers: [{name: a, issuer: 'https://a.example', audience: [a], jwks: '%s'}]\n",
		} {
			if strings.Contains(host, "?") && strings.Contains(text, "webhook") {
				continue // a webhook may have a query
			}
			if _, err := catalog.Parse(catalog.Source{Name: "test", Data: fmt.Appendf(nil, text, host)}); err == nil {
				t.Errorf("a catalog is taken: "+text, host)
			}
		}
	}
}

// TestRequirement6NothingOfARequestIsExecuted sends what other engines would
// run, and looks at what ours are made of.
func TestRequirement6NothingOfARequestIsExecuted(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	for _, w := range ways {
		for _, text := range []string{"{{7*7}}", "${jndi:ldap://127.0.0.1/a}", "$(id)", "`id`", "%{7*7}", "<%= 7*7 %>", "%RESPONSE_FLAGS%", "%DYNAMIC_METADATA(dragoman:key)%", "#{7*7}", "os.execute('id')"} {
			a := g.MustPost(t, question{way: w, text: text, sim: `{"*":{"echo":true}}`}.body(), "User-Agent", text)
			a.checkServed(t, "alpha", "1")
			if len(g.calls("alpha", text)) == 0 {
				t.Errorf("%s: the provider did not get %q as it was sent", w.name, text)
			}
		}
	}
	banned := []string{"plugin", "os/exec", "text/template", "html/template", "github.com/dop251/goja", "github.com/traefik/yaegi", "go.starlark.net/starlark", "github.com/yuin/gopher-lua", "github.com/expr-lang/expr"}
	looked := 0
	for _, half := range []string{"extproc", "xds"} {
		err := filepath.WalkDir(filepath.Join("..", "..", half), func(path string, d fs.DirEntry, err error) error {
			name := filepath.Base(path)
			inTests := strings.HasSuffix(name, "_test.go") || strings.HasSuffix(filepath.Base(filepath.Dir(path)), "test") || strings.Contains(path, "testdata") || strings.Contains(path, "internal") || strings.Contains(path, "storetest")
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || inTests {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil || f.Name.Name == "main" {
				return err // a program of its own is none of the gateway's
			}
			looked++
			for _, i := range f.Imports {
				if at := strings.Trim(i.Path.Value, `"`); slices.Contains(banned, at) {
					t.Errorf("%s imports %s", path, at)
				}
			}
			return nil
		})
		if err != nil || looked == 0 {
			t.Fatal(looked, err)
		}
	}
}
