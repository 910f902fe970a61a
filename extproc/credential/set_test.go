package credential

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// seen writes headers as a provider sees them.
func seen(headers []Header) []string {
	var out []string
	for _, h := range headers {
		out = append(out, h.Name+": "+string(h.Value))
	}
	return out
}

func TestEveryDialectGetsItsKeyWhereItLooks(t *testing.T) {
	tests := map[llm.Dialect]string{
		llm.OpenAI:    "authorization: Bearer sk-1",
		llm.Responses: "authorization: Bearer sk-1",
		llm.Anthropic: "x-api-key: sk-1",
		llm.Gemini:    "x-goog-api-key: sk-1",
		llm.Bedrock:   "authorization: Bearer sk-1",
		llm.AISDK:     "authorization: Bearer sk-1",
	}
	for d, want := range tests {
		got := Headers(&catalog.Provider{Dialects: []llm.Dialect{d}}, NewSecret("sk-1"))
		if diff := cmp.Diff([]string{want}, seen(got)); diff != "" {
			t.Errorf("%s: headers differ (-want +got):\n%s", d, diff)
		}
	}
	if got := Headers(&catalog.Provider{Dialects: []llm.Dialect{llm.OpenAI}}, Secret{}); got != nil {
		t.Errorf("no credential gives %d headers", len(got))
	}
}

func parse(t *testing.T, text string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBuildMakesTheHeadersOfAllProviders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sk-file\n")
	c := parse(t, `
open: true
providers:
  openai: {}
  local: {dialect: openai, base_url: "http://127.0.0.1:9/v1"}
  filed: {dialect: openai, base_url: "https://filed.example", credential: "file:`+file+`"}
models: {acme/one: {targets: [local, filed]}}
`)
	env := environment(map[string]string{"OPENAI_API_KEY": "sk-env"})
	check := func(want map[string][]string) *Set {
		t.Helper()
		s, err := Build(c, env)
		if err != nil {
			t.Fatal(err)
		}
		for provider, headers := range want {
			if diff := cmp.Diff(headers, seen(s.Headers(provider))); diff != "" {
				t.Errorf("%s: headers differ (-want +got):\n%s", provider, diff)
			}
		}
		return s
	}
	first := check(map[string][]string{
		"openai": {"authorization: Bearer sk-env"}, "filed": {"authorization: Bearer sk-file"}, "local": nil, "nobody": nil,
	})
	write("sk-rotated\n")
	check(map[string][]string{"filed": {"authorization: Bearer sk-rotated"}})
	if got := seen(first.Headers("filed")); got[0] != "authorization: Bearer sk-file" {
		t.Errorf("the first set changed to %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { first.Headers("openai") }); n != 0 {
		t.Errorf("Headers allocates %v times", n)
	}
}

func TestBuildReportsEverythingThatIsMissing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	c := parse(t, `
open: true
providers:
  openai: {}
  groq: {}
  xai: {}
  filed: {dialect: openai, base_url: "https://filed.example", credential: "file:`+missing+`"}
`)
	s, err := Build(c, environment(map[string]string{"GROQ_API_KEY": canary + "\n" + canary, "XAI_API_KEY": "sk-1"}))
	want := "the credential of provider filed: file:" + missing + " cannot be read: no such file or directory\n" +
		"the credential of provider groq: env:GROQ_API_KEY " + ErrGarbled.Error() + "\n" +
		"the credential of provider openai: env:OPENAI_API_KEY is not set"
	if s != nil || err == nil {
		t.Fatalf("Build gives %v, %v", s, err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error differs (-want +got):\n%s", diff)
	}
	for _, e := range []error{ErrNotSet, ErrGarbled, os.ErrNotExist} {
		if !errors.Is(err, e) {
			t.Errorf("the error does not wrap %v", e)
		}
	}
}

func TestNoSetHasNoHeaders(t *testing.T) {
	var s *Set
	if got := s.Headers("openai"); got != nil {
		t.Errorf("a nil set has %d headers", len(got))
	}
}
