package catalog

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"good", "bad"} {
		files, err := filepath.Glob(filepath.Join(corpus, dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			f.Fatal(err, len(files))
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte("p: {|\n q:\n  q:\n, o ")) // a token in column 0
	schema := compiledSchema(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(Source{Name: "f", Data: data})
		if (c == nil) == (err == nil) {
			t.Fatalf("a catalog %t and an error %v", c != nil, err)
		}
		if err != nil {
			var errs Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("not Errors: %v", err)
			}
			for _, e := range errs {
				if e.Line < 1 || e.Col < 1 || e.Message == "" {
					t.Fatalf("no place or message: %#v", e)
				}
			}
			return
		}
		wellFormed(t, c)
		if err := schema.Validate(instance(t, data)); err != nil {
			t.Fatalf("the schema refuses it: %v", err)
		}
		again, err := Parse(Source{Name: "f", Data: data})
		if err != nil || render(again, string(data)) != render(c, string(data)) {
			t.Fatalf("parsed again it is another catalog: %v", err)
		}
	})
}

// bodies are what ParseKey, ParseTenant and ParseBudget read, by the schema for
// it.
var bodies = []struct {
	schema func() []byte
	parse  func([]byte) (written interface{ JSON() []byte }, err error)
}{
	{KeySchema, func(data []byte) (interface{ JSON() []byte }, error) { return ParseKey(data) }},
	{TenantSchema, func(data []byte) (interface{ JSON() []byte }, error) { return ParseTenant(data) }},
	{BudgetSchema, func(data []byte) (interface{ JSON() []byte }, error) { return ParseBudget(data) }},
}

// FuzzParseBodies: what is read is JSON that the schema accepts, and what is
// written of it reads as the same.
func FuzzParseBodies(f *testing.F) {
	for _, text := range []string{
		`{"name": "ci", "tenant": "acme", "models": ["openai/*"], "tags": ["env:ci"], "expires": "2027-01-31"}`,
		`{"name": "acme", "tags": ["a"], "suspended": true}`,
		`{"name": "all", "per": "month", "money": 500.25, "requests": 10, "tokens": "2M", "away": {"money": "$1"}, "shares": {"eu": 5}}`,
		`{"name": "busy", "each": ["tag", "key"], "concurrent": 4, "soft": [], "away": "deny"}`,
		`[[[[]]]]`, `{"a":{"a":1,"a":2}}`, "{\"name\":\n\t7}", `{"name": "\ud800"}`, "null",
	} {
		f.Add([]byte(text))
	}
	schemas := make([]*jsonschema.Schema, len(bodies))
	for i, b := range bodies {
		schemas[i] = compiled(f, b.schema())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for i, b := range bodies {
			read, err := b.parse(data)
			var errs Errors
			switch {
			case err != nil && (!errors.As(err, &errs) || len(errs) == 0):
				t.Fatalf("not Errors: %v", err)
			case err != nil:
				continue
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			if err != nil {
				t.Fatalf("%s is read and is not JSON: %v", data, err)
			}
			if err := schemas[i].Validate(doc); err != nil {
				t.Fatalf("the schema refuses %s: %v", data, err)
			}
			again, err := b.parse(read.JSON())
			if diff := cmp.Diff(read, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Fatalf("%s is written as %s, which reads as another: %v\n%s", data, read.JSON(), err, diff)
			}
		}
	})
}

// wellFormed checks what the rest of the gateway builds on.
func wellFormed(t *testing.T, c *Catalog) {
	t.Helper()
	if len(c.Providers) == 0 || len(c.Models) == 0 {
		t.Fatal("a catalog that serves nothing")
	}
	for _, p := range c.Providers {
		u, wrong, _ := parseBaseURL(p.BaseURL.String())
		if wrong != "" || u != p.BaseURL || !u.TLS && !u.Loopback() {
			t.Fatalf("base URL %q: %s", p.BaseURL, wrong)
		}
		if ref := p.Credential; ref != (Reference{}) {
			if again, err := ParseReference(ref.String()); err != nil || again != ref {
				t.Fatalf("credential: %v", err)
			}
		}
		for _, limit := range []time.Duration{p.Timeouts.Connect, p.Timeouts.FirstToken, p.Timeouts.Answer, p.Timeouts.Idle} {
			if limit <= 0 {
				t.Fatalf("time limits %+v", p.Timeouts)
			}
		}
	}
	for _, m := range c.Models {
		if !validModel(m.Name) || len(m.Targets) == 0 {
			t.Fatalf("model %q with %d targets", m.Name, len(m.Targets))
		}
		for _, target := range m.Targets {
			if target.Provider == nil || !providerID.MatchString(target.ID) || target.Context < 0 {
				t.Fatalf("target %+v of %s", target, m.Name)
			}
		}
	}
	spendingWellFormed(t, c)
}

func spendingWellFormed(t *testing.T, c *Catalog) {
	t.Helper()
	for _, tenant := range c.Tenants {
		if again, err := ParseTenant(tenant.JSON()); err != nil || !cmp.Equal(again, tenant, cmpopts.EquateEmpty()) {
			t.Fatalf("tenant %+v: %v", tenant, err)
		}
	}
	for _, k := range c.Keys {
		again, err := ParseKey(k.JSON())
		again.Hash = k.Hash
		if err != nil || !cmp.Equal(again, k, cmpopts.EquateEmpty()) {
			t.Fatalf("key %+v: %v", k, err)
		}
	}
	for _, b := range c.Budgets {
		if again, err := ParseBudget(b.JSON()); err != nil || !cmp.Equal(again, b, cmpopts.EquateEmpty()) {
			t.Fatalf("budget %+v: %v", b, err)
		}
		if err := b.Fits(c.Store); err != nil || len(b.Limits) == 0 {
			t.Fatalf("budget %+v: %v", b, err)
		}
		for _, l := range b.Limits {
			if l.Amount < 0 || l.Amount > MaxAmount || l.Away < 0 || l.Away > l.Amount || l.Unit != UnitConcurrent && b.Per == "" {
				t.Fatalf("budget %+v", b)
			}
		}
	}
	for _, i := range c.Issuers {
		u, wrong, _ := parseBaseURL(i.Issuer)
		if wrong != "" || !u.TLS && !u.Loopback() || len(i.Audience) == 0 || len(i.Algorithms) == 0 || i.Key == "" || i.Leeway < 0 {
			t.Fatalf("issuer %+v", i)
		}
		if slices.ContainsFunc(i.Algorithms, func(name string) bool { return strings.HasPrefix(name, "HS") || name == "none" }) {
			t.Fatalf("issuer %+v", i)
		}
	}
	if r := c.Store.Redis; r != nil {
		for _, address := range r.Addresses {
			if _, _, err := net.SplitHostPort(address); err != nil {
				t.Fatalf("redis %+v: %v", r, err)
			}
		}
	}
}
