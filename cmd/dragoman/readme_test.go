package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the README's code blocks of a language.
func blocks(t *testing.T, language string) (out []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(readme(t), -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatalf("the README has no %s block", language)
	}
	return out
}

func anyVariable(string) (string, bool) { return "a value", true }

func TestTheReadmesConfigurationIsGoodAndShowsTheDefaults(t *testing.T) {
	t.Parallel()
	whole := blocks(t, "yaml")
	if len(whole) != 3 {
		t.Fatalf("%d YAML blocks, want the page and two of who may ask and what they may spend", len(whole))
	}
	shown, err := catalog.Parse(catalog.Source{Name: "README.md", Data: []byte(whole[0]), Env: anyVariable})
	if err != nil {
		t.Fatal(err)
	}
	normal, err := catalog.Parse(catalog.Source{Name: "default", Data: []byte("providers: {openai: {}}"), Env: anyVariable})
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, shown, normal any) {
		t.Helper()
		if diff := cmp.Diff(normal, shown, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-default +README):\n%s", what, diff)
		}
	}
	same("open", shown.Open, normal.Open)
	same("listen", shown.Listen, normal.Listen)
	same("limits", shown.Limits, normal.Limits)
	same("timeouts", shown.Provider("openai").Timeouts, normal.Provider("openai").Timeouts)

	// What stands in comments is good as well.
	remark := regexp.MustCompile(`(?m)^( *)# (tls|ca): `)
	if n := len(remark.FindAllString(whole[0], -1)); n != 2 {
		t.Errorf("%d settings in comments, want 2", n)
	}
	if _, err := catalog.Parse(catalog.Source{Name: "README.md", Data: []byte(remark.ReplaceAllString(whole[0], "$1$2: ")), Env: anyVariable}); err != nil {
		t.Error(err)
	}
}

func TestTheReadmesSectionsOnKeysAndBudgetsAreGoodAndShowTheDefaults(t *testing.T) {
	t.Parallel()
	const least = "providers: {openai: {}}\n"
	parse := func(text string) *catalog.Catalog {
		t.Helper()
		c, err := catalog.Parse(catalog.Source{Name: "README.md", Data: []byte(text), Env: anyVariable})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	whole := blocks(t, "yaml")
	both := parse(least + whole[1] + whole[2])
	if len(parse(least+whole[1]).Issuers) != 1 || len(parse(least+whole[2]).Budgets) != 4 {
		t.Error("an issuer or budgets are missing")
	}
	if together := parse(whole[0] + whole[1] + whole[2]); len(together.Tenants) != 1 {
		t.Errorf("%d tenants", len(together.Tenants))
	}
	normal := parse(least)
	if both.Quota.Wait != normal.Quota.Wait || both.Quota.OwnFallback != normal.Quota.OwnFallback || both.Generations.Keep != normal.Generations.Keep {
		t.Errorf("shown %+v %+v, default %+v %+v", both.Quota, both.Generations, normal.Quota, normal.Generations)
	}
	plain := parse(least + "budgets: [{name: everyone, per: month, money: 500}]\n")
	for i := range both.Budgets {
		if b := &both.Budgets[i]; b.Name == "everyone" {
			if diff := cmp.Diff(plain.Budgets[0], *b); diff != "" {
				t.Errorf("a budget's defaults (-default +README):\n%s", diff)
			}
		}
	}
	for _, unit := range catalog.BudgetUnits() {
		if !strings.Contains(whole[2], unit) {
			t.Errorf("budgets are shown without %s", unit)
		}
	}
}

// TestTheReadmesAdminRequestsWorkOneAfterTheOther plays the block against a
// gateway whose state directory is the default one.
func TestTheReadmesAdminRequestsWorkOneAfterTheOther(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	g := p.run(t, "--listen", "127.0.0.1:0")
	served(t, g.url, "sim/chat", "alpha")
	played := 0
	for _, block := range blocks(t, "sh") {
		if !strings.Contains(block, "/api/v1") {
			continue
		}
		played++
		script := strings.NewReplacer("http://127.0.0.1:9910", g.admin, "curl -s ", "curl -s --fail-with-body ").Replace(block)
		shell := p.launch(t, "sh", "-ec", script)
		if status := shell.end(patience); status != 0 {
			t.Fatalf("status %d of\n%s\n%s%s", status, script, shell.out.String(), shell.err.String())
		}
		rest := shell.out.String()
		for _, words := range []string{`"name":"acme"`, `"money":"$50"`, `"secret":"dgm_`, `"money":"$80"`, `{"data":[`, `{"data":[`, `"verb":"`, `"POST /api/v1/budgets"`} {
			_, after, found := strings.Cut(rest, words)
			if !found {
				t.Fatalf("no %q in its place in\n%s", words, shell.out.String())
			}
			rest = after
		}
	}
	if played != 1 {
		t.Errorf("%d blocks of admin requests, want one", played)
	}
}

// TestTheReadmesTableOfFlagsIsTheCommandLines also writes it, with -update.
func TestTheReadmesTableOfFlagsIsTheCommandLines(t *testing.T) {
	text := readme(t)
	const begin, end = "<!-- flags -->\n", "<!-- /flags -->"
	before, rest, ok1 := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("the README has no place for the table between %q and %q", begin, end)
	}
	golden(t, "README.md", before+begin+flagTable(t)+end+after)
}

func TestTheReadmeNamesAllPresets(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(readme(t), "<!-- presets -->")
	named, _, _ := strings.Cut(rest, "<!-- /presets -->")
	_, enabled := catalog.FromEnvironment(anyVariable)
	if diff := cmp.Diff(strings.Join(enabled, ", "), strings.ToLower(named)); diff != "" {
		t.Errorf("presets (-built in +README):\n%s", diff)
	}
}

func TestTheReadmesCommandsExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			words := strings.Fields(line)
			for len(words) > 0 && strings.Contains(words[0], "=") {
				words = words[1:] // a variable
			}
			switch words[0] {
			case "make":
				if !regexp.MustCompile(`(?m)^` + words[1] + `:`).Match(makefile) {
					t.Errorf("no target for %q", strings.TrimSpace(line))
				}
			case "dragoman":
				command, _, _ := strings.Cut(strings.Join(words[1:], " "), " >")
				if err := parses(strings.Fields(command)); err != nil {
					t.Errorf("%q: %v", strings.TrimSpace(line), err)
				}
			default:
				continue
			}
			checked++
		}
	}
	if checked < 6 {
		t.Errorf("only %d commands found", checked)
	}
}

func parses(args []string) error {
	s := streams{out: io.Discard, err: io.Discard, env: func(string) (string, bool) { return "", false }}
	parser, err := newParser(context.Background(), &commands{}, s, func(int) {})
	if err == nil {
		_, err = parser.Parse(args)
	}
	return err
}

func TestTheReadmesTwoMinutesAreAsItSays(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatalf("the README's requests are made with curl: %v", err)
	}
	p := newPlace(t)
	g := p.run(t, "--listen", "127.0.0.1:0")
	moved := strings.NewReplacer("http://127.0.0.1:10000", g.url, "http://127.0.0.1:9910", g.admin)
	var said []string
	for _, block := range blocks(t, "sh") {
		if !strings.HasPrefix(block, "curl ") {
			continue
		}
		shell := p.launch(t, "sh", "-ec", moved.Replace(block))
		if status := shell.end(patience); status != 0 {
			t.Fatalf("status %d of\n%s", status, block)
		}
		said = append(said, shell.out.String())
	}
	for i, want := range [][]string{
		{"x-dragoman-provider: alpha", "x-dragoman-attempts: 1"},
		{"HTTP/1.1 200 OK", "x-dragoman-provider: beta", "x-dragoman-attempts: 2"},
		{ // the surfaces, in their order
			`"object":"chat.completion"`, "Hello from gamma", `"object":"response"`, "Hello from delta",
			`"type":"message"`, "Hello from alpha", `{"input_tokens":`, `"candidates":[`, "Hello from beta", "data: {", `{"totalTokens":`,
			`"object":"embedding"`, `"object":"list","data":[{"id":"sim/anthropic"`, `"type":"model"`, `"has_more":false`, `{"models":[{"name":"models/sim/`,
		},
	} {
		if len(said) != 3 {
			t.Fatalf("%d blocks of requests, want 3", len(said))
		}
		rest := said[i]
		for _, words := range want {
			_, after, found := strings.Cut(rest, words)
			if !found {
				t.Fatalf("no %q in its place in\n%s", words, said[i])
			}
			rest = after
		}
	}
	if shown := strings.TrimSpace(blocks(t, "json")[0]); !strings.Contains(said[2], shown) {
		t.Errorf("the answer that the README shows is none of\n%s", said[2])
	}
	served(t, g.url, "sim/chat", "alpha")
	for _, fault := range regexp.MustCompile("`\\?([a-z_]+=[^`]+)`").FindAllStringSubmatch(readme(t), -1) {
		if a := mustAsk(t, http.MethodPost, g.admin+"/sim/alpha?"+fault[1], ""); a.status != http.StatusOK {
			t.Errorf("?%s: %v", fault[1], a)
		}
		mustAsk(t, http.MethodDelete, g.admin+"/sim/alpha", "")
	}
}
