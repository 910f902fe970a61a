package envoytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// twoCreators is DefaultCatalog with a bare name that two creators have.
const twoCreators = DefaultCatalog + `
  other/chat: {targets: [beta]}
`

// checkRefused checks that an answer is one precise refusal: status, form and
// what its message names, without a word about what is behind the gateway.
func (g *Gateway) checkRefused(tb testing.TB, a *Answer, status int, words ...string) {
	tb.Helper()
	p := a.problem(tb)
	if a.Status != status {
		tb.Errorf("want %d, got %s", status, a)
	}
	for _, word := range words {
		if !strings.Contains(p.Error.Message, word) {
			tb.Errorf("the message %q does not name %q", p.Error.Message, word)
		}
	}
	g.checkDiscreet(tb, a)
}

// checkDiscreet checks that nothing of an answer tells what is inside.
func (g *Gateway) checkDiscreet(tb testing.TB, a *Answer) {
	tb.Helper()
	inside := []string{g.dir, ".sock", "dragoman-attempt", "dragoman-extproc", "dragoman-express", "ext_proc", "upstream connect", "goroutine ", ".go:"}
	for _, s := range g.Fleet.States() {
		inside = append(inside, strings.TrimPrefix(s.URL, "http://"))
	}
	for _, word := range inside {
		if bytes.Contains(a.Body, []byte(word)) || strings.Contains(fmt.Sprint(a.Header), word) {
			tb.Errorf("the answer tells of %q: %v %s", word, a.Header, a)
		}
	}
}

// asked is how many requests have come to any provider.
func (g *Gateway) asked() (n int64) {
	for _, s := range g.Fleet.States() {
		n += s.Stats.Requests
	}
	return n
}

// untouched runs f and checks that no provider was asked meanwhile.
func (g *Gateway) untouched(tb testing.TB, f func()) {
	tb.Helper()
	before := g.asked()
	f()
	if n := g.asked() - before; n != 0 {
		tb.Errorf("providers got %d requests", n)
	}
}

func TestABadBodyIsRefusedBeforeAnyProvider(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: twoCreators})
	const messages = `"messages":[{"role":"user","content":"Hello"}]`
	with := func(members string) string { return `{"model":"sim/chat",` + messages + `,` + members + `}` }
	for _, tt := range []struct {
		name, body string
		status     int
		words      []string
	}{
		{"invalid JSON", `{"model": sim}`, 400, []string{"not valid JSON", "byte 10"}},
		{"truncated JSON", `{"model":"sim/chat","messages":[{"role":"us`, 400, []string{"not valid JSON"}},
		{"text behind it", with(`"n":1`) + ` tail`, 400, []string{"not valid JSON", "end of the text"}},
		{"two documents", with(`"n":1`) + with(`"n":1`), 400, []string{"not valid JSON"}},
		{"a byte order mark", "\xef\xbb\xbf" + with(`"n":1`), 400, []string{"byte order mark"}},
		{"UTF-16", "{\x00\"\x00m\x00", 400, []string{"not valid JSON"}},
		{"invalid UTF-8", with("\"user\":\"a\xff\""), 400, []string{"UTF-8"}},
		{"a control character", with("\"user\":\"a\nb\""), 400, []string{"control character"}},
		{"an array", `[` + with(`"n":1`) + `]`, 400, []string{"must be a JSON object"}},
		{"a string", `"sim/chat"`, 400, []string{"must be a JSON object"}},
		{"null", `null`, 400, []string{"must be a JSON object"}},
		{"white space", "  \n ", 400, []string{"not valid JSON"}},
		{"nothing", "", 400, []string{"no body"}},
		{"2,000 levels", with(`"x":` + strings.Repeat(`[`, 2000) + strings.Repeat(`]`, 2000)), 400, []string{"nesting is deeper than"}},
		{"2,000 objects", with(`"x":` + strings.Repeat(`{"a":`, 2000) + `1` + strings.Repeat(`}`, 2000)), 400, []string{"nesting is deeper than"}},
		{"a million levels, unclosed", strings.Repeat(`[`, 1<<20), 400, []string{"nesting is deeper than"}},

		{"no model", `{` + messages + `}`, 400, []string{"model is missing"}},
		{"an empty model", `{"model":"",` + messages + `}`, 400, []string{"model must not be empty"}},
		{"a number as model", `{"model":7,` + messages + `}`, 400, []string{"model must be a string"}},
		{"null as model", `{"model":null,` + messages + `}`, 400, []string{"model must be a string"}},
		{"an array as model", `{"model":["sim/chat"],` + messages + `}`, 400, []string{"model must be a string"}},
		{"an endless model", `{"model":"` + strings.Repeat("m", 5000) + `",` + messages + `}`, 400, []string{"model must be at most"}},
		{"two models", with(`"model":"sim/solo"`), 400, []string{`"model" appears twice`}},
		{"two models, one escaped", with(`"\u006dodel":"sim/solo"`), 400, []string{`"model" appears twice`}},
		{"Model beside model", with(`"Model":"sim/solo"`), 400, []string{`"Model" must be spelled "model"`}},
		{"Model alone", `{"Model":"sim/chat",` + messages + `}`, 400, []string{`"Model" must be spelled "model"`}},
		{"an unknown model", `{"model":"sim/chatt",` + messages + `}`, 404, []string{`"sim/chatt"`, "did you mean sim/chat", "GET /v1/models lists"}},
		{"a model in another case", `{"model":"SIM/chat",` + messages + `}`, 404, []string{"no model", "GET /v1/models lists"}},
		{"a route of ours as model", `{"model":"@express",` + messages + `}`, 404, []string{"no model"}},
		{"a model with a line end", `{"model":"sim/chat\r\nx-evil: 1",` + messages + `}`, 404, []string{"no model"}},
		{"a bare name of two", `{"model":"chat",` + messages + `}`, 404, []string{"several creators", "other/chat, sim/chat"}},

		{"two streams", with(`"stream":true,"stream":false`), 400, []string{`"stream" appears twice`}},
		{"a string as stream", with(`"stream":"yes"`), 400, []string{"stream must be true or false"}},
		{"ſtream, which folds to stream", with(`"\u017ftream":true`), 400, []string{`must be spelled "stream"`}},
		{"max_tokens negative", with(`"max_tokens":-1`), 400, []string{"max_tokens must be an integer"}},
		{"max_tokens broken", with(`"max_tokens":1.5`), 400, []string{"max_tokens must be an integer"}},
		{"max_tokens huge", with(`"max_tokens":1e300`), 400, []string{"max_tokens must be an integer"}},
		{"max_tokens beyond 64 bits", with(`"max_tokens":99999999999999999999`), 400, []string{"max_tokens must be an integer"}},
		{"a string as max_tokens", with(`"max_tokens":"10"`), 400, []string{"max_tokens must be an integer"}},
		{"two limits that differ", with(`"max_tokens":1,"max_completion_tokens":2`), 400, []string{"contradict"}},
		{"n of 0", with(`"n":0`), 400, []string{"n must be an integer from 1"}},
		{"n of 1000", with(`"n":1000`), 400, []string{"n must be an integer from 1"}},
		{"an unknown gateway option", with(`"providerOptions":{"gateway":{"onlyy":["alpha"]}}`), 400, []string{"providerOptions.gateway.onlyy"}},
		{"an order that is no list", with(`"providerOptions":{"gateway":{"order":"beta"}}`), 400, []string{"providerOptions.gateway.order"}},
		{"only nobody", with(`"providerOptions":{"gateway":{"only":["nobody"]}}`), 400, []string{"nobody"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g.untouched(t, func() { g.checkRefused(t, g.MustPost(t, tt.body), tt.status, tt.words...) })
		})
	}
	g.Settled(t, 5*time.Second)
}

func TestOnlyJSONIsTaken(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{})
	body := question{way: ways[0], text: "Hello"}.body()
	for _, tt := range []struct {
		header, value string
		status        int
		words         []string
	}{
		{"Content-Type", "text/plain", 415, []string{"application/json", "text/plain"}},
		{"Content-Type", "application/x-www-form-urlencoded", 415, []string{"application/json"}},
		{"Content-Type", "multipart/form-data; boundary=x", 415, []string{"application/json"}},
		{"Content-Type", "application/jsonp", 415, []string{"application/json"}},
		{"Content-Encoding", "gzip", 415, []string{"gzip", "without content-encoding"}},
		{"Content-Encoding", "br", 415, []string{"br"}},
		{"Content-Encoding", "identity, gzip", 415, []string{"gzip"}},
		{"Content-Type", "application/json; charset=utf-8", 200, nil},
		{"Content-Type", "application/vnd.api+json", 200, nil},
		{"Content-Encoding", "identity", 200, nil},
	} {
		t.Run(tt.header+" "+tt.value, func(t *testing.T) {
			a := g.send(t, http.MethodPost, "/v1/chat/completions", body, http.Header{"Content-Type": {"application/json"}, tt.header: {tt.value}})
			if tt.status != http.StatusOK {
				g.checkRefused(t, a, tt.status, tt.words...)
			} else if a.Status != http.StatusOK {
				t.Error(a)
			}
		})
	}
	if n, want := g.asked(), int64(3); n != want {
		t.Errorf("providers got %d requests, want %d", n, want)
	}
}

// keyed is DefaultCatalog that wants a key: one for all models, and one for
// some of them.
func keyed(key string) string {
	return strings.Replace(DefaultCatalog, "open: true", fmt.Sprintf(
		"keys:\n  - {name: all, hash: \"sha256:%x\"}\n  - {name: few, hash: \"sha256:%x\", models: [\"sim/s*\"]}",
		sha256.Sum256([]byte(key)), sha256.Sum256([]byte(key+"-few"))), 1)
}

func TestWithoutTheRightKeyNothingPasses(t *testing.T) {
	t.Parallel()
	const key = "dgm_integration-key-0123456789"
	g := Start(t, Options{Catalog: keyed(key)})
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(key)))
	q := question{way: ways[0], text: "Hello"}
	for _, tt := range []struct {
		name   string
		header http.Header
		word   string
	}{
		{"none", nil, "no API key"},
		{"a wrong one", http.Header{"Authorization": {"Bearer dgm_wrong"}}, "not known here"},
		{"a part of it", http.Header{"Authorization": {"Bearer " + key[:len(key)-1]}}, "not known here"},
		{"its hash", http.Header{"Authorization": {"Bearer " + hash}}, "not known here"},
		{"its hash as in the catalog", http.Header{"X-Api-Key": {"sha256:" + hash}}, "not known here"},
		{"its name", http.Header{"X-Api-Key": {"all"}}, "not known here"},
		{"an empty header", http.Header{"Authorization": {""}}, "no API key"},
		{"Bearer alone", http.Header{"Authorization": {"Bearer"}}, "no API key"},
		{"Bearer and spaces", http.Header{"Authorization": {"Bearer   "}}, "no API key"},
		{"Basic", http.Header{"Authorization": {"Basic " + key}}, "Bearer"},
		{"without a scheme", http.Header{"Authorization": {key}}, "Bearer"},
		{"two that differ", http.Header{"Authorization": {"Bearer " + key}, "X-Api-Key": {"dgm_other"}}, "several different"},
		{"two in one header", http.Header{"Authorization": {"Bearer " + key, "Bearer dgm_other"}}, ""},
		{"a list", http.Header{"Authorization": {"Bearer " + key + ", Bearer " + key}}, "list"},
		{"a very long one", http.Header{"Authorization": {"Bearer " + strings.Repeat("k", 8<<10)}}, "4096 bytes"},
		{"no ASCII", http.Header{"X-Api-Key": {key + "\xe9"}}, "characters"},
		{"a tab inside", http.Header{"X-Api-Key": {key + "\t" + key}}, "characters"},
		{"in a cookie", http.Header{"Cookie": {"authorization=" + key}}, "no API key"},
		{"in another header", http.Header{"X-Dragoman-Key": {key}, "Proxy-Authorization": {"Bearer " + key}}, "no API key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, rq := range []struct{ method, path, body string }{
				{http.MethodPost, "/v1/chat/completions", q.body()},
				{http.MethodPost, "/v1/chat/completions?key=" + key, "{"},
				{http.MethodGet, "/v1/models", ""},
				{http.MethodGet, "/v1/models/sim/chat", ""},
				{http.MethodGet, "/nowhere", ""},
				{http.MethodDelete, "/v1/responses", ""},
			} {
				h := tt.header.Clone()
				if h == nil {
					h = http.Header{}
				}
				h.Set("Content-Type", "application/json")
				g.untouched(t, func() {
					a := g.send(t, rq.method, rq.path, rq.body, h)
					g.checkRefused(t, a, http.StatusUnauthorized, tt.word)
					if bytes.Contains(a.Body, []byte(key)) || bytes.Contains(a.Body, []byte(hash)) {
						t.Errorf("the answer repeats the key: %s", a)
					}
				})
			}
		})
	}
}

func TestTheRightKeyPasses(t *testing.T) {
	t.Parallel()
	const key = "dgm_integration-key-0123456789"
	g := Start(t, Options{Catalog: keyed(key)})
	chat, solo := question{way: ways[0], text: "Hello"}.body(), question{way: way{model: "sim/solo"}, text: "Hello"}.body()
	for _, name := range []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
		scheme := ""
		if name == "Authorization" {
			scheme = "Bearer "
		}
		if a := g.MustPost(t, chat, name, scheme+key); a.Status != http.StatusOK {
			t.Errorf("%s: %s", name, a)
		}
		few := scheme + key + "-few"
		g.untouched(t, func() {
			g.checkRefused(t, g.MustPost(t, chat, name, few), http.StatusForbidden, "may not use the model sim/chat")
		})
		if a := g.MustPost(t, solo, name, few); a.Status != http.StatusOK {
			t.Errorf("%s: %s", name, a)
		}
		fallback := strings.Replace(solo, `"sim":`, `"models":["sim/chat"],"sim":`, 1)
		g.untouched(t, func() { g.checkRefused(t, g.MustPost(t, fallback, name, few), http.StatusForbidden, "sim/chat") })
		a, err := g.Do(t.Context(), http.MethodGet, "/v1/models", "", name, few)
		if err != nil || a.Status != http.StatusOK || bytes.Contains(a.Body, []byte("sim/chat")) || !bytes.Contains(a.Body, []byte("sim/solo")) {
			t.Errorf("the models of a key for some: %v %v", a, err)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a, err := g.Do(t.Context(), http.MethodGet, path, ""); err != nil || a.Status != http.StatusOK || string(a.Body) != `{"status":"ok"}` {
			t.Errorf("%s without a key: %v %v", path, a, err)
		}
	}
}

// TestWhoHasNoKeyIsRefusedBeforeTheBody sends a length and the beginning of a
// body, and no more.
func TestWhoHasNoKeyIsRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: keyed("dgm_integration-key")})
	for name, length := range map[string]int64{"10 MB": 10 << 20, "chunked": -1} {
		body, end := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		rq, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/v1/chat/completions",
			io.MultiReader(strings.NewReader(strings.Repeat(" ", 100<<10)), body))
		if err != nil {
			t.Fatal(err)
		}
		rq.ContentLength = length
		rq.Header.Set("Content-Type", "application/json")
		began := time.Now()
		resp, err := g.Client.Do(rq)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else {
			a := read(resp)
			g.checkRefused(t, a, http.StatusUnauthorized, "no API key")
			t.Logf("%s without a key: %d after %s, with 100 KB of the body sent", name, a.Status, time.Since(began))
		}
		cancel()
		_ = end.Close() // the request has ended
	}
}

// TestASlowClientIsBounded sends too little of a request and then waits.
func TestASlowClientIsBounded(t *testing.T) {
	t.Parallel()
	// The edge outwaits its providers, and never less than a minute.
	g := Start(t, Options{Catalog: DefaultCatalog + "\ntimeouts: {first_token: 1s, answer: 1s, idle: 1s}\n"})
	body := question{way: ways[0], text: "Hello"}.body()
	type slow struct {
		name, request string
		status        int
	}
	cases := []slow{{"headers", "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n", 408}}
	if Long() {
		cases = append(cases, slow{"body", post("/v1/chat/completions", "localhost", fmt.Sprintf("Content-Length: %d\r\n", len(body)), body[:30]), 408})
	}
	for _, tt := range cases {
		began := time.Now()
		a, _ := g.wire(t, tt.request)
		g.checkRefused(t, a, tt.status)
		t.Logf("half of the %s: %d after %.1f s", tt.name, a.Status, time.Since(began).Seconds())
	}
	g.Settled(t, 5*time.Second)
}
