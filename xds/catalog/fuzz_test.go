package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
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
}
