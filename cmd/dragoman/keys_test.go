package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/directory"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/redistest"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

var aSecret = regexp.MustCompile(`dgm_[A-Za-z0-9_-]{43}`)

// must runs a command that must end well.
func (p at) must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, status := p.do(t, args...)
	if status != 0 {
		t.Fatalf("%v: status %d\n%s%s", args, status, out, errs)
	}
	return out
}

func TestKeysOfAStateDirectoryAreMadeListedRotatedAndRevoked(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	state := filepath.Join(p.dir, "kept")
	keysLife(t, p, "--state", state)
	for _, name := range []string{"dragoman.db", "dragoman.db-wal"} {
		if text, err := os.ReadFile(filepath.Join(state, name)); err == nil && aSecret.Match(text) {
			t.Errorf("a key is in %s", name)
		}
	}
	if out := p.must(t, "keys", "list"); !strings.Contains(out, "no keys") {
		t.Errorf("the default state directory has keys:\n%s", out)
	}
}

func TestAStateDirectoryThatIsNotThereIsNotMade(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.file(t, "empty/other", "x")
	p.file(t, "dragoman.yaml", dependent+"secrets: {key: 'file:master'}\n")
	p.file(t, "master", strings.Repeat("0a", 32))
	for _, command := range []string{"keys list", "keys revoke web", "keys rotate web", "keys reseal"} {
		for dir, want := range map[string]string{
			"mistyped":    "the state directory: stat mistyped: no such file or directory; dragoman run shows which one it uses",
			"empty":       "there is no store in empty, which has no dragoman.db; dragoman run shows",
			"empty/other": "it is no directory; dragoman run shows",
		} {
			_, errs, status := p.do(t, append(strings.Fields(command), "--state", dir)...)
			if status != 1 || !strings.Contains(errs, want) {
				t.Errorf("%s --state %s: status %d\n%s", command, dir, status, errs)
			}
		}
	}
	for _, made := range []string{"mistyped", "empty/dragoman.db"} {
		if _, err := os.Stat(filepath.Join(p.dir, made)); err == nil {
			t.Errorf("%s is made", made)
		}
	}
	if out := p.must(t, "keys", "create", "web", "--state", "new", "--expires", "30d"); !aSecret.MatchString(out) {
		t.Error(out)
	}
	if out := p.must(t, "keys", "rotate", "web", "--state", "new", "--grace", "7d"); !strings.Contains(out, "The former one is good until "+time.Now().UTC().AddDate(0, 0, 7).Format("2006-01-02")) {
		t.Error(out)
	}
	for grace, want := range map[string]string{"1000d": "must be from 0s to 2160h", "soon": "--grace: write how long, such as 24h or 7d"} {
		if _, errs, status := p.do(t, "keys", "rotate", "web", "--state", "new", "--grace", grace); status == 0 || !strings.Contains(errs, want) {
			t.Errorf("--grace %s: status %d\n%s", grace, status, errs)
		}
	}
}

func TestKeysOfACatalogsRedisAreMadeListedRotatedAndRevoked(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--requirepass", "a-password")
	p := newPlace(t, "REDIS_PASSWORD=a-password")
	file := p.file(t, "dragoman.yaml", fmt.Sprintf("providers: {openai: {}}\nstore: {redis: {addresses: [%q], password: env:REDIS_PASSWORD}}\nkeys: [{name: fixed, hash: 'sha256:%064x'}]\n", server.Addr(), 1))
	keysLife(t, p, "--catalog", file)
	if _, errs, status := p.do(t, "keys", "create", "fixed", "--catalog", file); status != 1 || !strings.Contains(errs, "stands in the catalog") {
		t.Errorf("a name of the catalog: %d %s", status, errs)
	}
	if out := p.must(t, "keys", "create", "line", "--catalog", file, "--catalog-line"); !strings.Contains(out, "\nkeys:\n") {
		t.Errorf("%s", out)
	}
	server.Kill()
	if _, errs, status := p.do(t, "keys", "list", "--catalog", file); status != 1 || strings.Contains(errs, "a-password") {
		t.Errorf("without its server: %d %s", status, errs)
	}
}

func keysLife(t *testing.T, p at, store ...string) {
	t.Helper()
	do := func(args ...string) string {
		t.Helper()
		return p.must(t, append(append([]string{"keys"}, args...), store...)...)
	}
	out := do("create", "ci", "--tenant", "acme", "--tag", "env:prod", "--tag", "team:a", "--model", "openai/*", "--expires", "720h", "--budget", "$20/month")
	first := aSecret.FindString(out)
	if first == "" || strings.Contains(out, "sha256:") {
		t.Fatalf("%s", out)
	}
	var rows []keyRow
	listed := do("list", "--json")
	if err := json.Unmarshal([]byte(listed), &rows); err != nil {
		t.Fatalf("%v\n%s", err, listed)
	}
	if len(rows) != 1 || rows[0].Expires == nil {
		t.Fatalf("%s", listed)
	}
	want := keyRow{Name: "ci", ID: rows[0].ID, State: "good", Tenant: "acme", Models: []string{"openai/*"}, Tags: []string{"env:prod", "team:a"}, Created: rows[0].Created, Expires: rows[0].Expires}
	if diff := cmp.Diff([]keyRow{want}, rows); diff != "" {
		t.Error(diff)
	}
	rotated := do("rotate", "ci", "--grace", "1h")
	if second := aSecret.FindString(rotated); second == "" || second == first || !strings.Contains(rotated, "good until") {
		t.Errorf("%s", rotated)
	}
	table := do("list")
	if !regexp.MustCompile(`(?m)^ci +k_\S+ +rotating +acme +env:prod,team:a +openai/\* +20\S+ \S+ +-$`).MatchString(table) || aSecret.MatchString(table) {
		t.Errorf("%s", table)
	}
	if _, errs, status := p.do(t, append([]string{"keys", "create", "ci"}, store...)...); status != 1 || !strings.Contains(errs, "already") {
		t.Errorf("twice: %d %s", status, errs)
	}
	do("revoke", rows[0].ID)
	if out := do("list"); !strings.Contains(out, "revoked") {
		t.Errorf("%s", out)
	}
	if _, errs, status := p.do(t, append([]string{"keys", "revoke", first}, store...)...); status != 1 || strings.Contains(errs, first) || !strings.Contains(errs, "not known") {
		t.Errorf("revoking by the secret: %d %s", status, errs)
	}
}

func TestABudgetThatIsThereIsNotOverwrittenByAKeys(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	state := filepath.Join(p.dir, "kept")
	d := ownKeys(t, state, "OLD")
	by := directory.By{Who: "test"}
	budget := catalog.Budget{Name: "key-ci", Tenants: []string{"acme"}, Per: "day", Limits: []catalog.BudgetLimit{{Unit: catalog.UnitRequests, Amount: 7}}}
	if _, err := d.PutBudget(t.Context(), by, budget); err != nil {
		t.Fatal(err)
	}
	_, errs, status := p.do(t, "keys", "create", "ci", "--state", state, "--budget", "$20/month")
	if status != 1 || !strings.Contains(errs, "there is a budget key-ci already, which is not overwritten") {
		t.Errorf("status %d: %s", status, errs)
	}
	now, err := d.ListBudgets(t.Context(), "", 0)
	if err != nil || len(now) != 1 || len(now[0].Limits) != 1 || now[0].Limits[0].Amount != 7 {
		t.Errorf("%+v, %v", now, err)
	}
	if keys, err := d.ListKeys(t.Context(), "", 0); err != nil || len(keys) != 0 {
		t.Errorf("a key is made without its budget: %+v, %v", keys, err)
	}
	// One that says the same may be that of the key before.
	for range 2 {
		p.must(t, "keys", "create", "again", "--state", state, "--budget", "$20/month")
		p.must(t, "keys", "revoke", "again", "--state", state)
	}
	file := p.file(t, "dragoman.yaml", fmt.Sprintf("open: true\nproviders: {openai: {base_url: 'http://127.0.0.1:9/v1'}}\nkeys: [{name: fixed, hash: 'sha256:%064x'}]\n", 1))
	if _, errs, status := p.do(t, "keys", "create", "fixed", "--state", state, "--catalog", file, "--budget", "$20/month"); status != 1 || !strings.Contains(errs, "stands in the catalog") {
		t.Errorf("status %d: %s", status, errs)
	}
	if now, err := d.ListBudgets(t.Context(), "", 0); err != nil || len(now) != 2 {
		t.Errorf("the budget of a key that was refused stays: %+v, %v", now, err)
	}
}

func TestTheCatalogsLineSaysAllThatTheFlagsSay(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.must(t, "keys", "create", "ci", "--tenant", "acme", "--tag", "b", "--tag", "a", "--model", "openai/*", "--expires", "2999-01-31", "--budget", "2M tokens/day")
	_, entries, _ := strings.Cut(out, "\nkeys:\n")
	c, err := catalog.Parse(catalog.Source{Name: "test", Data: []byte("providers: {openai: {}}\nkeys:\n" + entries), Env: anyVariable})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := catalog.Key{
		Name: "ci", Hash: sha256.Sum256([]byte(aSecret.FindString(out))), Tenant: "acme", Tags: []string{"a", "b"}, Models: []string{"openai/*"},
		Expires: time.Date(2999, 1, 31, 0, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff([]catalog.Key{want}, c.Keys); diff != "" {
		t.Error(diff)
	}
	if len(c.Budgets) != 1 || c.Budgets[0].Per != "day" || c.Budgets[0].Limits[0].Amount != 2_000_000 || c.Budgets[0].Keys[0] != "ci" {
		t.Errorf("%+v", c.Budgets)
	}
}

func TestFlagsOfKeysThatSayNothingGoodAreRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, tt := range []struct {
		words string
		args  []string
	}{
		{"no name for a key", []string{"two words"}},
		{"--tenant: ", []string{"a", "--tenant", "two words"}},
		{"--model: ", []string{"a", "--model", "**"}},
		{"--tag: ", []string{"a", "--tag", "two\nlines"}},
		{"is over", []string{"a", "--expires", "2001-01-01"}},
		{"is no time", []string{"a", "--expires", "soon"}},
		{"no amount and period", []string{"a", "--budget", "20"}},
		{"no amount and period", []string{"a", "--budget", "20/month"}},
		{"no amount and period", []string{"a", "--budget", "20 wishes/day"}},
		{"no amount and period", []string{"a", "--budget=-$20/month"}},
		{"not a period", []string{"a", "--budget", "$20/fortnight"}},
		{"requests", []string{"a", "--budget", "1e9 requests/day"}},
	} {
		words, args := tt.words, tt.args
		out, errs, status := p.do(t, append([]string{"keys", "create"}, args...)...)
		if status != 1 || !strings.Contains(errs, words) || aSecret.MatchString(out) {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
	if _, errs, status := p.do(t, "keys", "rotate", "a", "--grace", "-1s"); status == 0 {
		t.Errorf("%s", errs)
	}
}
