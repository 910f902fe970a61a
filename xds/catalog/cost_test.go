package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCostlySourcesAreRefusedBeforeTheyCost(t *testing.T) {
	if testing.Short() {
		t.Skip("parses many megabytes")
	}
	lines := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const big = maxSource - 100
	const many = 120_000 // of three tokens each is below maxTokens
	for name, text := range map[string]string{
		"one byte more than is read":  strings.Repeat("#", maxSource+1),
		"one token more than is read": "a: [" + strings.Repeat("1,", maxTokens/2),
		"brackets in brackets":        "a: " + strings.Repeat("[", many),
		"braces in braces":            strings.Repeat("{a: ", many),
		"dashes in dashes":            strings.Repeat("- ", many),
		"a mapping without end":       lines("k%d: 1\n", many),
		"a mapping of nothing":        lines("k%d:\n", many),
		"many large mappings":         lines("k%[1]d:\n"+strings.Repeat(" a: b\n", 12), 9_000),
		"flow entries without value":  "a: {" + lines("k%d,", many) + "}",
		"flow entries with a colon":   "a: {" + lines("k%d: ,", many) + "}",
		"a list of nothing":           strings.Repeat("-\n", many),
		"question marks":              strings.Repeat("? a\n", many),
		"anchors in anchors":          "a: " + lines("&a%d ", many) + "b",
		"an alias bomb":               "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
		"tags in tags":                "a: " + strings.Repeat("!!str ", many),
		"one long word":               "a: " + strings.Repeat("x", big),
		"one long name":               strings.Repeat("x", big) + ": {}",
		"one long quotation":          "a: \"" + strings.Repeat("\\n", big/2) + "\"",
		"one long block":              "a: |\n" + strings.Repeat("  x\n", big/4),
		"many documents":              strings.Repeat("---\n", many),
		"many unknown fields":         "providers:\n openai:\n" + lines("  k%d: 1\n", maxEntries-10),
		"many targets nobody has":     "providers: {openai: {}}\nmodels:\n" + lines(" a/k%d: {targets: [b]}\n", maxEntries-10),
		"many aliases of nothing":     "providers: {openai: {}}\naliases:\n" + lines(" k%d: openai/gpt-4p\n", maxAliases),
		"many providers":              "providers:\n" + lines(" k%d: {}\n", maxEntries-10),
		"many keys without a name":    "providers: {openai: {}}\nkeys: [" + strings.Repeat("{}, ", maxKeys) + "]",
		"more keys than are read":     "providers: {openai: {}}\nkeys: [" + strings.Repeat("{}, ", maxKeys+1) + "]",
		"comments only":               strings.Repeat("# x\n", many),
		"brackets that close nothing": strings.Repeat("]", many),
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, err := Parse(Source{Name: "f", Data: []byte(text)})
			var errs Errors
			if !errors.As(err, &errs) || len(errs) > maxErrors+1 {
				t.Fatalf("%d errors, %.200v", len(errs), err)
			}
			// Two cores under the race detector: what is quadratic takes minutes.
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("took %s", took)
			} else {
				t.Logf("%s, %d errors, first %s", took.Round(time.Millisecond), len(errs), errs[0])
			}
		})
	}
}

func TestMoreErrorsThanAreShownAreCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString("providers: {openai: {}}\n")
	for i := range maxErrors + 5 {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	_, err := Parse(Source{Name: "f", Data: []byte(b.String())})
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != maxErrors+1 {
		t.Fatalf("%d errors", len(errs))
	}
	if last := errs[maxErrors].Message; last != "5 more errors are not shown; mend these first" {
		t.Errorf("the last error is %q", last)
	}
}

func TestALargeCatalogParses(t *testing.T) {
	var b strings.Builder
	b.WriteString("providers: {openai: {}, groq: {}}\nmodels:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  creator/model-%d:\n    targets: [openai, {provider: groq, id: m%d}]\n", i, i)
	}
	b.WriteString("keys:\n")
	for i := range 10000 {
		fmt.Fprintf(&b, "  - {name: k%d, hash: \"sha256:%064x\"}\n", i, i)
	}
	c := parse(t, b.String())
	if len(c.Models) < 2000 || len(c.Keys) != 10000 {
		t.Errorf("%d models, %d keys", len(c.Models), len(c.Keys))
	}
}
