package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dragoman-gateway/dragoman/extproc/credential"
	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/directory/sqlite"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

const (
	token  = "the-admin-token-of-this-test"
	canary = "sk-canary-7hJ2kL9mN4pQ"
)

// scene is an admin listener over a directory of its own.
type scene struct {
	t   *testing.T
	api *API
	h   http.Handler
	log *bytes.Buffer
	db  *sqlite.Store
}

func begin(t *testing.T) *scene {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "dragoman.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ring, err := directory.NewKeyring(credential.NewSecret(strings.Repeat("ab", 32)))
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, log: &bytes.Buffer{}, db: db}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	d, err := directory.Open(t.Context(), directory.Config{Store: db, Now: time.Now, Logger: logger, Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	served, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte("providers: {openai: {}, anthropic: {}}"), Env: func(string) (string, bool) { return "x", true }})
	if err != nil {
		t.Fatal(err)
	}
	s.api = &API{Directory: d, Logger: logger, Catalog: func() *catalog.Catalog { return served }}
	s.h = Handler(Config{
		Unready: func() []string { return nil }, Metrics: prometheus.NewRegistry(), Token: credential.NewSecret(token), Loopback: true, API: s.api,
	})
	return s
}

// ask sends a request; with changes to it.
func (s *scene) ask(method, path, body string, set ...func(*http.Request)) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, "/api/v1/"+path, strings.NewReader(body))
	r.Host = "127.0.0.1:9910"
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range set {
		f(r)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

// want asks and reads the answer, which must have that status.
func (s *scene) want(status int, method, path, body string) map[string]any {
	s.t.Helper()
	w := s.ask(method, path, body)
	if w.Code != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	return object(s.t, w)
}

func object(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	if w.Body.Len() == 0 {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return out
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestTheAPIWantsTheTokenBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	s := begin(t)
	for name, tt := range map[string]struct {
		method, path string
		set          func(*http.Request)
		status       int
	}{
		"no token":                    {"GET", "keys", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"another token":               {"GET", "keys", header("Authorization", "Bearer "+token+"x"), 401},
		"an empty one":                {"GET", "keys", header("Authorization", "Bearer "), 401},
		"an unknown path":             {"GET", "nothing", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"an unknown path with it":     {"GET", "nothing", header("X", "x"), 404},
		"an unknown method":           {"PUT", "keys", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"OPTIONS":                     {"OPTIONS", "keys", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"a page of another site":      {"GET", "keys", header("Origin", "https://evil.example"), 403},
		"a page without an origin":    {"GET", "keys", header("Origin", "null"), 403},
		"a name that looks local":     {"GET", "keys", header("Origin", "http://localhost.evil.example"), 403},
		"two origins":                 {"GET", "keys", func(r *http.Request) { r.Header["Origin"] = []string{"http://localhost", "https://evil.example"} }, 403},
		"a page on loopback":          {"GET", "keys", header("Origin", "http://localhost:3000"), 200},
		"a name that resolves to us":  {"GET", "keys", func(r *http.Request) { r.Host = "evil.example:9910" }, 403},
		"with the token, on loopback": {"GET", "keys", header("X", "x"), 200},
	} {
		w := s.ask(tt.method, tt.path, "", tt.set)
		if w.Code != tt.status || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, want %d: %s", name, w.Code, tt.status, w.Body)
		}
		if strings.Contains(w.Body.String(), token) {
			t.Errorf("%s: the token is in the answer", name)
		}
	}
	closed := Handler(Config{Unready: func() []string { return nil }, Metrics: prometheus.NewRegistry(), Loopback: true, API: s.api})
	s.h = closed
	if w := s.ask("GET", "keys", ""); w.Code != 401 {
		t.Errorf("without a token configured: %d", w.Code)
	}
	if w := get(closed, "/metrics", "127.0.0.1", ""); w.Code != 200 {
		t.Errorf("/metrics on loopback wants a token: %d", w.Code)
	}
}

func TestAKeysLife(t *testing.T) {
	t.Parallel()
	s := begin(t)
	made := s.want(201, "POST", "keys", `{"name":"ci","tenant":"acme","models":["openai/*"],"tags":["env:prod"],"expires":"2999-01-31"}`)
	id, _ := made["id"].(string)
	first, _ := made["secret"].(string)
	if !strings.HasPrefix(id, "k_") || !strings.HasPrefix(first, "dgm_") || made["expires"] != "2999-01-31T00:00:00Z" {
		t.Fatalf("%v", made)
	}
	shown := s.want(200, "GET", "keys/"+id, "")
	delete(made, "secret")
	if diff := cmp.Diff(made, shown); diff != "" {
		t.Error(diff)
	}
	changed := s.want(200, "PATCH", "keys/"+id, `{"tenant":null,"models":["anthropic/*"]}`)
	if changed["tenant"] != nil || !cmp.Equal(changed["models"], []any{"anthropic/*"}) || !cmp.Equal(changed["tags"], []any{"env:prod"}) {
		t.Errorf("%v", changed)
	}
	rotated := s.want(200, "POST", "keys/"+id+"/rotate", `{"grace":"24h"}`)
	if second, _ := rotated["secret"].(string); !strings.HasPrefix(second, "dgm_") || second == first || rotated["grace"] == nil || accepted(s.api.Directory) != 2 {
		t.Errorf("%v", rotated)
	}
	if revoked := s.want(200, "DELETE", "keys/"+id, ""); revoked["revoked"] == nil || accepted(s.api.Directory) != 0 {
		t.Errorf("%v", revoked)
	}
	s.want(404, "DELETE", "keys/"+id, "")
	list := s.want(200, "GET", "keys", "")
	if data, _ := list["data"].([]any); len(data) != 1 {
		t.Errorf("%v", list)
	}
	trail := s.want(200, "GET", "audit?limit=3", "")
	events, _ := trail["data"].([]any)
	var verbs []string
	for _, e := range events {
		event, _ := e.(map[string]any)
		verb, _ := event["verb"].(string)
		verbs = append(verbs, verb)
		if event["who"] != "admin" {
			t.Errorf("%v", event)
		}
	}
	if diff := cmp.Diff([]string{"key.create", "key.update", "key.rotate"}, verbs); diff != "" || trail["next"] != "3" {
		t.Errorf("%v %s", trail["next"], diff)
	}
	if rest := s.want(200, "GET", "audit?since=3", ""); !strings.Contains(toText(t, rest), "key.revoke") {
		t.Errorf("%v", rest)
	}
}

func toText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTenantsAndBudgetsAreMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.want(201, "POST", "tenants", `{"name":"acme","tags":["plan:pro"]}`)
	s.want(409, "POST", "tenants", `{"name":"acme"}`)
	if got := s.want(200, "PATCH", "tenants/acme", `{"suspended":true}`); got["suspended"] != true || !cmp.Equal(got["tags"], []any{"plan:pro"}) {
		t.Errorf("%v", got)
	}
	if !s.api.Directory.Current().Tenants[0].Suspended {
		t.Error("the tenant is not suspended")
	}
	made := s.want(201, "POST", "budgets", `{"name":"monthly","tenants":["acme"],"each":["key"],"per":"month","money":"$500","requests":"2M","away":{"money":"$1"}}`)
	if made["money"] != "$500" && made["money"] != "$500.00" || made["requests"] != 2e6 {
		t.Errorf("%v", made)
	}
	got := s.want(200, "PATCH", "budgets/monthly", `{"money":"$20","requests":null,"away":{"money":null}}`)
	if got["requests"] != nil || got["away"] != nil {
		t.Errorf("%v", got)
	}
	b := s.api.Directory.Current().Budgets[0]
	if diff := cmp.Diff([]catalog.BudgetLimit{{Unit: catalog.UnitMoney, Amount: 20_000_000_000}}, b.Limits); diff != "" {
		t.Error(diff)
	}
	s.want(204, "DELETE", "budgets/monthly", "")
	s.want(409, "DELETE", "tenants/acme", "")
	s.want(200, "PATCH", "tenants/acme", `{"suspended":false}`)
	s.want(204, "DELETE", "tenants/acme", "")
	s.want(404, "GET", "budgets/monthly", "")
	s.want(404, "GET", "tenants/acme", "")
}

func TestAChangeOfWhatWasChangedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.want(201, "POST", "tenants", `{"name":"acme"}`)
	seen := s.ask("GET", "tenants/acme", "").Header().Get("ETag")
	s.want(200, "PATCH", "tenants/acme", `{"tags":["a"]}`)
	for _, method := range []string{"PATCH", "DELETE"} {
		body := ""
		if method == "PATCH" {
			body = `{"tags":["b"]}`
		}
		if w := s.ask(method, "tenants/acme", body, header("If-Match", seen)); w.Code != 412 || !strings.Contains(w.Body.String(), `"conflict"`) {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
	now := s.ask("GET", "tenants/acme", "").Header().Get("ETag")
	if w := s.ask("PATCH", "tenants/acme", `{"tags":["b"]}`, header("If-Match", now)); w.Code != 200 || w.Header().Get("ETag") == now {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestACredentialIsNeverShownAndItsMaskKeepsIt(t *testing.T) {
	t.Parallel()
	s := begin(t)
	said := &bytes.Buffer{}
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := s.ask(method, path, body)
		said.Write(w.Body.Bytes())
		return w
	}
	made := ask("POST", "credentials", `{"tenant":"acme","provider":"openai","value":"`+canary+`"}`)
	if made.Code != 200 {
		t.Fatalf("%d %s", made.Code, made.Body)
	}
	shown := object(t, ask("GET", "credentials/acme/openai", ""))
	masked, _ := shown["value"].(string)
	for _, body := range []string{`{"value":"` + masked + `"}`, `{}`, `{"tenant":"acme","provider":"openai","value":"****"}`} {
		if w := ask("PATCH", "credentials/acme/openai", body); w.Code != 200 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
		if s.api.Directory.Current().OwnOf("acme", "openai").Secret.Reveal() != canary {
			t.Fatalf("%s replaced the secret by its mask", body)
		}
	}
	for method, path := range map[string]string{"GET": "credentials", "DELETE": "credentials/acme/openai"} {
		if w := ask(method, path, ""); w.Code >= 300 {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	for _, body := range []string{
		`{"tenant":"acme","provider":"openai","value":"` + canary + ` x"}`, `{"tenant":"acme","provider":"openai","value":"` + canary, `{"tenant":"acme","provider":"openai","` + canary + `":1}`,
		`{"tenant":"` + canary + `","provider":"openai","value":"x"}`, `{"tenant":"acme","provider":"` + canary + `","value":"x"}`, `{"tenant":"acme","provider":"openai","value":["` + canary + `"]}`,
	} {
		if w := ask("POST", "credentials", body); w.Code != 400 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	for _, path := range []string{"keys/" + canary, "tenants/" + canary, "keys?" + canary + "=1", "keys?limit=" + canary, "audit?since=" + canary, "credentials/" + canary + "/openai", "credentials?tenant=" + canary} {
		ask("GET", path, "")
	}
	for _, path := range []string{"keys", "tenants", "budgets"} {
		for _, body := range []string{`{"name":"` + canary + `"}`, `{"` + canary + `":"x"}`, `{"name":"a","name":"` + canary + `"}`, `{"name":"a","tags":["` + canary + `"],"tenants":{"` + canary + `":1}}`} {
			if w := ask("POST", path, body); w.Code != 400 {
				t.Errorf("POST %s %s: %d %s", path, body, w.Code, w.Body)
			}
		}
	}
	said.WriteString(toText(t, s.want(200, "GET", "audit", "")))
	for name, text := range map[string]string{"answers": said.String(), "the log": s.log.String()} {
		if strings.Contains(text, canary) {
			t.Errorf("the secret is in %s:\n%s", name, text)
		}
	}
}

func TestATenantThatKeysNameIsNotDeletedAndTheAnswerSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.want(201, "POST", "tenants", `{"name":"acme","suspended":true}`)
	id, _ := s.want(201, "POST", "keys", `{"name":"ci","tenant":"acme"}`)["id"].(string)
	if got := toText(t, s.want(409, "DELETE", "tenants/acme", "")); !strings.Contains(got, `"conflict"`) || !strings.Contains(got, "delete those first") {
		t.Errorf("%s", got)
	}
	s.want(200, "DELETE", "keys/"+id, "")
	if got := toText(t, s.want(409, "DELETE", "tenants/acme", "")); !strings.Contains(got, "lift the suspension first") {
		t.Errorf("%s", got)
	}
	s.want(200, "PATCH", "tenants/acme", `{"suspended":null}`)
	s.want(204, "DELETE", "tenants/acme", "")
}

// overtaken is a store after whose next write somebody else deletes the record.
type overtaken struct {
	directory.Store
	by func() // nil: nobody
}

func (o *overtaken) Write(ctx context.Context, changes []directory.Change) error {
	err := o.Store.Write(ctx, changes)
	if by := o.by; by != nil {
		o.by = nil
		by()
	}
	return err
}

func TestARecordThatIsDeletedAsItIsPutIsNotFound(t *testing.T) {
	t.Parallel()
	s := begin(t)
	store := &overtaken{Store: s.db}
	other := s.api.Directory
	ring, err := directory.NewKeyring(credential.NewSecret(strings.Repeat("ab", 32)))
	if err != nil {
		t.Fatal(err)
	}
	s.api.Directory, err = directory.Open(t.Context(), directory.Config{Store: store, Now: time.Now, Logger: s.api.Logger, Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	s.h = Handler(Config{Unready: func() []string { return nil }, Metrics: prometheus.NewRegistry(), Token: credential.NewSecret(token), Loopback: true, API: s.api})
	by := directory.By{Who: "test"}
	for _, tt := range []struct {
		path, body string
		remove     func() error
	}{
		{"tenants", `{"name":"a"}`, func() error { return other.DeleteTenant(t.Context(), by, "a") }},
		{"budgets", `{"name":"a","per":"day","requests":1}`, func() error { return other.DeleteBudget(t.Context(), by, "a") }},
		{"credentials", `{"tenant":"a","provider":"openai","value":"sk-1234"}`, func() error {
			return other.DeleteOwn(t.Context(), by, directory.OwnCredential{Tenant: "a", Provider: "openai"})
		}},
	} {
		store.by = func() {
			if err := tt.remove(); err != nil {
				t.Errorf("%s: %v", tt.path, err)
			}
		}
		if w := s.ask("POST", tt.path, tt.body); w.Code != 404 || !strings.Contains(w.Body.String(), "removed by somebody else") {
			t.Errorf("POST %s: %d %s", tt.path, w.Code, w.Body)
		}
	}
}

// accepted is how many secrets of keys are good.
func accepted(d *directory.Directory) (n int) {
	for range d.Current().Accepted() {
		n++
	}
	return n
}
