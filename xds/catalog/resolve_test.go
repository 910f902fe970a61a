package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const resolvable = `
providers: {one: {dialect: openai, base_url: "http://127.0.0.1:1"}}
models:
  anthropic/claude-4: {targets: [one]}
  zai/glm-4.6: {targets: [one]}
  zai/glm-4.5: {targets: [one]}
  openai/oss: {targets: [one]}
  anthropic/oss: {targets: [one]}
  google/oss: {targets: [one]}
  openai/Upper: {targets: [one]}
  x/both: {targets: [one]}
  y/both: {targets: [one]}
aliases:
  "claude-*": anthropic/claude-4
  "claude-haiku-*": zai/glm-4.6
  "claude-haiku-4": zai/glm-4.5
  "first-*-a": zai/glm-4.6
  "first-a-*": zai/glm-4.5
  "anthropic/claude-haiku*": zai/glm-4.6
  "both": y/both
  "gap*-*d": zai/glm-4.6
  "gapp-*d": zai/glm-4.5
`

func TestResolveFindsTheModelAClientMeans(t *testing.T) {
	c := parse(t, resolvable)
	for _, test := range []struct{ name, in, prefer, want string }{
		{"a public name is exact", "zai/glm-4.6", "", "zai/glm-4.6"},
		{"a public name needs no preference", "openai/oss", "google", "openai/oss"},
		{"a bare name that one creator has", "glm-4.6", "", "zai/glm-4.6"},
		{"a bare name that one creator has in spite of the preference", "glm-4.6", "anthropic", "zai/glm-4.6"},
		{"a bare name of several goes to the preferred creator", "oss", "anthropic", "anthropic/oss"},
		{"another surface prefers another creator", "oss", "google", "google/oss"},
		{"an ambiguous bare name goes by its alias", "both", "anthropic", "y/both"},
		{"an alias without a star goes before a pattern", "claude-haiku-4", "", "zai/glm-4.5"},
		{"the most specific pattern wins", "claude-haiku-4-5-20251001", "", "zai/glm-4.6"},
		{"the wider pattern takes the rest", "claude-opus-4", "", "anthropic/claude-4"},
		{"a star stands for no text too", "claude-", "", "anthropic/claude-4"},
		{"equal patterns go in the order of the source", "first-a-a", "", "zai/glm-4.6"},
		{"fewer gaps go first among equals", "gapp--d", "", "zai/glm-4.5"},
		{"a pattern may match public names", "anthropic/claude-haiku-4-5", "", "zai/glm-4.6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := c.Resolve(test.in, test.prefer)
			if err != nil || m.Name != test.want {
				t.Errorf("Resolve(%q, %q) = %v, %v; want %s", test.in, test.prefer, m, err, test.want)
			}
		})
	}
}

func TestResolveSaysWhatAClientMayHaveMeant(t *testing.T) {
	c := parse(t, resolvable)
	for _, test := range []struct{ name, in, prefer, want string }{
		{"several creators", "oss", "nobody", `several creators have a model "oss"; write one of anthropic/oss, google/oss, openai/oss`},
		{"a slip in a public name", "zai/glm-4.7", "", `there is no model "zai/glm-4.7"; did you mean zai/glm-4.5, zai/glm-4.6?`},
		{"a slip in a bare name", "glm-4,6", "", `there is no model "glm-4,6"; did you mean zai/glm-4.6, zai/glm-4.5?`},
		{"a slip in an ambiguous name", "os", "", `there is no model "os"; did you mean anthropic/oss, google/oss, openai/oss?`},
		{"capital letters matter", "upper", "", `there is no model "upper"; did you mean openai/Upper?`},
		{"nothing is near", "gemini-3", "", `there is no model "gemini-3"`},
		{"no name at all", "", "", `there is no model ""`},
		{"a secret in the wrong place", "sk-proj-abcdefghijklmnop0123456789", "", `there is no model (withheld: it looks like a secret)`},
		{"a name longer than any", "claude-" + strings.Repeat("x", 200), "", `there is no model "claude-` + strings.Repeat("x", 73) + `…"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := c.Resolve(test.in, test.prefer)
			if m != nil || err == nil || err.Error() != test.want {
				t.Errorf("Resolve(%q) = %v, %v; want %s", test.in, m, err, test.want)
			}
			var unknown *UnknownModelError
			var ambiguous *AmbiguousModelError
			if errors.As(err, &ambiguous) == errors.As(err, &unknown) {
				t.Errorf("%T is not exactly one of the two errors", err)
			}
		})
	}
	var ambiguous *AmbiguousModelError
	if _, err := c.Resolve("oss", ""); !errors.As(err, &ambiguous) || !cmp.Equal(ambiguous.Candidates, []string{"anthropic/oss", "google/oss", "openai/oss"}) {
		t.Errorf("candidates %v", ambiguous)
	}
}

func TestResolveAllocatesNothingOnAHit(t *testing.T) {
	c := parse(t, resolvable)
	for _, name := range []string{"zai/glm-4.6", "glm-4.6", "oss", "claude-haiku-4-5", "claude-opus"} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := c.Resolve(name, "anthropic"); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("Resolve(%q) allocates %v times", name, n)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	var text strings.Builder
	text.WriteString("providers: {one: {dialect: openai, base_url: \"http://127.0.0.1:1\"}}\nmodels:\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "  creator/model-%d: {targets: [one]}\n", i)
	}
	text.WriteString("aliases: {\"claude-*\": creator/model-7}\n")
	c, err := Parse(Source{Data: []byte(text.String())})
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"creator/model-1999", "model-1999", "claude-opus", "creator/mdoel-12"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err = c.Resolve(name, "")
			}
		})
	}
}

func TestASlugNamesItsProviderThenThoseOfThePreset(t *testing.T) {
	c := parse(t, `
providers:
  zeta: {preset: openai, region: eu}
  openai: {preset: groq, region: us}
  alpha: {preset: openai, region: us}
  groq-eu: {preset: groq, region: eu}
  local: {dialect: openai, base_url: "http://127.0.0.1:1", region: eu}
`)
	for slug, want := range map[string][]string{
		"openai":    {"openai", "alpha", "zeta"},
		"groq":      {"groq-eu", "openai"},
		"alpha":     {"alpha"},
		"local":     {"local"},
		"openai/eu": {"zeta"},
		"openai/us": {"alpha"},
		"groq/us":   {"openai"},
		"groq/eu":   {"groq-eu"},
		"local/eu":  nil,
		"alpha/us":  nil,
		"nobody":    nil,
		"":          nil,
	} {
		var got []string
		for _, p := range c.Slug(slug) {
			got = append(got, p.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Slug(%q) (-want +got):\n%s", slug, diff)
		}
	}
}

func TestAKeyMayUseWhatItsPatternsMatch(t *testing.T) {
	for _, test := range []struct {
		globs []string
		model string
		want  bool
	}{
		{nil, "openai/gpt-4o", true},
		{[]string{"openai/*"}, "openai/gpt-4o", true},
		{[]string{"openai/*"}, "openai-eu/gpt-4o", false},
		{[]string{"openai/*"}, "OpenAI/gpt-4o", false},
		{[]string{"zai/*", "*/gpt-4*"}, "openai/gpt-4o", true},
		{[]string{"*-mini"}, "openai/gpt-4o-mini-2", false},
		{[]string{"*-mini"}, "openai/a-mini-mini", true},
		{[]string{"*"}, "a/b", true},
		{[]string{"a/b"}, "a/b", true},
		{[]string{"a/b"}, "a/bc", false},
		{[]string{"a*b*c"}, "a/xbybc", true},
		{[]string{"a*b*c"}, "a/xcyb", false},
	} {
		key := Key{Models: test.globs}
		if got := key.Allows(test.model); got != test.want {
			t.Errorf("%q allow %s: %t", test.globs, test.model, got)
		}
	}
}

func TestNearestNamesAreASlipAway(t *testing.T) {
	known := []string{"timeouts", "targets", "base_url", "models", "model"}
	for name, want := range map[string][]string{
		"timeout":                {"timeouts"},
		"tiemouts":               {"timeouts"}, // two letters swapped
		"base-url":               {"base_url"},
		"modles":                 {"models", "model"},
		"weight":                 nil,
		"":                       nil,
		strings.Repeat("a", 200): nil,
	} {
		if diff := cmp.Diff(want, nearest(name, known, 2)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDistanceCountsSlipsUpToItsLimit(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "a", 0},
		{"a", "", 1},
		{"", "abc", 3},
		{"abc", "acb", 1},
		{"abcd", "badc", 2},
		{"kitten", "sitting", 3},
		{"aab", "ab", 1},
		{"model-12", "mdoel-12", 1},
		{"abcdef", "uvwxyz", 5},
		{"a", "abcdefgh", 5},
	} {
		if got := distance(test.a, test.b, maxDistance); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a, maxDistance); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.b, test.a, got, test.want)
		}
	}
}
