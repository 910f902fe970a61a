package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
)

func TestCheckReportsEveryErrorAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "OPENAI_API_KEY=fake")
	const openai = "providers: {openai: {}}\n"
	for _, c := range []struct {
		name, catalog string
		args          []string
		status        int
		want          []string
	}{
		{"good", openai + "keys: [{name: a, hash: 'sha256:" + strings.Repeat("00", 32) + "'}]\n", nil, 0, []string{"dragoman.yaml is good: ", " from 1 provider, 1 key"}},
		{"good without keys", openai, nil, 0, []string{"every request would be refused", "dragoman keys create"}},
		{
			"bad", "open: true\nlisten: {port: 99999}\nproviders: {openia: {}}\n", nil, 1,
			[]string{"dragoman.yaml:2:16: listen.port: ", "dragoman.yaml:3:13: providers.openia.preset: ", "did you mean openai?", "2 errors in dragoman.yaml"},
		},
		{"a variable that is not set", "open: true\nproviders: {groq: {}}\n", nil, 1, []string{"GROQ_API_KEY", "1 error in"}},
		{"a variable that nobody asks for", "open: true\nproviders: {groq: {}}\n", []string{"--without-env"}, 0, []string{"is good"}},
		{
			"files that are not there", "listen: {tls: {cert: no.crt, key: no.key}}\nproviders:\n  openai: {credential: 'file:/nowhere/key', ca: no.pem}\n  vertex: {region: global, project: p, credential: 'gcp:no.json'}\n" +
				"generations: {jsonl: nowhere/records.jsonl}\nsecrets: {key: 'file:no.master'}\n", nil, 1,
			[]string{
				"dragoman.yaml:1:22: listen.tls.cert: ", "no.crt cannot be read: no such file or directory; name a file", "dragoman.yaml:1:35: listen.tls.key: ",
				"dragoman.yaml:3:24: providers.openai.credential: file:/nowhere/key cannot be read: no such file or directory; set it right",
				"dragoman.yaml:3:49: providers.openai.ca: ", "dragoman.yaml:4:52: providers.vertex.credential: ", "no.json", "dragoman.yaml:5:22: generations.jsonl: the directory ",
				"dragoman.yaml:6:16: secrets.key: file:", "no.master cannot be read", "7 errors in dragoman.yaml",
			},
		},
		{
			"what is wrong with the text and with a file", "listen: {port: 99999, tls: {cert: no.crt, key: no.key}}\n" + openai, nil, 1,
			[]string{"dragoman.yaml:1:16: listen.port: ", "dragoman.yaml:1:35: listen.tls.cert: ", "dragoman.yaml:1:48: listen.tls.key: ", "3 errors in dragoman.yaml"},
		},
		{
			"files that nobody asks for", "listen: {tls: {cert: no.crt, key: no.key}}\nproviders: {openai: {credential: 'file:/nowhere/key', ca: no.pem}}\nsecrets: {key: 'file:no.master'}\n",
			[]string{"--without-env"},
			0,
			[]string{"is good"},
		},
		{
			"what does nothing", "open: true\n" + openai + "timeouts: {idle: 30s}\nbudgets: [{name: b, per: day, money: 1, models: ['qq/*']}]\n", nil, 0,
			[]string{"warning: dragoman.yaml:3:18: timeouts.idle: ", `warning: dragoman.yaml:4:50: budgets[0].models[0]: "qq/*" fits no model`, "is good: ", "1 budget, 2 warnings\n"},
		},
		{"no file", "", []string{"other.yaml"}, 1, []string{"other.yaml: no such file"}},
		{"contradicting flags", openai, []string{"--live", "--without-env"}, 2, []string{"can't be used together"}},
	} {
		p.file(t, "dragoman.yaml", c.catalog)
		out, errs, status := p.do(t, append([]string{"check"}, c.args...)...)
		if status != c.status {
			t.Errorf("%s: status %d, want %d", c.name, status, c.status)
		}
		for _, want := range c.want {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%s: no %q in\n%s%s", c.name, want, out, errs)
			}
		}
	}
	if _, errs, status := newPlace(t).do(t, "check"); status != 1 || !strings.Contains(errs, "there is no dragoman.yaml here") {
		t.Errorf("without a file: %d\n%s", status, errs)
	}
}

func TestCheckLiveAsksEachProviderInItsOwnDialect(t *testing.T) {
	t.Parallel()
	const key, wrong = "a-key-that-nobody-may-see", "another-that-nobody-may-see"
	ids := []string{"known", "anthropic.claude-known"}
	f := newFleet(t,
		simulator.Config{Name: "good", Key: key, Models: ids}, simulator.Config{Name: "anybody", Models: ids},
		simulator.Config{Name: "signed", AccessKeys: []simulator.AccessKey{{ID: "AKIDEXAMPLE", Secret: key}}},
		simulator.Config{Name: "gone"}, simulator.Config{Name: "broken"}, simulator.Config{Name: "listless"})
	if err := f.Stop("gone"); err != nil {
		t.Fatal(err)
	}
	for name, status := range map[string]int{"broken": http.StatusInternalServerError, "listless": http.StatusNotFound} {
		if err := f.Provider(name).SetFault(simulator.Script{Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	const taken, refused = "ok in .*, the credential is taken; the ids are not checked", `: the provider refuses the credential, env:WRONG; it says "`
	rows := []struct{ name, entry, at, want string }{
		{"openai-good", "dialect: openai, credential: env:KEY", "good/v1", "ok in .*, 1 model id known$"},
		{"openai-barred", "dialect: openai, credential: env:WRONG", "good/v1", "FAILED: status 401" + refused},
		{"openai-poor", "dialect: openai, credential: env:KEY", "good/v1", `FAILED: the provider answers, but does not know "other" \(for sim/other\)$`},
		{"openai-open", "dialect: openai", "anybody/v1", "ok in .*, 1 model id known$"},
		{"openai-public", "dialect: openai, credential: env:KEY", "anybody/v1", "ok in .*, 1 model id known; the list is public, so the credential is not checked$"},
		{"openai-gone", "dialect: openai, credential: env:KEY", "gone/v1", "FAILED: no answer: "},
		{"openai-broken", "dialect: openai, credential: env:KEY", "broken/v1", "FAILED: status 500"},
		{"openai-bundled", "preset: openai, credential: env:KEY", "good/v1", "ok in .*, 0 model ids known; of the bundled ones this account lacks [0-9]+: gpt-.* and [0-9]+ more$"},
		{"listless", "dialect: openai, credential: env:KEY", "listless/v1", "ok in .*: neither the credential nor the ids are checked$"},
		{"azure-good", "dialect: openai, platform: azure, credential: env:KEY", "good/openai/v1", "ok in .*, the ids are not checked: Azure lists no deployments$"},
		{"azure-barred", "dialect: openai, platform: azure, credential: env:WRONG", "good/openai/v1", "FAILED: status 401" + refused},
		{"anthropic-good", "dialect: anthropic, credential: env:KEY", "good/v1", "ok in .*, 1 model id known$"},
		{"anthropic-barred", "dialect: anthropic, credential: env:WRONG", "good/v1", "FAILED: status 401" + refused},
		{"gemini-good", "dialect: gemini, credential: env:KEY", "good/v1beta", "ok in .*, 1 model id known$"},
		{"gemini-barred", "dialect: gemini, credential: env:WRONG", "good/v1beta", "FAILED: status 400" + refused},
		{"bedrock-good", "dialect: bedrock, credential: env:KEY", "good", taken},
		{"bedrock-barred", "dialect: bedrock, credential: env:WRONG", "good", "FAILED: status 403" + refused},
		{"bedrock-signed", "dialect: bedrock, region: us-east-1, credential: 'aws:'", "signed", taken},
		{"vertex-good", "dialects: [gemini, anthropic], platform: vertex, credential: env:KEY", "good/v1/projects/p/locations/l", "ok in .*, 1 model id known$"},
		{"vertex-poor", "dialects: [gemini, anthropic], platform: vertex, credential: env:KEY", "good/v1/projects/p/locations/l", `FAILED: the provider answers, but does not know "other"`},
		{"vertex-barred", "dialects: [gemini, anthropic], platform: vertex, credential: env:WRONG", "good/v1/projects/p/locations/l", "FAILED: status 401" + refused},
		{"vertex-cloudless", "dialects: [gemini], platform: vertex, credential: 'gcp:'", "good/v1/projects/p/locations/l", "FAILED: no credential: gcp: cannot be had: "},
	}
	p := newPlace(t, "KEY="+key, "WRONG="+wrong, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY="+key, "GCE_METADATA_HOST=127.0.0.1:1")
	providers, models := "open: true\nproviders:\n", "models:\n"
	for _, r := range rows {
		name, path, _ := strings.Cut(r.at, "/")
		url := strings.TrimSuffix(f.URL(name)+"/"+path, "/")
		providers += fmt.Sprintf("  %s: {%s, base_url: '%s', headers: {x-team: a}}\n", r.name, r.entry, url)
		switch {
		case strings.HasSuffix(r.name, "-poor"):
			models += fmt.Sprintf("  sim/other: {targets: [%s]}\n", r.name)
		case r.name != "openai-bundled":
			models += fmt.Sprintf("  sim/%s: {targets: [{provider: %s, id: known}]}\n", r.name, r.name)
		}
	}
	models = strings.Replace(models, "  sim/other: {targets: [openai-poor]}\n", "", 1)
	models = strings.Replace(models, "[vertex-poor]", "[openai-poor, vertex-poor]", 1)
	p.file(t, "dragoman.yaml", providers+models)
	out, errs, status := p.do(t, "check", "--live")
	if status != 1 {
		t.Errorf("status %d\n%s", status, errs)
	}
	for _, r := range rows {
		if !regexp.MustCompile(`(?m)^` + r.name + ` +` + r.want).MatchString(out) {
			t.Errorf("%s: no %q in\n%s", r.name, r.want, out)
		}
	}
	if strings.Contains(out+errs, key) || strings.Contains(out+errs, wrong) {
		t.Errorf("a key is printed:\n%s%s", out, errs)
	}
}
