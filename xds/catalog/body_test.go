package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestABudgetIsReadAndWrittenAsItIs(t *testing.T) {
	for _, test := range []struct {
		name, text, written string
		want                Budget
	}{
		{
			"the least",
			`{"name":"all","per":"day","money":500}`,
			`{"name":"all","per":"day","money":"$500","soft":[50,80,100]}`,
			Budget{Name: "all", Per: "day", Limits: []BudgetLimit{{"money", 500e9, 0}}, Soft: []int{50, 80, 100}},
		},
		{
			"everything",
			`{"away": {"money": 0.5, "output_tokens": "1k", "concurrent": 1}, "shares": {"us": 40, "eu": 60}, "soft": [90, 10], "concurrent": 3, "output_tokens": "2k",
			"input_tokens": "1.5M", "tokens": 2000000, "requests": "7", "money": "$0.999999999", "per": "total", "each": ["tag", "model", "key"],
			"tags": ["env:*"], "models": ["openai/*"], "tenants": ["a*"], "keys": ["repo:x/*"], "name": "much"}`,
			`{"name":"much","keys":["repo:x/*"],"tenants":["a*"],"models":["openai/*"],"tags":["env:*"],"each":["key","model","tag"],"per":"total",` +
				`"money":"$0.999999999","requests":7,"tokens":2000000,"input_tokens":1500000,"output_tokens":2000,"concurrent":3,"soft":[10,90],` +
				`"shares":{"eu":60,"us":40},"away":{"concurrent":1,"money":"$0.5","output_tokens":1000}}`,
			Budget{
				Name: "much", Keys: []string{"repo:x/*"}, Tenants: []string{"a*"}, Models: []string{"openai/*"}, Tags: []string{"env:*"},
				Each: []string{"key", "model", "tag"}, Per: "total", Soft: []int{10, 90}, Shares: map[string]int{"eu": 60, "us": 40},
				Limits: []BudgetLimit{
					{"money", 999999999, 500000000},
					{"requests", 7, 0},
					{"tokens", 2000000, 0},
					{"input_tokens", 1500000, 0},
					{"output_tokens", 2000, 1000},
					{"concurrent", 3, 1},
				},
			},
		},
		{
			"nothing but concurrent, told to nobody",
			`{"name":"busy","concurrent":0,"soft":[],"away":"deny"}`,
			`{"name":"busy","concurrent":0,"soft":[]}`,
			Budget{Name: "busy", Limits: []BudgetLimit{{"concurrent", 0, 0}}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseBudget([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.written, string(got.JSON())); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			again, err := ParseBudget(got.JSON())
			if diff := cmp.Diff(got, again); err != nil || diff != "" {
				t.Errorf("read again: %v\n%s", err, diff)
			}
		})
	}
}

func TestTenantsAndKeysAreReadAndWrittenAsTheyAre(t *testing.T) {
	tenant, err := ParseTenant([]byte(`{"suspended": true, "tags": ["b", "a"], "models": ["*"], "name": "acme"}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Tenant{"acme", []string{"a", "b"}, []string{"*"}, true}, tenant); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := string(tenant.JSON()), `{"name":"acme","tags":["a","b"],"models":["*"],"suspended":true}`; got != want {
		t.Errorf("written %s, want %s", got, want)
	}
	key, err := ParseKey([]byte(`{"name": "ci", "tenant": "acme", "tags": ["z", "env:ci"], "models": ["openai/*"], "expires": "2027-01-31T12:00:00.25+01:00"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Key{Name: "ci", Tenant: "acme", Tags: []string{"env:ci", "z"}, Models: []string{"openai/*"}, Expires: time.Date(2027, 1, 31, 11, 0, 0, 25e7, time.UTC)}
	if diff := cmp.Diff(want, key); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := string(key.JSON()), `{"name":"ci","tenant":"acme","models":["openai/*"],"tags":["env:ci","z"],"expires":"2027-01-31T11:00:00.25Z"}`; got != want {
		t.Errorf("written %s, want %s", got, want)
	}
}

func TestABodyThatIsRefusedNamesTheFieldAndItsPlace(t *testing.T) {
	budget := func(data []byte) error { _, err := ParseBudget(data); return err }
	tenant := func(data []byte) error { _, err := ParseTenant(data); return err }
	key := func(data []byte) error { _, err := ParseKey(data); return err }
	for _, test := range []struct {
		name  string
		parse func([]byte) error
		text  string
		want  Errors
	}{
		{"nothing", budget, "", Errors{{"JSON", 1, 1, "", "this is not JSON: unexpected end of JSON input; check the brackets, the commas and the quotes here and above"}}},
		{"YAML", budget, "name: a", Errors{{"JSON", 1, 2, "", "this is not JSON: invalid character 'a' in literal null (expecting 'u'); check the brackets, the commas and the quotes here and above"}}},
		{"two values", tenant, "{}\n{}", Errors{{"JSON", 2, 1, "", "this is not JSON: invalid character '{' after top-level value; check the brackets, the commas and the quotes here and above"}}},
		{"a list", key, "[]", Errors{{"JSON", 1, 1, "", "must be a mapping, not a list; write name: value lines under it, or {} if there is nothing to say"}}},
		{"null", key, "null", Errors{{"JSON", 1, 1, "", "must be a mapping, not nothing; write name: value lines under it, or {} if there is nothing to say"}}},
		{"an empty object", budget, "{}", Errors{
			{"JSON", 1, 1, "money", "is missing, and nothing else is limited; add one or more of money, requests, tokens, input_tokens, output_tokens, concurrent"},
			{"JSON", 1, 1, "name", "is missing; add name: everyone"},
		}},
		{"a member twice", tenant, "{\"name\": \"a\",\n\t\"name\": \"b\"}", Errors{{"JSON", 2, 2, "name", "is given twice, first in line 1; remove one of them"}}},
		{"a member in other letters", tenant, `{"name": "a", "Tags": []}`, Errors{{"JSON", 1, 15, "Tags", "is not a known field; did you mean tags?"}}},
		{"a hash", key, `{"name": "a", "hash": "x"}`, Errors{{"JSON", 1, 15, "hash", "is not a known field; known here: name, tenant, models, tags, expires"}}},
		{"nested", budget, "{\"name\": \"é\", \"per\": \"day\",\n  \"money\": 1, \"away\": {\"money\": -1}, \"shares\": {\"eu\": 101}, \"tags\": [\"a\", 7]}", Errors{
			{"JSON", 1, 10, "name", `"é" is not a name for a budget; ` + nameRight},
			{"JSON", 2, 33, "away.money", `"-1" is negative; ` + moneyRight},
			{"JSON", 2, 55, "shares.eu", "101 is out of range; write a percentage from 0 to 100"},
			{"JSON", 2, 75, "tags[1]", "must be text, not a number; put the value in quotes"},
		}},
		{"numbers that others take", budget, `{"name": "a", "per": "day", "money": 1e2, "requests": 1.0, "tokens": 99999999999999999999}`, Errors{
			{"JSON", 1, 38, "money", `"1e2" is not an amount of money; ` + moneyRight},
			{"JSON", 1, 55, "requests", `"1.0" is not a whole number; ` + countRight},
			{"JSON", 1, 70, "tokens", `"99999999999999999999" is more than every store counts exactly; write at most 9007199254740992`},
		}},
		{"null for a field", key, `{"name": "a", "expires": null}`, Errors{{"JSON", 1, 15, "expires", "must be one value, not nothing; write it on one line"}}},
		{"a control character", key, "{\"name\": \"a\x00\"}", Errors{{"JSON", 1, 12, "", "the control character U+0000 stands here; remove it"}}},
		{"no UTF-8", key, "{\"name\": \"\xff\"}", Errors{{"JSON", 1, 11, "", "the text is not UTF-8 here; save the file as UTF-8"}}},
		{"depth", tenant, strings.Repeat("[", 40) + strings.Repeat("]", 40), Errors{{"JSON", 1, 34, "", "objects and arrays are nested more than 32 deep; no field is"}}},
		{"a long value", key, `{"name": "` + strings.Repeat("a", maxScalar) + `"}`, Errors{{"JSON", 1, 10, "", "a value of 8194 bytes stands here; at most 8192 are read"}}},
		{"many members", tenant, "{" + strings.Repeat(`"a":1,`, maxEntries) + `"b":1}`, Errors{{"JSON", 1, 60002, "", "this object has more than 10000 members; at most that many are read"}}},
		{"a secret", tenant, `{"name": "sk-proj-abcdefghijklmnop0123456789"}`, Errors{{"JSON", 1, 10, "name", "looks like a secret; write a name that may be shown, such as ci"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.parse([]byte(test.text))
			var got Errors
			if !errors.As(err, &got) {
				t.Fatalf("%v, want Errors", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestABudgetFitsAStoreThatHasItsRegions(t *testing.T) {
	shared := Budget{Shares: map[string]int{"eu": 50, "us": 50}}
	here := Store{Redis: &Redis{Region: "eu", Regions: map[string]*Redis{"us": {}}}}
	for _, test := range []struct {
		name   string
		budget Budget
		store  Store
		want   string
	}{
		{"undivided, anywhere", Budget{}, Store{}, ""},
		{"divided", shared, here, ""},
		{"no store", shared, Store{}, "JSON:1:1: shares: need to know which region this is; set store.redis.region, or leave shares out"},
		{"no regions", shared, Store{Redis: &Redis{Region: "eu"}}, "JSON:1:1: shares.us: is not a region of the store; add it to store.redis.regions, or remove it"},
		{"another region", shared, Store{Redis: &Redis{Region: "ap", Regions: map[string]*Redis{"us": {}, "eu": {}}}}, `JSON:1:1: shares: leave nothing to this region, "ap"; add it, with 0 if that is meant`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := test.budget.Fits(test.store); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestWhatMayBeUsedFollowsThePatterns(t *testing.T) {
	for glob, names := range map[string]map[string]bool{
		"":                {"": true, "a": false},
		"*":               {"": true, "a/b": true},
		"openai/*":        {"openai/gpt-4o": true, "openai/": true, "openai": false},
		"*/gpt-*-mini":    {"openai/gpt-4o-mini": true, "openai/gpt-4o": false, "a/b/gpt-1-mini-mini": true},
		"repo:acme/*:ref": {"repo:acme/web:ref": true, "repo:acme/web:ref:x": false},
	} {
		for name, want := range names {
			if got := Matches(glob, name); got != want {
				t.Errorf("Matches(%q, %q) = %t", glob, name, got)
			}
		}
	}
	tenant := Tenant{Models: []string{"a/*", "b/c"}}
	for model, want := range map[string]bool{"a/x": true, "b/c": true, "b/d": false} {
		if got := tenant.Allows(model); got != want {
			t.Errorf("a tenant may use %s: %t", model, got)
		}
	}
	if !(&Tenant{}).Allows("any/thing") {
		t.Error("a tenant without a list may use nothing")
	}
}

func TestKeysOfTheEnvironmentKeepWhatIsSaidOfThem(t *testing.T) {
	want := []Key{
		{Name: "a", Hash: [32]byte{1}, Tenant: "acme", Models: []string{"openai/*"}, Tags: []string{"env:ci", "x"}, Expires: time.Date(2027, 1, 31, 0, 0, 0, 5, time.UTC)},
		{Name: "b", Hash: [32]byte{2}},
	}
	src, _ := FromEnvironment(variables("OPENAI_API_KEY=k"), want...)
	c, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.Keys, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWithoutASectionItsDefaultsHold(t *testing.T) {
	c := parse(t, "providers: {openai: {}}")
	got := Catalog{Store: c.Store, Quota: c.Quota, Generations: c.Generations, Secrets: c.Secrets, Tenants: c.Tenants, Budgets: c.Budgets, Issuers: c.Issuers}
	want := Catalog{Quota: Quota{Wait: 20 * time.Millisecond, OwnFallback: true}, Generations: Generations{Keep: 720 * time.Hour}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Catalog{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAProcessThatNeedsNoSecretsNeedsNoneOfTheStore(t *testing.T) {
	src := Source{Data: []byte("providers: {openai: {}}\nstore: {redis: {addresses: [a], password: env:REDIS_PASSWORD}}"), Env: variables("OPENAI_API_KEY=k")}
	if _, err := Parse(src); err == nil || !strings.Contains(err.Error(), "REDIS_PASSWORD is not set") {
		t.Errorf("with secrets: %v", err)
	}
	src.Keyless = true
	if c, err := Parse(src); err != nil || c.Store.Redis.Password.String() != "env:REDIS_PASSWORD" {
		t.Errorf("without: %v", err)
	}
}

func TestTooManyEntriesAreRefusedAtOnce(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, test := range []struct{ name, text, want string }{
		{"tenants", "tenants: {" + many(10001, "t%d: {}, ") + "}", "tenants: has 10001 entries; at most 10000 are read; the admin API keeps more"},
		{"budgets", "budgets: [" + many(1001, "{name: b%d}, ") + "]", "budgets: has 1001 entries; at most 1000 are read; one budget can count many keys or tenants apart with each"},
		{"issuers", "issuers: [" + many(101, "{name: i%d, issuer: 'https://a', audience: [x]}, ") + "]", "issuers: has 101 entries; at most 100 are read"},
		{"addresses", "store: {redis: {cluster: true, addresses: [" + many(65, "a%d, ") + "]}}", "store.redis.addresses: has 65 entries; write 1 to 64"},
		{"patterns", "budgets: [{name: a, per: day, money: 1, keys: [" + many(257, "a%d, ") + "]}]", "budgets[0].keys: has 257 patterns; write 1 to 256, or leave keys out to allow all"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(Source{Name: "f", Data: []byte("providers: {openai: {}}\n" + test.text)})
			var errs Errors
			if !errors.As(err, &errs) || len(errs) != 1 || errs[0].Field+": "+errs[0].Message != test.want {
				t.Errorf("%.300v, want %s", err, test.want)
			}
		})
	}
}
