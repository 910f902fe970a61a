package catalog

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
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
			src := corpusSource(t, path)
			c, err := Parse(src)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", render(c, string(src.Data)))
		})
	}
}

// render writes everything a catalog says, one thing a line, but for bundled
// models that its source does not name: they are counted.
func render(c *Catalog, source string) string {
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
		line("provider %s preset %q region %q dialects %s", p.Name, p.Preset, p.Region, joined(p.Dialects))
		line("  %s tls %t host %s port %d path %q", p.BaseURL, p.BaseURL.TLS, p.BaseURL.Host, p.BaseURL.Port, p.BaseURL.Path)
		if p.Project+p.Resource+p.APIVersion+string(p.Platform) != "" || !reflect.DeepEqual(p.Quirks, llm.Quirks{}) {
			line("  project %q resource %q platform %q version %q quirks %+v genuine %t", p.Project, p.Resource, p.Platform, p.APIVersion, p.Quirks, p.Genuine())
		}
		line("  credential %q headers %q ca %q", p.Credential, p.Headers, p.CAFile)
		line("  timeouts %+v", p.Timeouts)
	}
	bundled := 0
	for _, m := range c.Models {
		if !strings.Contains(source, m.Name) {
			bundled++
			continue
		}
		line("model %s created %s lane %q", m.Name, m.Created.Format("2006-01-02"), m.Lane)
		for _, t := range m.Targets {
			line("  target %s id %s dialects %s context %d output %d able %t %s prices %s", t.Provider.Name, t.ID, joined(t.Dialects), t.Context, t.Output, t.Judged, t.Able, priced(t.Prices))
		}
	}
	if bundled > 0 {
		line("bundled models: %d", bundled)
	}
	for _, a := range c.aliases {
		line("alias %s to %s", a.pattern, a.model.Name)
	}
	for _, k := range c.Keys {
		line("key %s %x models %q", k.Name, k.Hash, k.Models)
		if k.Tenant != "" || len(k.Tags) > 0 || !k.Expires.IsZero() {
			line("  tenant %q tags %q expires %s", k.Tenant, k.Tags, k.Expires.Format(time.RFC3339Nano))
		}
	}
	renderSpending(c, line)
	return b.String()
}

// priced shows prices in dollars a million tokens.
func priced(p *llm.Prices) string {
	if p == nil {
		return "unknown"
	}
	var b strings.Builder
	write := func(r llm.Rates) {
		for _, class := range []struct {
			name  string
			price llm.Opt[llm.PicoUSD]
		}{
			{"input", r.Input},
			{"output", r.Output},
			{"cache_read", r.CacheRead},
			{"cache_write", r.CacheWrite},
			{"cache_write_hour", r.CacheWriteHour},
			{"reasoning", r.Reasoning},
			{"audio_input", r.AudioInput},
			{"audio_output", r.AudioOut},
		} {
			if each, ok := class.price.Get(); ok {
				fmt.Fprintf(&b, "%s %s ", class.name, each.PerMillion())
			}
		}
	}
	write(p.Rates)
	for _, t := range p.Tiers {
		fmt.Fprintf(&b, "over %d ", t.Over)
		write(t.Rates)
	}
	return strings.TrimSpace(b.String())
}
