package envoytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/admin"
	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// membersCatalog lets nobody in by itself: keys come from the directory.
const membersCatalog = `
listen: {port: {{port}}}
providers:
  alpha: {dialect: openai, base_url: "{{url "alpha"}}"}
  beta: {dialect: openai, base_url: "{{url "beta"}}"}
models:
  sim/chat: {targets: [alpha, beta], prices: {input: 1, output: 4}}
  sim/solo: {targets: [alpha], prices: {input: 1, output: 4}}
`

// prompt is how soon a change must hold on every replica.
const prompt = 2 * time.Second

// adminCanary is the admin token of tests.
const adminCanary = "admin-canary-55e1b0c7d2"

// operator is who writes to directories in tests.
var operator = directory.By{Who: "operator"}

// create makes a key and gives its secret.
func create(t *testing.T, d *directory.Directory, k catalog.Key) string {
	t.Helper()
	_, secret, err := d.CreateKey(t.Context(), operator, k)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal()
}

// hello asks sim/chat with a key and gives the status.
func (g *Gateway) hello(t *testing.T, key string) *Answer {
	t.Helper()
	return g.MustPost(t, question{way: ways[0], text: "Hello"}.body(), "Authorization", "Bearer "+key)
}

// until polls until a key gets a status, and measures since a moment.
func (g *Gateway) until(t *testing.T, key string, status int, since time.Time) time.Duration {
	t.Helper()
	Eventually(t, 10*time.Second, fmt.Sprintf("the key gets a %d", status), func() error {
		if a := g.hello(t, key); a.Status != status {
			return errors.New(a.String())
		}
		return nil
	})
	took := time.Since(since)
	if took > prompt {
		t.Errorf("it took %s, which is more than %s", took, prompt)
	}
	return took
}

// carriers are how vendors' clients send a key.
func carriers(key string) map[string][]string {
	return map[string][]string{
		"authorization": {"Authorization", "Bearer " + key}, "x-api-key": {"X-Api-Key", key},
		"api-key": {"Api-Key", key}, "x-goog-api-key": {"X-Goog-Api-Key", key},
	}
}

// office is the admin listener of a gateway.
func (g *Gateway) office(t *testing.T) *httptest.Server {
	t.Helper()
	c := g.Compile(g.o.Catalog)
	s := httptest.NewServer(admin.Handler(admin.Config{
		Unready: func() []string { return nil }, Metrics: g.Metrics, Token: credential.NewSecret(adminCanary), Loopback: true,
		API: &admin.API{
			Directory: g.Server.Directory(), Catalog: func() *catalog.Catalog { return c },
			Logger: slog.New(slog.NewTextHandler(g.logs, nil)),
		},
	}))
	t.Cleanup(s.Close)
	return s
}

// ask asks the admin listener.
func askOffice(t *testing.T, s *httptest.Server, method, path, body string) *Answer {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	rq.Header.Set("Authorization", "Bearer "+adminCanary)
	rq.Header.Set("Content-Type", "application/json")
	resp, err := s.Client().Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	return read(resp)
}

func TestAKeyOfTheDirectoryLetsInByEveryCarrier(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: membersCatalog})
	office := g.office(t)
	if a := g.hello(t, "dgm_nobodys"); a.Status != http.StatusUnauthorized {
		t.Fatal(a)
	}
	began := time.Now()
	made := map[string]string{"directory": create(t, g.Server.Directory(), catalog.Key{Name: "in-process"})}
	t.Logf("a key made in process lets in after %s", g.until(t, made["directory"], http.StatusOK, began))
	began = time.Now()
	a := askOffice(t, office, http.MethodPost, "/api/v1/keys", `{"name":"by-admin"}`)
	var view struct{ ID, Secret string }
	if err := json.Unmarshal(a.Body, &view); err != nil || a.Status != http.StatusCreated || !strings.HasPrefix(view.Secret, "dgm_") {
		t.Fatalf("%v %s", err, a)
	}
	made["admin API"] = view.Secret
	t.Logf("a key made through the admin API lets in after %s", g.until(t, view.Secret, http.StatusOK, began))
	for origin, key := range made {
		for name, header := range carriers(key) {
			if a := g.MustPost(t, question{way: ways[0], text: "Hello"}.body(), header...); a.Status != http.StatusOK {
				t.Errorf("a key of the %s in %s: %s", origin, name, a)
			}
			header[1] = strings.TrimSuffix(header[1], key[len(key)-1:])
			if a := g.MustPost(t, question{way: ways[0], text: "Hello"}.body(), header...); a.Status != http.StatusUnauthorized {
				t.Errorf("a part of a key of the %s in %s: %s", origin, name, a)
			}
		}
	}
	for _, path := range []string{"/api/v1/keys", "/api/v1/keys/" + view.ID, "/api/v1/audit"} {
		if a := askOffice(t, office, http.MethodGet, path, ""); a.Status != http.StatusOK || bytes.Contains(a.Body, []byte(view.Secret)) || bytes.Contains(a.Body, []byte(`"secret"`)) {
			t.Errorf("%s: %s", path, a)
		}
	}
	r := g.Generation(t, g.hello(t, view.Secret).Header.Get("X-Dragoman-Generation"))
	if r.Key != "by-admin" || r.KeyID != view.ID {
		t.Errorf("the record is of key %q, %q", r.Key, r.KeyID)
	}
}

// tallies counts apart what keys, tenants and tags ask.
const tallies = membersCatalog + `
tenants:
  acme: {tags: ["plan:gold"], models: ["sim/*"]}
  sleepy: {suspended: true}
budgets:
  - {name: per-tenant, tenants: [acme, umbrella], each: [tenant], per: day, requests: 3}
  - {name: trial, tags: ["env:trial"], per: month, requests: 1}
`

func TestWhatAKeyMayIsHeldTo(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: tallies})
	d := g.Server.Directory()
	few := create(t, d, catalog.Key{Name: "few", Models: []string{"sim/s*"}})
	g.checkRefused(t, g.hello(t, few), http.StatusForbidden, "may not use the model sim/chat")
	solo := question{way: way{model: "sim/solo"}, text: "Hello"}.body()
	if a := g.MustPost(t, solo, "X-Api-Key", few); a.Status != http.StatusOK {
		t.Error(a)
	}

	soon := create(t, d, catalog.Key{Name: "soon", Expires: time.Now().Add(2 * time.Second).Truncate(time.Second)})
	g.until(t, soon, http.StatusUnauthorized, time.Now())
	g.checkRefused(t, g.hello(t, soon), http.StatusUnauthorized, "expired at")

	trial := create(t, d, catalog.Key{Name: "trial", Tags: []string{"env:trial"}})
	r := g.Generation(t, g.hello(t, trial).Header.Get("X-Dragoman-Generation"))
	if fmt.Sprint(r.Tags) != "[env:trial]" {
		t.Errorf("the record's tags are %q", r.Tags)
	}
	g.checkRefused(t, g.hello(t, trial), http.StatusTooManyRequests, `the limit "trial/requests" of 1 request a month`)

	// Two keys of a tenant share its budget; another tenant's has its own.
	first, second := create(t, d, catalog.Key{Name: "acme-1", Tenant: "acme"}), create(t, d, catalog.Key{Name: "acme-2", Tenant: "acme"})
	other := create(t, d, catalog.Key{Name: "umbrella-1", Tenant: "umbrella"})
	for _, key := range []string{first, second, first} {
		a := g.hello(t, key)
		if a.Status != http.StatusOK {
			t.Fatal(a)
		}
		if r := g.Generation(t, a.Header.Get("X-Dragoman-Generation")); r.Tenant != "acme" || fmt.Sprint(r.Tags) != "[plan:gold]" {
			t.Errorf("the record is of tenant %q, tags %q", r.Tenant, r.Tags)
		}
	}
	g.checkRefused(t, g.hello(t, second), http.StatusTooManyRequests, `"per-tenant/requests"`, "for tenant acme")
	if a := g.hello(t, other); a.Status != http.StatusOK {
		t.Errorf("another tenant: %s", a)
	}
	g.Settled(t, 10*time.Second)
}

func TestASuspendedTenantIsRefused(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: tallies})
	d := g.Server.Directory()
	g.untouched(t, func() {
		a := g.hello(t, create(t, d, catalog.Key{Name: "asleep", Tenant: "sleepy"}))
		g.checkRefused(t, a, http.StatusForbidden, "suspended")
	})
	// A tenant of the directory can be suspended and woken at any time.
	key := create(t, d, catalog.Key{Name: "busy", Tenant: "globex"})
	for _, suspended := range []bool{false, true, false} {
		if _, err := d.PutTenant(t.Context(), operator, catalog.Tenant{Name: "globex", Suspended: suspended}); err != nil {
			t.Fatal(err)
		}
		status := map[bool]int{false: http.StatusOK, true: http.StatusForbidden}[suspended]
		t.Logf("suspended %t: after %s", suspended, g.until(t, key, status, time.Now()))
	}
}

func TestARotatedKeyIsGoodForItsGrace(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: membersCatalog})
	d := g.Server.Directory()
	old := create(t, d, catalog.Key{Name: "ci"})
	g.until(t, old, http.StatusOK, time.Now())
	const grace = 3 * time.Second
	began := time.Now()
	_, secret, err := d.RotateKey(t.Context(), operator, directory.Rotation{Key: "ci", Grace: grace})
	if err != nil {
		t.Fatal(err)
	}
	g.until(t, secret.Reveal(), http.StatusOK, began)
	for time.Since(began) < grace-time.Second-100*time.Millisecond { // expiry is exact to a second
		if a := g.hello(t, old); a.Status != http.StatusOK {
			t.Fatalf("%s after the rotation: %s", time.Since(began), a)
		}
	}
	g.until(t, old, http.StatusUnauthorized, began.Add(grace))
	t.Logf("the former secret was refused %s after the rotation, its grace is %s", time.Since(began), grace)
	if a := g.hello(t, secret.Reveal()); a.Status != http.StatusOK {
		t.Error(a)
	}
	// Without grace the former one ends at once.
	began = time.Now()
	if _, _, err = d.RotateKey(t.Context(), operator, directory.Rotation{Key: "ci"}); err != nil {
		t.Fatal(err)
	}
	g.until(t, secret.Reveal(), http.StatusUnauthorized, began)
}

// beside opens the directory of a gateway as another process does, such as
// `dragoman keys`.
func beside(t *testing.T, g *Gateway) *directory.Directory {
	t.Helper()
	store, closer, err := extproc.OpenDirectoryStore(t.Context(), g.Compile(g.o.Catalog), extproc.StorePlaces{State: g.State(), Env: g.o.Env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := directory.Open(t.Context(), directory.Config{Store: store, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestARevocationReachesEveryReplica writes with one process and asks others:
// two gateways that share a Redis, and one whose SQLite file it writes.
func TestARevocationReachesEveryReplica(t *testing.T) {
	t.Parallel()
	shared := fmt.Sprintf("\nstore: {redis: {addresses: [%q]}}\n", redistest.Start(t).Addr())
	for _, tt := range []struct {
		name, store string
		replicas    int
	}{
		{"Redis", shared, 2},
		{"SQLite", "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var all []*Gateway
			for range tt.replicas {
				all = append(all, Start(t, Options{Catalog: membersCatalog + tt.store, Child: true, Concurrency: 1}))
			}
			d := beside(t, all[0])
			var slowest [2]time.Duration
			for i := range Scale(5, 50) {
				name := fmt.Sprintf("key-%d", i)
				began := time.Now()
				key := create(t, d, catalog.Key{Name: name})
				for _, g := range all {
					slowest[0] = max(slowest[0], g.until(t, key, http.StatusOK, began))
				}
				began = time.Now()
				if _, err := d.RevokeKey(t.Context(), operator, name); err != nil {
					t.Fatal(err)
				}
				for _, g := range all {
					slowest[1] = max(slowest[1], g.until(t, key, http.StatusUnauthorized, began))
				}
			}
			t.Logf("%s: a new key is known everywhere after %s at most, a revocation after %s", tt.name, slowest[0], slowest[1])
			if n := len(all); n > 1 {
				return
			}
			list, err := all[0].Generations(t).List(t.Context(), generation.Filter{View: generation.View{All: true}}, generation.Page{Limit: 10})
			if err != nil || len(list) == 0 || !strings.HasPrefix(list[0].Key, "key-") {
				t.Errorf("records of the key: %d, %v", len(list), err)
			}
		})
	}
}

// containsFold is strings.Contains whatever the case.
func containsFold(s, word string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(word))
}

// hashOf is a key's, as catalogs hold it.
func hashOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

func TestABudgetOfTheStoreTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: membersCatalog, Providers: []simulator.Config{{Name: "alpha"}, {Name: "beta"}}})
	key := create(t, g.Server.Directory(), catalog.Key{Name: "ci"})
	budget := catalog.Budget{Name: "ci", Keys: []string{"ci"}, Per: "day", Limits: []catalog.BudgetLimit{{Unit: "requests", Amount: 3}}}
	if _, err := g.Server.Directory().PutBudget(t.Context(), operator, budget); err != nil {
		t.Fatal(err)
	}
	for left := 2; left >= 0; left-- {
		a := g.hello(t, key)
		if got := a.Header.Get("X-Ratelimit-Remaining-Requests"); a.Status != http.StatusOK || got != fmt.Sprint(left) || a.Header.Get("X-Ratelimit-Limit-Requests") != "3" {
			t.Errorf("%q are left, want %d: %s", got, left, a)
		}
	}
	if a := g.hello(t, key); a.Status != http.StatusTooManyRequests || !strings.Contains(string(a.Body), "ci/requests") || a.Header.Get("Retry-After") == "" {
		t.Errorf("beyond the budget: %s", a)
	}
}
