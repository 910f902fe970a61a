package envoytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// Canaries of what a tenant brings, and of what seals it.
const (
	ownKey    = "sk-own-canary-of-acme-91ab37"
	masterKey = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00deadbeef"
)

// ownCatalog has providers whose own keys the gateway has, and a model for each
// way.
const ownCatalog = `
listen: {port: {{port}}}
secrets: {key: env:MASTER}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}", credential: "env:KEY_ALPHA"}
  beta: {dialect: openai, base_url: "{{url "beta"}}", credential: "env:KEY_BETA"}
models:
  sim/chat: {targets: [alpha, beta], prices: {input: 1, output: 4}}
  sim/leave: {targets: [alpha, beta], lane: leave, prices: {input: 1, output: 4}}
  sim/translated: {targets: [alpha, beta], lane: translate, prices: {input: 1, output: 4}}
`

// ownKeyring is keyring with the master key.
func ownKeyring(name string) (string, bool) {
	if name == "MASTER" {
		return masterKey, true
	}
	return keyring(name)
}

// tenancy is a gateway with a tenant that has brought a key for alpha.
type tenancy struct {
	*Gateway
	key, other string // of clients of the tenant, and of another one
}

// startOwn starts it; accepts is the key that alpha wants, "" = any.
func startOwn(t *testing.T, more, accepts string) *tenancy {
	t.Helper()
	g := Start(t, Options{Catalog: ownCatalog + more, Env: ownKeyring, Providers: []simulator.Config{
		{Name: "alpha", Record: 1000, Key: simulator.Secret(accepts)}, {Name: "beta", Record: 1000, Key: simulator.Secret(canary("beta"))},
	}})
	d := g.Server.Directory()
	if _, err := d.PutOwn(t.Context(), operator, directory.OwnCredential{Tenant: "acme", Provider: "alpha", Secret: credential.NewSecret(ownKey)}); err != nil {
		t.Fatal(err)
	}
	return &tenancy{g, create(t, d, catalog.Key{Name: "acme-ci", Tenant: "acme"}), create(t, d, catalog.Key{Name: "other-ci", Tenant: "other"})}
}

// put asks in a way, with what both providers will say.
func (y *tenancy) put(t *testing.T, key string, q question) *Answer {
	t.Helper()
	a := y.MustPost(t, q.body(), "Authorization", "Bearer "+key)
	y.keepsOwn(t, q.name+" "+q.sim, fmt.Sprint(a.Header)+string(a.Body))
	return a
}

// keepsOwn looks for the tenant's key and the master key.
func (y *tenancy) keepsOwn(t *testing.T, where, text string) {
	t.Helper()
	checkSecret(t, where, text)
	for _, secret := range []string{ownKey, masterKey} {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s tells %s…: %s", where, secret[:10], text[max(0, at-100):at])
		}
	}
}

// shown are the keys with which providers were called, in order of arrival at
// each, alpha's first.
func (y *tenancy) shown(text string) (keys []string) {
	for _, provider := range []string{"alpha", "beta"} {
		for _, r := range y.calls(provider, text) {
			keys = append(keys, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}
	}
	return keys
}

const counted = `"usage":{"prompt_tokens":1000,"completion_tokens":20}`

// ownCost is what that is at list price, in nano-dollars.
const ownCost = 1_080_000

func TestATenantsOwnKeyIsWhatTheProviderGets(t *testing.T) {
	t.Parallel()
	y := startOwn(t, "", "")
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			q := question{way: w, text: "own " + w.name, sim: `{"*":{` + counted + `}}`}
			a := y.put(t, y.key, q)
			a.checkServed(t, "alpha", "1")
			if got := fmt.Sprint(y.shown(q.text)); got != "["+ownKey+"]" {
				t.Errorf("providers were shown %s", got)
			}
			r := y.Generation(t, a.Header.Get("X-Dragoman-Generation"))
			if r.Cost != 0 || r.Market != ownCost || !r.Priced || len(r.Attempts) != 1 || !r.Attempts[0].Own || !r.Own() {
				t.Errorf("cost %d, market %d, priced %t, attempts %+v", r.Cost, r.Market, r.Priced, r.Attempts)
			}
			q.text = "another's " + w.name
			a = y.put(t, y.other, q)
			a.checkServed(t, "alpha", "1")
			if got := fmt.Sprint(y.shown(q.text)); got != "["+canary("alpha")+"]" {
				t.Errorf("for another tenant providers were shown %s", got)
			}
			if r := y.Generation(t, a.Header.Get("X-Dragoman-Generation")); r.Cost != ownCost || r.Market != ownCost || r.Own() {
				t.Errorf("another tenant's: cost %d, market %d", r.Cost, r.Market)
			}
		})
	}
}

// TestAnOwnKeyGoesWhereItsVendorTakesIt asks each surface's own providers and
// others' in translation.
func TestAnOwnKeyGoesWhereItsVendorTakesIt(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: everySurface() + "secrets: {key: env:MASTER}\n", Env: ownKeyring, Providers: recording(nil)})
	d := g.Server.Directory()
	for provider, header := range map[string]string{"openai": "Authorization", "responses": "Authorization", "anthropic": "X-Api-Key", "gemini": "X-Goog-Api-Key"} {
		tenant := "of-" + provider
		o := directory.OwnCredential{Tenant: tenant, Provider: provider + "-alpha", Secret: credential.NewSecret(ownKey)}
		if _, err := d.PutOwn(t.Context(), operator, o); err != nil {
			t.Fatal(err)
		}
		key := create(t, d, catalog.Key{Name: tenant, Tenant: tenant})
		for i := range surfaces {
			for _, w := range ways {
				q := inquiry{surface: &surfaces[i], way: w, text: "own " + provider + surfaces[i].name + w.name}
				if string(q.provider) != provider || w.stream && !q.streams() {
					continue
				}
				a := q.put(t, g, q.request(), q.key(key)...)
				if calls := g.calls("alpha", q.text); a.Status != http.StatusOK || len(calls) != 1 || strings.TrimPrefix(calls[0].Header.Get(header), "Bearer ") != ownKey ||
					strings.Contains(fmt.Sprint(calls[0].Header), canary("alpha")) {
					t.Errorf("%s, %s, %s: %s; %d calls", provider, q.surface.name, w.name, a, len(calls))
				}
			}
		}
	}
}

func TestAnOwnKeyThatIsRefusedFallsBackWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, more string
		shown      string
		provider   string
		cost       int64
	}{
		{"allowed", "", "[" + ownKey + " " + canary("alpha") + "]", "alpha", ownCost},
		{"not allowed", "quota: {byok: {fallback: false}}\n", "[" + ownKey + " " + canary("beta") + "]", "beta", ownCost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			y := startOwn(t, tt.more, canary("alpha"))
			for _, w := range ways {
				q := question{way: w, text: tt.name + " " + w.name, sim: `{"*":{` + counted + `}}`}
				a := y.put(t, y.key, q)
				a.checkServed(t, tt.provider, "2")
				if got := fmt.Sprint(y.shown(q.text)); got != tt.shown {
					t.Errorf("%s: providers were shown %s, want %s", w.name, got, tt.shown)
				}
				r := y.Generation(t, a.Header.Get("X-Dragoman-Generation"))
				if int64(r.Cost) != tt.cost || r.Market != ownCost || len(r.Attempts) != 2 || !r.Attempts[0].Own || r.Attempts[1].Own || r.Attempts[0].Status != http.StatusUnauthorized {
					t.Errorf("%s: cost %d, market %d, attempts %+v", w.name, r.Cost, r.Market, r.Attempts)
				}
			}
		})
	}
	// Where the tenant has keys for all providers, nothing of the gateway's is left.
	t.Run("none is left", func(t *testing.T) {
		y := startOwn(t, "quota: {byok: {fallback: false}}\n", canary("alpha"))
		o := directory.OwnCredential{Tenant: "acme", Provider: "beta", Secret: credential.NewSecret(ownKey)}
		if _, err := y.Server.Directory().PutOwn(t.Context(), operator, o); err != nil {
			t.Fatal(err)
		}
		for _, w := range ways {
			q := question{way: w, text: "none " + w.name}
			a := y.put(t, y.key, q)
			if a.Status < 500 || fmt.Sprint(y.shown(q.text)) != "["+ownKey+" "+ownKey+"]" {
				t.Errorf("%s: %s; shown %s", w.name, a, y.shown(q.text))
			}
			if r := y.Generation(t, a.Header.Get("X-Dragoman-Generation")); r.Cost != 0 {
				t.Errorf("%s cost %d", w.name, r.Cost)
			}
		}
	})
}

// TestAPauseThatATenantsAccountNeedsIsNotTheOthers lets a tenant's own account
// be out of quota: the gateway's account at the same provider goes on serving
// all others first.
func TestAPauseThatATenantsAccountNeedsIsNotTheOthers(t *testing.T) {
	t.Parallel()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			y := startOwn(t, "quota: {byok: {fallback: false}}\n", "")
			limited := question{way: w, text: "limited", sim: `{"alpha":{"status":429,"retry_after":60}}`}
			y.put(t, y.key, limited).checkServed(t, "beta", "2")
			if got, want := fmt.Sprint(y.shown(limited.text)), "["+ownKey+" "+canary("beta")+"]"; got != want {
				t.Errorf("providers were shown %s, want %s", got, want)
			}
			y.put(t, y.other, question{way: w, text: "after"}).checkServed(t, "alpha", "1")
		})
	}
}

func TestATenantsKeyIsNowhereToBeSeen(t *testing.T) {
	t.Parallel()
	y := startOwn(t, "", "")
	echo := `"headers":{"x-you-sent":"` + ownKey + `"}`
	for _, w := range ways {
		for _, sim := range []string{
			`{}`, `{"*":{"echo":true}}`, `{"alpha":{"status":401,` + echo + `}}`, `{"*":{"status":401,"message":"bad key ` + ownKey + `"}}`,
			`{"*":{"status":400,` + echo + `,"message":"` + ownKey + ` may not use this voice"}}`, `{"*":{"status":500,"message":"` + ownKey + `"}}`,
			`{"*":{"error_first":true,"message":"` + ownKey + `"}}`, `{"*":{"malformed":true}}`, `{"*":{"reset":"mid"}}`, `{"*":{"html":true}}`,
		} {
			a, err := y.Post(t.Context(), question{way: w, text: "Tell me.", sim: sim}.body(), "Authorization", "Bearer "+y.key)
			if err != nil {
				t.Fatal(err)
			}
			y.keepsOwn(t, w.name+" "+sim, fmt.Sprint(a.Header)+string(a.Body))
		}
	}
	y.Settled(t, 10*time.Second)
	y.keepsOwn(t, "the log", y.logs.String())
	y.keepsOwn(t, "the metrics", y.metrics(t))
	for _, path := range []string{"/config_dump?include_eds", "/stats/prometheus", "/clusters", "/listeners"} {
		y.keepsOwn(t, "Envoy's "+path, y.admin(t, path))
	}
	office := y.office(t)
	for _, path := range []string{"credentials", "credentials/acme/alpha", "audit", "keys"} {
		a := askOffice(t, office, http.MethodGet, "/api/v1/"+path, "")
		if a.Status != http.StatusOK {
			t.Errorf("%s: %s", path, a)
		}
		y.keepsOwn(t, "the admin API's "+path, string(a.Body))
	}
	// Who sends back what is shown keeps what is there.
	var shown struct{ Value string }
	if err := json.Unmarshal(askOffice(t, office, http.MethodGet, "/api/v1/credentials/acme/alpha", "").Body, &shown); err != nil || shown.Value == "" {
		t.Errorf("the credential is shown as %q, %v", shown.Value, err)
	}
	if a := askOffice(t, office, http.MethodPatch, "/api/v1/credentials/acme/alpha", fmt.Sprintf(`{"value":%q}`, shown.Value)); a.Status != http.StatusOK {
		t.Error(a)
	}
	y.put(t, y.key, question{way: ways[0], text: "after writing back"}).checkServed(t, "alpha", "1")
	if got := fmt.Sprint(y.shown("after writing back")); got != "["+ownKey+"]" {
		t.Errorf("after writing back what is shown, providers are shown %s", got)
	}
	for name, data := range y.files(t) {
		y.keepsOwn(t, "the file "+name, string(data))
	}
}

// metrics are all that the gateway counts, as text.
func (g *Gateway) metrics(t *testing.T) string {
	t.Helper()
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
	return text.String()
}

// files are the bytes of all files in the state directory.
func (g *Gateway) files(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	root, err := os.OpenRoot(g.State())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close() //nolint:errcheck // only read
	list, err := os.ReadDir(g.State())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if all[e.Name()], err = root.ReadFile(e.Name()); err != nil {
			t.Fatal(err)
		}
	}
	if len(all["dragoman.db"]) == 0 || len(all["journal.dgm"]) == 0 {
		t.Fatalf("the state directory holds %v", list)
	}
	return all
}
