package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatDoesNothingIsWarnedOf(t *testing.T) {
	t.Parallel()
	const head = "providers: {a: {dialect: openai, base_url: 'https://a.example'}}\nmodels: {m/one: {targets: [a]}, m/two: {targets: [a]}}\n"
	key := "{name: web, tenant: acme, hash: 'sha256:" + strings.Repeat("00", 32) + "'"
	for _, test := range []struct {
		name, section string
		want          []string
	}{
		{"patterns that fit", "keys: [" + key + ", models: ['m/*']}]\nbudgets: [{name: b, per: day, money: 1, keys: ['w*'], tenants: [acme], models: [m/one]}]", nil},
		{"models of a key", "keys: [" + key + ", models: ['zz/*', m/one, m/onne]}]", []string{
			`3:124: keys[0].models[0]: "zz/*" fits no model of this catalog; known here: m/one, m/two`,
			`3:139: keys[0].models[2]: "m/onne" fits no model of this catalog; did you mean m/one?`,
		}},
		{"models of a tenant, a budget and an issuer", "tenants: {acme: {models: [q/q]}}\nbudgets: [{name: b, per: day, money: 1, models: ['qq/*']}]\nissuers: [{name: ci, issuer: 'https://i.example', audience: [d], models: [r/r]}]", []string{
			`3:27: tenants.acme.models[0]: "q/q" fits no model of this catalog; known here: m/one, m/two`,
			`4:50: budgets[0].models[0]: "qq/*" fits no model of this catalog; known here: m/one, m/two`,
			`5:75: issuers[0].models[0]: "r/r" fits no model of this catalog; known here: m/one, m/two`,
		}},
		{"keys and tenants of a budget", "keys: [" + key + "}]\nbudgets: [{name: b, per: day, money: 1, keys: [nokey], tenants: [acmee]}]", []string{
			`4:48: budgets[0].keys[0]: "nokey" fits no key of this catalog; known here: web`,
			`4:66: budgets[0].tenants[0]: "acmee" fits no tenant of this catalog; did you mean acme?`,
		}},
		{"keys of a state directory, perhaps", "budgets: [{name: b, per: day, money: 1, keys: [nokey]}]", []string{
			`3:48: budgets[0].keys[0]: "nokey" fits no key of this catalog; unless the state directory's store has one, the budget never holds`,
		}},
		{"keys of a common store", "store: {redis: {addresses: [r]}}\nbudgets: [{name: b, per: day, money: 1, keys: [nokey], tenants: [acmee]}]", nil},
		{"names that issuers give", "issuers: [{name: ci, issuer: 'https://i.example', audience: [d]}]\nbudgets: [{name: b, per: day, money: 1, keys: ['ci/*'], tenants: [acmee]}]", nil},
		{"silence", "timeouts: {idle: 30s, first_token: 10s}", nil},
		{"silence for less than the first event may take", "timeouts: {idle: 30s}", []string{
			"3:18: timeouts.idle: 30s of silence are not enough for a first event that may take 1m: streams of a may be silent for 1m5s; lower first_token, too, or raise idle",
		}},
		{"a first event for longer than silence", "timeouts: {first_token: 118s}", []string{
			"3:25: timeouts.first_token: 2m of silence are not enough for a first event that may take 1m58s: streams of a may be silent for 2m3s; lower first_token, too, or raise idle",
		}},
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(head+test.section+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		checked, err := Check(path, os.LookupEnv)
		if err != nil || checked.Err() != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var got []string
		for _, w := range checked.Warnings {
			got = append(got, strings.TrimPrefix(w.Error(), path+":"))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
