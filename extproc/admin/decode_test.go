package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func TestBadBodiesAreRefusedWithTheirField(t *testing.T) {
	t.Parallel()
	s := begin(t)
	id, _ := s.want(201, "POST", "keys", `{"name":"here"}`)["id"].(string)
	s.want(201, "POST", "tenants", `{"name":"here"}`)
	s.want(201, "POST", "budgets", `{"name":"here","per":"day","requests":1}`)
	s.want(200, "POST", "credentials", `{"tenant":"here","provider":"openai","value":"sk-1234"}`)
	deep := strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)
	for _, tt := range []struct {
		method, path, body string
		status             int
		param, words       string
	}{
		{"POST", "keys", `[]`, 400, "", "not a JSON object"},
		{"POST", "keys", `"x"`, 400, "", "not a JSON object"},
		{"POST", "keys", `{"name":"a"`, 400, "", "not JSON"},
		{"POST", "keys", `{"name":"a"} {}`, 400, "", "not JSON"},
		{"POST", "keys", "{\"name\":\"a\xff\"}", 400, "", "UTF-8"},
		{"POST", "keys", `{}`, 400, "name", ""},
		{"POST", "keys", `{"name":""}`, 400, "name", ""},
		{"POST", "keys", `{"name":"two words"}`, 400, "name", ""},
		{"POST", "keys", `{"name":"a","name":"b"}`, 400, "name", "twice"},
		{"POST", "keys", `{"name":"a","Name":"b"}`, 400, "(withheld)", "twice"},
		{"POST", "keys", `{"Name":"b"}`, 400, "name", "missing"},
		{"POST", "keys", `{"name":"a","colour":"red"}`, 400, "colour", ""},
		{"POST", "keys", `{"name":"a","hash":"sha256:00"}`, 400, "hash", ""},
		{"POST", "keys", `{"name":1}`, 400, "name", ""},
		{"POST", "keys", `{"name":"a","models":"openai/*"}`, 400, "models", ""},
		{"POST", "keys", `{"name":"a","models":["openai/*","**"]}`, 400, "models[1]", ""},
		{"POST", "keys", `{"name":"a","expires":"soon"}`, 400, "expires", ""},
		{"POST", "keys", `{"name":"a","expires":"2001-01-01"}`, 400, "expires", "over"},
		{"POST", "keys", `{"name":"a","tags":[["x"]]}`, 400, "tags[0]", ""},
		{"POST", "keys", `{"name":"a","tags":[{"x":1,"x":2}]}`, 400, "tags[0].x", "twice"},
		{"POST", "keys", `{"name":"a","tags":` + deep + `}`, 400, "tags.a.a.a.a.a.a.a", "deeper"},
		{"POST", "keys", `{"name":"here"}`, 409, "", "exists"},
		{"PATCH", "keys/" + id, `{"name":"there"}`, 400, "name", "cannot be changed"},
		{"PATCH", "keys/" + id, `{"colour":null}`, 400, "colour", "known here: expires, models, name, tags, tenant"},
		{"PATCH", "keys/" + id, `{"models":[1]}`, 400, "models[0]", ""},
		{"PATCH", "keys/k_nobody", `{}`, 404, "", "not known"},
		{"POST", "keys/" + id + "/rotate", `{"grace":"forever"}`, 400, "grace", "duration"},
		{"POST", "keys/" + id + "/rotate", `{"grace":"-1s"}`, 400, "grace", ""},
		{"POST", "keys/" + id + "/rotate", `{"grace":3600}`, 400, "grace", "not text"},
		{"POST", "keys/" + id + "/rotate", `{"life":"1h"}`, 400, "life", "known here: grace"},
		{"POST", "keys/k_nobody/rotate", `{}`, 404, "", ""},
		{"POST", "tenants", `{"name":"a","suspended":"yes"}`, 400, "suspended", ""},
		{"PATCH", "tenants/here", `{"suspended":1}`, 400, "suspended", ""},
		{"PATCH", "tenants/nobody", `{}`, 404, "", ""},
		{"POST", "budgets", `{"name":"a","per":"day"}`, 400, "", ""},
		{"POST", "budgets", `{"name":"a","per":"fortnight","requests":1}`, 400, "per", ""},
		{"POST", "budgets", `{"name":"a","per":"day","requests":-1}`, 400, "requests", ""},
		{"POST", "budgets", `{"name":"a","per":"day","requests":1e99}`, 400, "requests", ""},
		{"POST", "budgets", `{"name":"a","per":"day","money":"$NaN"}`, 400, "money", ""},
		{"POST", "budgets", `{"name":"a","per":"day","money":-1}`, 400, "money", ""},
		{"POST", "budgets", `{"name":"a","per":"day","requests":1,"shares":{"eu":50}}`, 400, "shares", ""},
		{"PATCH", "budgets/here", `{"requests":null}`, 400, "", ""},
		{"POST", "credentials", `{"provider":"openai","value":"x"}`, 400, "tenant", "missing"},
		{"POST", "credentials", `{"tenant":"a","provider":"nobody","value":"x"}`, 400, "provider", "no provider"},
		{"POST", "credentials", `{"tenant":"a","provider":"openai"}`, 400, "value", "missing"},
		{"POST", "credentials", `{"tenant":"a","provider":"openai","value":"x","base_url":"https://evil.example"}`, 400, "base_url", "no such field"},
		{"PATCH", "credentials/here/openai", `{"provider":"anthropic"}`, 400, "provider", "cannot be changed"},
		{"PATCH", "credentials/here/anthropic", `{"value":"x"}`, 404, "", ""},
		{"POST", "tenants", `{"name":"a","tags":["` + strings.Repeat("x", maxBody) + `"]}`, 413, "", "1 MiB"},
	} {
		w := s.ask(tt.method, tt.path, tt.body)
		p, _ := object(t, w)["error"].(map[string]any)
		param, _ := p["param"].(string)
		message, _ := p["message"].(string)
		if w.Code != tt.status || message == "" || !strings.Contains(message, tt.words) || tt.param != "" && param != tt.param {
			t.Errorf("%s %s %.80s: %d %s", tt.method, tt.path, tt.body, w.Code, w.Body)
		}
	}
	for name, set := range map[string]string{"a form": "application/x-www-form-urlencoded", "text": "text/plain", "nothing": ""} {
		if w := s.ask("POST", "keys", `{"name":"x"}`, header("Content-Type", set)); w.Code != 415 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	for _, match := range []string{`12`, `W/"12"`, `"x"`, `"0"`, `"1", "2"`} {
		if w := s.ask("PATCH", "tenants/here", `{}`, header("If-Match", match)); w.Code != 400 {
			t.Errorf("If-Match %s: %d", match, w.Code)
		}
	}
	if now := s.api.Directory.Current(); len(now.Keys) != 1 || len(now.Tenants) != 1 || len(now.Budgets) != 1 || len(now.Own) != 1 {
		t.Errorf("a refused body was written: %+v", now)
	}
}

func TestAllFieldsThatAreWrongAreSaidAtOnce(t *testing.T) {
	t.Parallel()
	s := begin(t)
	p, _ := s.want(400, "POST", "budgets", `{"name":"two words","per":"never","money":"lots"}`)["error"].(map[string]any)
	if all, _ := p["all"].([]any); len(all) < 3 {
		t.Errorf("%v", p)
	}
}

func TestTheSchemasAreThoseOfTheBodies(t *testing.T) {
	t.Parallel()
	s := begin(t)
	got := s.want(200, "GET", "schema", "")
	if len(got) != 9 {
		t.Errorf("%d schemas", len(got))
	}
	for pattern, tt := range map[string]struct{ good, bad string }{
		"POST /api/v1/keys":                             {`{"name":"ci","models":["openai/*"]}`, `{"models":[]}`},
		"POST /api/v1/tenants":                          {`{"name":"acme","suspended":true}`, `{"name":"acme","x":1}`},
		"POST /api/v1/budgets":                          {`{"name":"m","per":"month","money":"$5"}`, `{"name":"m","per":"eon","money":"$5"}`},
		"POST /api/v1/credentials":                      {`{"tenant":"a","provider":"openai","value":"x"}`, `{"tenant":"a"}`},
		"POST /api/v1/keys/{id}/rotate":                 {`{"grace":"1h"}`, `{"grace":1}`},
		"PATCH /api/v1/keys/{id}":                       {`{"tenant":null}`, `{"tenant":1}`},
		"PATCH /api/v1/tenants/{name}":                  {`{"tags":null}`, `{"x":null}`},
		"PATCH /api/v1/budgets/{name}":                  {`{"money":null,"requests":5}`, `{"money":[]}`},
		"PATCH /api/v1/credentials/{tenant}/{provider}": {`{"value":"x"}`, `{"base_url":"x"}`},
	} {
		c := jsonschema.NewCompiler()
		if err := c.AddResource("body.json", got[pattern]); err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		compiled, err := c.Compile("body.json")
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		for body, good := range map[string]bool{tt.good: true, tt.bad: false} {
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if err := compiled.Validate(doc); (err == nil) != good {
				t.Errorf("%s %s: %v", pattern, body, err)
			}
		}
	}
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	s := begin(t)
	for i := range 5 {
		s.want(201, "POST", "tenants", fmt.Sprintf(`{"name":"t%d"}`, i))
		s.want(200, "POST", "credentials", fmt.Sprintf(`{"tenant":"t%d","provider":"openai","value":"sk-%d"}`, i, i))
	}
	for _, path := range []string{"tenants", "credentials", "audit"} {
		cursor, n := "after", 0
		if path == "audit" {
			cursor = "since"
		}
		for next, pages := "", 0; ; pages++ {
			query := path + "?limit=2"
			if next != "" {
				query += "&" + cursor + "=" + next
			}
			page := s.want(200, "GET", query, "")
			data, _ := page["data"].([]any)
			n += len(data)
			if next, _ = page["next"].(string); next == "" || pages > 10 {
				break
			}
		}
		if want := map[string]int{"tenants": 5, "credentials": 5, "audit": 10}[path]; n != want {
			t.Errorf("%s: %d entries, want %d", path, n, want)
		}
	}
}

// FuzzBody: what strict takes has one reading, and nothing in a refusal comes
// from a value.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","models":["openai/*"]}`, `{"a":{"b":[1,{"c":null}]}}`, `{"a":1,"A":2}`, `{"a":1,"\u0061":2}`, `[]`, `{"":1}`,
		`{"tenant":"acme","provider":"openai","value":"sk-canary"}`, `{"name":"m","per":"month","money":"$5","away":{"money":"$1"}}`, strings.Repeat(`{"a":`, 12),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := strict(body)
		var p problem
		if err != nil && !errors.As(err, &p) {
			t.Fatalf("%v", err)
		}
		if err == nil {
			var object map[string]any
			if err := json.Unmarshal(body, &object); err != nil {
				t.Fatalf("%q is taken: %v", body, err)
			}
		}
		value := ""
		_ = texts(body, map[string]*string{"value": &value}) // must return
		for _, parse := range []func([]byte) error{
			func(b []byte) error { _, err := catalog.ParseKey(b); return err },
			func(b []byte) error { _, err := catalog.ParseTenant(b); return err },
			func(b []byte) error { _, err := catalog.ParseBudget(b); return err },
		} {
			if err := parse(body); err != nil && problemOf(err).status != 400 {
				t.Errorf("%q: %v", body, err)
			}
		}
		r := httptest.NewRequest("PATCH", "/", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		if text, err := patched(r, catalog.Tenant{Name: "a"}.JSON(), catalog.TenantSchema()); err == nil {
			if again := strict(text); again != nil {
				t.Errorf("%q patches to %q: %v", body, text, again)
			}
		}
		if directory.Masked(directory.OwnCredential{}.Secret) != true {
			t.Error("no secret is not masked")
		}
	})
}
