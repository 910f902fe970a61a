package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc"
	"github.com/dragoman-gateway/dragoman/extproc/generation"
	"github.com/dragoman-gateway/dragoman/extproc/generation/generationtest"
	"github.com/dragoman-gateway/dragoman/extproc/generation/postgres"
	"github.com/dragoman-gateway/dragoman/extproc/generation/sqlite"
	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/extproc/storetest/postgrestest"
)

// usageOf runs the command with these arguments.
func usageOf(t *testing.T, env map[string]string, args ...string) (string, error) {
	t.Helper()
	var (
		out bytes.Buffer
		c   struct {
			Usage usageCommand `cmd:""`
		}
	)
	s := streams{out: &out, err: &out, env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	parser, err := kong.New(&c, kong.BindTo(t.Context(), (*context.Context)(nil)), kong.Bind(s))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(append([]string{"usage"}, args...))
	if err != nil {
		return "", err
	}
	err = parsed.Run()
	return out.String(), err
}

// recorded is a state directory with records.
func recorded(t *testing.T, records ...*generation.Record) string {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, extproc.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Insert(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func spent(id byte, day int, key string, cost llm.NanoUSD) *generation.Record {
	n := llm.Some[llm.Tokens]
	return &generation.Record{
		ID: generation.ID{id}, Started: time.Date(2027, 1, day, 12, 0, 0, 0, time.UTC), Key: key, Tenant: "acme", Model: "a/1", Served: "a/1", Provider: "p",
		Tags: []string{"x", "y"}[:id%3], Cost: cost, Market: cost, Priced: true, Usage: llm.Usage{Input: n(12_345), CacheRead: n(10), Output: n(9_999)},
	}
}

func TestUsageIsATableWithTotalsAndBars(t *testing.T) {
	t.Parallel()
	failed := spent(3, 3, "web", 0)
	failed.Error, failed.Priced, failed.Estimated, failed.Market = "timeout", false, true, 5e8
	dir := recorded(t, spent(1, 1, "ci", 1_000_000_499), spent(2, 3, "esc\x1b[31m", 500_000_000), failed)
	out, err := usageOf(t, nil, "--state", dir, "--from", "2027-01-01", "--to", "2027-01-03")
	if err != nil {
		t.Fatal(err)
	}
	const want = `From 2027-01-01 to 2027-01-04 (UTC)

DAY         REQUESTS  FAILED  INPUT  CACHED  OUTPUT       COST
2027-01-01         1       0  12.3k      10    9999  $1.000000  ████████████████████████
2027-01-03         2       1  24.7k      20   20.0k  $0.500000  ████████████
total              3       1  37.0k      30   30.0k  $1.500000

At list price it would be $2.000000: tenants' own credentials are not charged.

1 request used tokens whose price is not known; the cost is the least it was.

1 request had no usage reported; it is estimated.
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	for by, lines := range map[string][]string{
		"key":   {`ci +1 .*█`, `"esc\\x1b\[31m" +1 .*█`, `web +1 .*\$0.000000$`, `total +3`},
		"tag":   {`x +2`, `y +1`, `\(none\) +1`, `total +3 `, `several tags`},
		"model": {`a/1 +3 +1 .*\$1.500000$`},
		"hour":  {`2027-01-01 12h +1`},
	} {
		out, err := usageOf(t, nil, "--state", dir, "--from", "2027-01-01", "--to", "2027-02-01", "--by", by)
		for _, line := range lines {
			if err != nil || !regexp.MustCompile("(?m)"+line).MatchString(out) {
				t.Errorf("by %s: %v, no %s in\n%s", by, err, line, out)
			}
		}
	}
	if out, err := usageOf(t, nil, "--state", dir, "--from", "2027-01-01", "--to", "2027-02-01", "--key", "ci"); err != nil || !strings.Contains(out, "total              1 ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUsageAsJSONIsAReportWithTotals(t *testing.T) {
	t.Parallel()
	dir := recorded(t, spent(1, 1, "ci", 1), spent(2, 1, "web", 2))
	out, err := usageOf(t, nil, "--state", dir, "--from", "2027-01-01T00:00:00Z", "--to", "2027-01-01", "--by", "key", "--json")
	var got struct {
		Results []struct {
			Key      string      `json:"api_key_name"`
			Cost     json.Number `json:"total_cost"`
			Requests int         `json:"request_count"`
		}
		Total struct {
			Cost json.Number `json:"total_cost"`
		}
	}
	if err != nil || json.Unmarshal([]byte(out), &got) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(got.Results) != 2 || got.Results[0].Key != "web" || got.Results[0].Cost != "0.000000002" || got.Total.Cost != "0.000000003" {
		t.Errorf("%+v", got)
	}
}

func TestWithoutRecordsUsageSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"no file": t.TempDir(), "other times": recorded(t, spent(1, 1, "ci", 1))} {
		out, err := usageOf(t, nil, "--state", dir, "--from", "2027-03-01", "--to", "2027-03-02", "--tenant", "acme")
		if err != nil || !strings.HasPrefix(out, "No requests from 2027-03-01 to 2027-03-03, tenant acme are recorded here.") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		out, err = usageOf(t, nil, "--state", dir, "--from", "2027-03-01", "--to", "2027-03-02", "--json")
		if err != nil || !strings.Contains(out, `"results": []`) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(t.TempDir(), extproc.DatabaseFile)); err == nil {
		t.Error("a database was made")
	}
}

func TestUsageMakesNoStateDirectoryAndNamesADamagedDatabase(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "mistyped")
	if out, err := usageOf(t, nil, "--state", gone); err == nil || !strings.Contains(err.Error(), gone+": no such file or directory; dragoman run shows which one it uses") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(gone); err == nil {
		t.Error("it is made")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, extproc.DatabaseFile)
	if out, err := usageOf(t, nil, "--state", filepath.Join(dir, "."+extproc.DatabaseFile)); err == nil {
		t.Errorf("no directory at all:\n%s", out)
	}
	if err := os.WriteFile(file, []byte(strings.Repeat("no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := usageOf(t, nil, "--state", dir); err == nil || !strings.Contains(err.Error(), file+": file is not a database (26); it is damaged: put a backup") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTimesThatAreNoneAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--from", "yesterday"}, "--from yesterday: write a day"},
		{[]string{"--to", "-3h"}, "--to -3h: write a day"},
		{[]string{"--from", "-1d"}, "--from -1d: write a day"},
		{[]string{"--from", "2027-01-02", "--to", "2027-01-01"}, "--from 2027-01-02 is not before --to 2027-01-02"},
		{[]string{"--by", "colour"}, `must be one of "day"`},
	} {
		// With an equals sign: what begins with a dash is no flag then.
		args := []string{"--state", t.TempDir()}
		for i := 0; i < len(c.args); i += 2 {
			args = append(args, c.args[i]+"="+c.args[i+1])
		}
		if _, err := usageOf(t, nil, args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

func TestUsageReadsThePostgreSQLOfACatalog(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.Start(t).Database(t)
	file := filepath.Join(t.TempDir(), "catalog.yaml")
	const text = "providers: {openai: {}}\nstore: {postgres: \"env:GENERATIONS\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"GENERATIONS": dsn}
	if out, err := usageOf(t, env, "--catalog", file); err != nil || !strings.HasPrefix(out, "No requests") {
		t.Fatalf("an empty database: %v\n%s", err, out)
	}
	s, err := postgres.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	records := generationtest.Some(1, 30)
	for _, r := range records {
		r.Started = time.Now().Add(-time.Hour) // the default reaches back 30 days
	}
	if err := s.Insert(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := usageOf(t, env, "--catalog", file); err != nil || !strings.Contains(out, "\ntotal             30 ") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := usageOf(t, nil, "--catalog", file); err == nil || !strings.Contains(err.Error(), "store.postgres: env:GENERATIONS is not set") {
		t.Errorf("a variable that is not set: %v", err)
	}
}

func TestMoneyInTablesIsRoundedToMicroDollars(t *testing.T) {
	t.Parallel()
	for n, want := range map[llm.NanoUSD]string{0: "$0.000000", 499: "$0.000000", 500: "$0.000001", 999_999_500: "$1.000000", 12_345_678_901: "$12.345679"} {
		if got := dollars(n); got != want {
			t.Errorf("%d is shown as %s, want %s", n, got, want)
		}
	}
}
