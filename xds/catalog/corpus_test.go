package catalog

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const corpus = "../../testdata/catalog"

// corpusEnv has every variable but those whose name starts with UNSET.
func corpusEnv(name string) (string, bool) {
	if strings.HasPrefix(strings.ToUpper(name), "UNSET") {
		return "", false
	}
	return "a value", true
}

func corpusSource(t *testing.T, path string) Source {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Source{Name: filepath.Base(path), Data: data, Dir: "etc", Env: corpusEnv}
}

// corpusFiles are the sources of a directory. With -update it also deletes
// goldens whose source is gone.
func corpusFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus, dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	goldens, err := filepath.Glob(filepath.Join(corpus, dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens {
		if slices.Contains(files, strings.TrimSuffix(g, ".txt")+".yaml") {
			continue
		}
		if !*update {
			t.Errorf("%s has no source; run the test with -update", g)
		} else if err := os.Remove(g); err != nil {
			t.Error(err)
		}
	}
	return files
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestBadCatalogsAreRefusedWithExactlyTheseMessages(t *testing.T) {
	files := corpusFiles(t, "bad")
	if len(files) < 40 {
		t.Errorf("%d bad catalogs, want at least 40", len(files))
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			src := corpusSource(t, path)
			c, err := Parse(src)
			var errs Errors
			if c != nil || !errors.As(err, &errs) {
				t.Fatalf("Parse = %v, %v; want Errors", c, err)
			}
			if !slices.IsSortedFunc(errs, func(a, b Error) int { return a.Line - b.Line }) {
				t.Error("the errors are not sorted by line")
			}
			lines := strings.Count(string(src.Data), "\n") + 1
			for _, e := range errs {
				if e.Line < 1 || e.Line > lines || e.Col < 1 || e.File != src.Name {
					t.Errorf("no place in the file: %s", e)
				}
				if !strings.ContainsAny(e.Message, ";") {
					t.Errorf("says not what would be right: %s", e)
				}
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func TestGoodCatalogsCompileToExactlyThis(t *testing.T) {
	files := corpusFiles(t, "good")
	if len(files) < 10 {
		t.Errorf("%d good catalogs, want at least 10", len(files))
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			c, err := Parse(corpusSource(t, path))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", render(c))
		})
	}
}

// render writes everything a catalog says, one thing a line.
func render(c *Catalog) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("open %t", c.Open)
	line("listen %s port %d trusted_hops %d cors %q", c.Listen.Address, c.Listen.Port, c.Listen.TrustedHops, c.Listen.CORSOrigins)
	if c.Listen.External {
		line("listen external")
	}
	if c.Listen.TLS != nil {
		line("tls %s %s", c.Listen.TLS.CertFile, c.Listen.TLS.KeyFile)
	}
	line("limits %+v", c.Limits)
	for _, p := range c.Providers {
		line("provider %s preset %q region %q dialect %s", p.Name, p.Preset, p.Region, p.Dialect)
		line("  %s tls %t host %s port %d path %q", p.BaseURL, p.BaseURL.TLS, p.BaseURL.Host, p.BaseURL.Port, p.BaseURL.Path)
		line("  credential %q headers %q ca %q", p.Credential, p.Headers, p.CAFile)
		line("  timeouts %+v", p.Timeouts)
	}
	for _, m := range c.Models {
		line("model %s created %s lane %q", m.Name, m.Created.Format("2006-01-02"), m.Lane)
		for _, t := range m.Targets {
			line("  target %s id %s context %d", t.Provider.Name, t.ID, t.Context)
		}
	}
	for _, a := range c.aliases {
		line("alias %s to %s", a.pattern, a.model.Name)
	}
	for _, k := range c.Keys {
		line("key %s %x models %q", k.Name, k.Hash, k.Models)
	}
	return b.String()
}
