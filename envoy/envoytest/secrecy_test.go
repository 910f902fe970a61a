package envoytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

// canary is a provider's key, as nobody but that provider may see it.
func canary(provider string) string { return "sk-canary-" + provider + "-7f3a9c21" }

// clientKey is a client's key, which no provider may see.
const clientKey = "dgm_client-canary-55aa"

// withKeys is the keyed catalog with a credential for each provider.
func withKeys() string {
	text := keyed(clientKey)
	for _, name := range []string{"alpha", "beta", "gamma"} {
		text = strings.Replace(text, `{{url "`+name+`"}}"`, `{{url "`+name+`"}}", credential: "env:KEY_`+strings.ToUpper(name)+`"`, 1)
	}
	return text
}

// keyring resolves the credentials of withKeys.
func keyring(name string) (string, bool) {
	if provider, ok := strings.CutPrefix(name, "KEY_"); ok {
		return canary(strings.ToLower(provider)), true
	}
	return os.LookupEnv(name)
}

// wardens are recording providers that want their key.
func wardens() []simulator.Config {
	all := recording(nil)
	for i := range all {
		all[i].Key = simulator.Secret(canary(all[i].Name))
	}
	return all
}

// received are the headers that may reach a provider.
var received = []string{
	"Accept", "Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "Openai-Beta", "User-Agent", "Transfer-Encoding",
}

// checkClean checks that a provider got nothing of ours and nothing of the
// client's that is not its business.
func checkClean(tb testing.TB, provider string, h http.Header) {
	tb.Helper()
	for name, values := range h {
		if !slices.Contains(received, name) {
			tb.Errorf("%s received %s: %q", provider, name, values)
		}
		for _, v := range values {
			if strings.Contains(v, "evil") || strings.Contains(v, clientKey) {
				tb.Errorf("%s received the client's %s: %q", provider, name, v)
			}
		}
	}
	if got := h.Values("Accept-Encoding"); len(got) != 1 || got[0] != "identity" {
		tb.Errorf("%s received accept-encoding %q", provider, got)
	}
}

// answered are the headers of an answer that may reach a client.
var answered = []string{
	"Cache-Control", "Connection", "Content-Length", "Content-Type", "Date", "Retry-After", "Retry-After-Ms", "Server", "Transfer-Encoding",
	"X-Should-Retry", "Request-Id", "X-Request-Id",
	"X-Dragoman-Attempts", "X-Dragoman-Dropped", "X-Dragoman-Generation", "X-Dragoman-Model", "X-Dragoman-Provider",
}

// checkAnswerHeaders checks that nothing of a provider's headers has passed but
// what may.
func checkAnswerHeaders(tb testing.TB, a *Answer, provider string) {
	tb.Helper()
	for name, values := range a.Header {
		if !slices.Contains(answered, name) && !strings.HasPrefix(name, "X-Ratelimit-") {
			tb.Errorf("the client received %s: %q", name, values)
		}
	}
	for name, want := range map[string]string{"Server": "dragoman", "X-Dragoman-Provider": provider} {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != want {
			tb.Errorf("the client received %s: %q, want %q", name, got, want)
		}
	}
	if id := a.Header.Values("X-Request-Id"); len(id) != 1 || len(id[0]) != 32 {
		tb.Errorf("the client received X-Request-Id: %q", id)
	}
	checkSecret(tb, "the answer's headers", fmt.Sprint(a.Header))
	checkSecret(tb, "the answer", string(a.Body))
}

// checkSecret looks for the providers' keys and the client's.
func checkSecret(tb testing.TB, where, text string) {
	tb.Helper()
	for _, secret := range []string{canary("alpha"), canary("beta"), canary("gamma"), clientKey} {
		if at := strings.Index(text, secret); at >= 0 {
			tb.Errorf("%s tells the key %s: …%s…", where, secret, text[max(0, at-100):min(len(text), at+100)])
		}
	}
}

// strangers are the headers with which a client might speak as somebody else.
func strangers() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, value := range map[string]string{
		"x-dragoman-route": "sim/solo", "x-dragoman-stream": "1", "x-dragoman-local-reply": "UF", "x-dragoman-failed": "503 9000 context",
		"x-dragoman-provider": "gamma", "x-dragoman-attempts": "7", "x-dragoman-model": "evil", "x-dragoman-generation": "evil",
		"x-dragoman-role": "attempt", "x-dragoman-anything": "evil",
		"x-envoy-max-retries": "0", "x-envoy-retry-on": "gateway-error", "x-envoy-retriable-status-codes": "200",
		"x-envoy-retriable-header-names": "content-type", "x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-upstream-rq-per-try-timeout-ms": "1",
		"x-envoy-attempt-count": "3", "x-envoy-hedge-on-per-try-timeout": "true", "x-envoy-upstream-alt-stat-name": "evil",
		"x-envoy-internal": "true", "x-envoy-original-path": "/evil", "x-envoy-decorator-operation": "evil", "x-envoy-force-trace": "1",
		"x-envoy-expected-rq-timeout-ms": "1", "x-envoy-external-address": "6.6.6.6", "x-envoy-ip-tags": "evil", "x-envoy-original-dst-host": "6.6.6.6:1",
		"x-request-id": "00112233445566778899aabbccddeeff", "x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example",
		"x-forwarded-client-cert": "Hash=evil", "x-original-url": "/evil", "x-rewrite-url": "/evil", "x-http-method-override": "GET",
		"forwarded": "for=6.6.6.6", "x-real-ip": "6.6.6.6", "via": "1.1 evil", "x-client-trace-id": "evil", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"cookie": "session=evil", "authorization": "Bearer evil", "x-api-key": "evil", "proxy-authorization": "Basic evil", "api-key": "evil",
	} {
		h.Set(name, value)
	}
	return h
}

func TestHeadersOfOursThatClientsSendHaveNoEffect(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	for _, w := range ways {
		for _, tt := range []struct{ name, sim, provider, attempts string }{
			{"the first serves", `{"alpha":{"first":"150ms"}}`, "alpha", "1"},
			{"the second serves", `{"alpha":{"status":503},"beta":{"first":"150ms"}}`, "beta", "2"},
		} {
			t.Run(w.name+", "+tt.name, func(t *testing.T) {
				q := question{way: w, text: w.name + tt.name, sim: tt.sim}
				a := g.send(t, http.MethodPost, "/v1/chat/completions", q.body(), strangers())
				a.checkServed(t, tt.provider, tt.attempts)
				if got := a.Header.Get("X-Dragoman-Model"); got != w.model {
					t.Errorf("the answer's model is %q", got)
				}
				if id := a.Header.Get("X-Request-Id"); len(id) != 32 || id == strangers().Get("X-Request-Id") || id != a.Header.Get("X-Dragoman-Generation") {
					t.Errorf("the request id is %q", id)
				}
				for _, provider := range []string{"alpha", "beta", "gamma"} {
					for _, r := range g.calls(provider, q.text) {
						checkClean(t, provider, r.Header)
						if r.Path != "/chat/completions" {
							t.Errorf("%s was asked for %s", provider, r.Path)
						}
					}
				}
			})
		}
	}
}

// forged are answer headers with which a provider would speak as somebody else.
func forged(provider string) string {
	h, _ := json.Marshal(map[string]any{ // strings only
		"set-cookie": []string{"a=1", "b=2"}, "alt-svc": `h3=":443"`, "strict-transport-security": "max-age=1", "server": "evil", "via": "1.1 evil",
		"x-dragoman-provider": "evil", "x-dragoman-model": "evil", "x-dragoman-attempts": "9", "x-dragoman-generation": "evil", "x-dragoman-local-reply": "UF",
		"x-dragoman-anything": "evil", "x-envoy-upstream-service-time": "1", "x-envoy-overloaded": "true", "x-envoy-degraded": "true",
		"x-envoy-anything": "evil", "x-request-id": "evil", "request-id": "evil", "access-control-allow-origin": "*", "www-authenticate": "Basic",
		"location": "http://evil.example/", "x-you-sent": "Bearer " + canary(provider), "x-ratelimit-remaining-tokens": "7", "nel": "{}", "trailer": "x-late",
		"x-powered-by": "evil", "content-security-policy": "none", "cf-ray": "evil", "openai-organization": "org-of-the-operator",
	})
	return string(h)
}

func TestNothingOfOursReachesProvidersNorOfTheirsClients(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: withKeys(), Providers: wardens(), Env: keyring})
	for _, w := range ways {
		for _, tt := range []struct {
			name, fault, provider string
		}{
			{"first", ``, "alpha"},
			{"after a 503", `"alpha":{"status":503},`, "beta"},
			{"after a reset", `"alpha":{"reset":"before"},`, "beta"},
			{"after two", `"alpha":{"status":429},"beta":{"close":"headers"},`, "gamma"},
		} {
			t.Run(w.name+", "+tt.name, func(t *testing.T) {
				q := question{way: w, text: w.name + tt.name, sim: fmt.Sprintf(`{%s%q:{"headers":%s}}`, tt.fault, tt.provider, forged(tt.provider))}
				h := strangers()
				for _, name := range []string{"x-api-key", "api-key"} {
					h.Del(name)
				}
				h.Set("Authorization", "Bearer "+clientKey)
				h.Set("Accept-Encoding", "gzip, br")
				a := g.send(t, http.MethodPost, "/v1/chat/completions", q.body(), h)
				if a.Status != http.StatusOK {
					t.Fatal(a)
				}
				checkAnswerHeaders(t, a, tt.provider)
				for _, provider := range []string{"alpha", "beta", "gamma"} {
					for _, r := range g.calls(provider, q.text) {
						checkClean(t, provider, r.Header)
						if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+canary(provider) {
							t.Errorf("%s received authorization %q", provider, got)
						}
						if want := strings.TrimPrefix(g.Fleet.URL(provider), "http://"); r.Host != want {
							t.Errorf("%s received host %q, want %q", provider, r.Host, want)
						}
						if got := r.Header.Get("Content-Length"); got != "" && got != fmt.Sprint(len(r.Body)) {
							t.Errorf("%s received content-length %s with %d bytes", provider, got, len(r.Body))
						}
					}
				}
			})
		}
	}
}

// TestAKeyStaysSecret looks for keys wherever one might be written after all
// kinds of answers, good and bad.
func TestAKeyStaysSecret(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: withKeys(), Providers: wardens(), Env: keyring})
	echo := `"headers":{"x-you-sent":"` + canary("alpha") + `"}`
	for _, w := range ways {
		for _, sim := range []string{
			`{}`, `{"*":{"echo":true}}`, `{"alpha":{"status":401,` + echo + `}}`, `{"*":{"status":401}}`, `{"*":{"status":403}}`,
			`{"*":{"status":400,` + echo + `}}`, `{"*":{"status":500,"message":"key ` + canary("alpha") + ` of ` + canary("beta") + `"}}`,
			`{"*":{"status":400,"message":"` + canary("alpha") + ` may not use this voice"}}`,
			`{"*":{"status":400,"message":"voices are not supported for ` + canary("alpha") + canary("beta") + canary("gamma") + `"}}`,
			`{"*":{"html":true}}`, `{"*":{"malformed":true}}`, `{"*":{"reset":"mid"}}`, `{"*":{"error_first":true,"message":"` + canary("alpha") + `"}}`,
		} {
			q := question{way: w, text: "Tell me a secret.", sim: sim}
			a, err := g.Post(t.Context(), q.body(), "Authorization", "Bearer "+clientKey)
			if err != nil {
				t.Fatal(err)
			}
			if sim == `{}` && a.Status != http.StatusOK || a.Status == http.StatusUnauthorized {
				t.Errorf("%s %s: %s", w.name, sim, a)
			}
			checkSecret(t, w.name+" "+sim+": headers", fmt.Sprint(a.Header))
			checkSecret(t, w.name+" "+sim, string(a.Body))
		}
	}
	g.Settled(t, 10*time.Second)
	checkSecret(t, "the log", g.logs.String())
	families, err := g.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	checkSecret(t, "the metrics", text.String())
	for _, path := range []string{"/config_dump?include_eds", "/stats/prometheus", "/clusters", "/listeners", "/server_info", "/certs"} {
		checkSecret(t, "Envoy's "+path, g.admin(t, path))
	}
	for _, line := range g.Envoy.Lines() {
		checkSecret(t, "Envoy's log", line)
	}
}

// admin asks Envoy's admin endpoint.
func (g *Gateway) admin(tb testing.TB, path string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.Envoy.AdminAddr()+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := g.Client.Do(rq)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || len(text) == 0 {
		tb.Fatalf("Envoy's %s: %s, %d bytes, %v", path, resp.Status, len(text), err)
	}
	return string(text)
}

func TestAnothersRequestIdEndsNothing(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{})
	i, err := g.idle(g.Client, "Wait for me.")
	if err != nil {
		t.Fatal(err)
	}
	defer i.close()
	for range 3 {
		for name, want := range map[string]int{`{"model":"nobody/none"}`: 404, "{": 400, question{way: ways[0]}.body(): 200, question{way: ways[2]}.body(): 200} {
			if a := g.MustPost(t, name, "X-Request-Id", i.id); a.Status != want || a.Header.Get("X-Request-Id") == i.id {
				t.Errorf("%s: %s", name, a)
			}
		}
		a, err := g.Do(t.Context(), http.MethodGet, "/nowhere", "", "X-Request-Id", i.id)
		if err != nil || a.Status != http.StatusNotFound {
			t.Errorf("%v %v", a, err)
		}
	}
	// A log is on its way for 200 ms at most.
	const polls = 50
	stable := 0
	Eventually(t, 10*time.Second, "one exchange stays open", func() error {
		n, _ := g.Server.Open()
		if stable++; n != 1 {
			stable = 0
		}
		if stable < polls {
			return fmt.Errorf("%d are open", n)
		}
		return nil
	})
}

// TestRequestsWithOneIdStayApart sends many requests at once with the same id
// of the client's; each must get its own answer.
func TestRequestsWithOneIdStayApart(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{})
	for _, w := range ways {
		for _, sim := range []string{`{"*":{"echo":true,"first":"20ms"}}`, `{"alpha":{"status":503,"first":"20ms"},"*":{"echo":true}}`} {
			for _, n := range []int{2, 50} {
				atOnce(n, n, func(i int) {
					own := fmt.Sprintf("secret %d of %s;", i, w.name)
					q := question{way: w, text: own, sim: sim}
					a, err := g.Post(t.Context(), q.body(), "X-Request-Id", "00112233445566778899aabbccddeeff")
					if err != nil || a.Err != nil || a.Status != http.StatusOK {
						t.Errorf("%s: %v %v", own, err, a)
						return
					}
					text, whole := said(a.Body, w.stream)
					if !whole || !strings.Contains(text, own) || strings.Contains(strings.ReplaceAll(text, own, ""), "secret ") {
						t.Errorf("%s got %q", own, text)
					}
				})
			}
		}
	}
}
