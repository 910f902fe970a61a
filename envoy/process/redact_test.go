package process

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixture is what Envoy 1.40 logs of requests with credentials, each of which
// has "canary" in it.
func fixture(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "envoylog", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatEnvoyLogsAtDebugHasNoCredentials(t *testing.T) {
	for name, kept := range map[string][]string{
		"debug": {
			"'user-agent', 'curl/7.88.1'", "'authorization', '(secret)'\n'cookie', '(secret)'\n'content-type', 'application/json'", "'content-length', '67'",
			"key: \"authorization\"\n          raw_value: \"(secret)\"\n        }\n        append_action", "key: \"x-dragoman-route\"\n          raw_value: \"@express\"",
			"'proxy-authorization', '(secret)'\n'api-key', '(secret)'\n'x-amz-security-token', '(secret)'\n'x-dragoman-keys', '(secret)'",
			"'x-goog-api-key', '(secret)'", "'x-api-key', '(secret)'", ":generateContent?key=(secret)'\n':method', 'POST'", "[debug][pool] creating a new connection",
			"remove_headers: \"authorization\"\n      remove_headers: \"x-envoy-external-address\"",
		},
		"trace": {"completed header: key=authorization value=(secret)", "completed header: key=x-dragoman-keys value=(secret)"},
	} {
		text := fixture(t, name)
		if strings.Count(text, "canary") < 7 {
			t.Fatalf("%s: the fixture holds no credentials", name)
		}
		var log bytes.Buffer
		l := newLines(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), nil, "/private/bootstrap.yaml")
		_, _ = l.Write([]byte(text))
		all := strings.Join(l.recent(), "\n")
		if strings.Contains(log.String(), "canary") || strings.Contains(all, "canary") || strings.Contains(strings.Join(l.interesting(), "\n"), "canary") {
			t.Errorf("%s: a credential is left:\n%s", name, all)
		}
		for _, want := range kept {
			if !strings.Contains(all, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if got, want := strings.Count(all, hidden), strings.Count(text, "canary"); got != want {
			t.Errorf("%s: %d values are hidden, %d are credentials", name, got, want)
		}
	}
}

func TestCredentialsAreHiddenInEveryForm(t *testing.T) {
	for text, want := range map[string]string{
		`authorization: Bearer canary`:                                              `authorization: (secret)`,
		`> Authorization: Basic canary canary`:                                      `> Authorization: (secret)`,
		`X-API-KEY=canary`:                                                          `X-API-KEY=(secret)`,
		"authorization:\nuser-agent: x":                                             "authorization:\nuser-agent: x",
		`{"authorization":"Bearer \"canary\"","a":1}`:                               `{"authorization":"(secret)","a":1}`,
		`{"key":"Cookie","rawValue":"canary"},{"key":"x","value":"y"}`:              `{"key":"Cookie","rawValue":"(secret)"},{"key":"x","value":"y"}`,
		`header { key: "x-api-key" raw_value: "can\"canary" } append: 1`:            `header { key: "x-api-key" raw_value: "(secret)" } append: 1`,
		`header { key: "set-cookie" value: "canary`:                                 `header { key: "set-cookie" value: "(secret)`, // the line was cut
		`x \'authorization\', \'Bearer canary\'\n\'accept\', \'*/*\'`:               `x \'authorization\', \'(secret)'`,            // after text without an end
		`x key: \"authorization\"\n  raw_value: \"Bearer canary\"\n }`:              `x key: \"authorization\"\n  raw_value: \"(secret)`,
		`'authorization', 'Bearer it's canary'`:                                     `'authorization', '(secret)'`,
		`GET /v1/models?a=b&key=canary&c=d HTTP/1.1`:                                `GET /v1/models?a=b&key=(secret)&c=d HTTP/1.1`,
		`'my-authorization', 'shown'`:                                               `'my-authorization', 'shown'`,
		`'x-authorization-mode', 'shown'`:                                           `'x-authorization-mode', 'shown'`,
		`the cookie is fine; the key "authorization" is missing`:                    `the cookie is fine; the key "authorization" is missing`,
		`{"cookie":{"name":"session","ttl":"0s"}}`:                                  `{"cookie":{"name":"session","ttl":"0s"}}`,
		`key: "monkey" value: "shown"`:                                              `key: "monkey" value: "shown"`,
		`[info][main] cannot bind '127.0.0.1:1': Address already in use authorized`: `[info][main] cannot bind '127.0.0.1:1': Address already in use authorized`,
	} {
		if got := new(veil).over(text); got != want {
			t.Errorf("%s\n gives %s\n want  %s", text, got, want)
		}
	}
}

func TestEveryHeaderThatIsACredentialIsHidden(t *testing.T) {
	names := strings.Split(strings.Trim(secretHeaders, "(?:)"), "|")
	if len(names) < 9 {
		t.Fatalf("%q", names)
	}
	for _, name := range names {
		for _, form := range []string{"'NAME', 'canary'", `key: "NAME" raw_value: "canary"`, "key=NAME value=canary", "NAME: canary"} {
			for _, spelt := range []string{name, strings.ToUpper(name)} {
				if got := new(veil).over(strings.ReplaceAll(form, "NAME", spelt)); strings.Contains(got, "canary") {
					t.Error(got)
				}
			}
		}
	}
}

// Text out of lineFormat has its lines one by one.
func TestANameAndItsValueMayBeOnTwoLines(t *testing.T) {
	l := collect("request_headers_to_add {\n", "  key: \"authorization\"\n", "  value: \"Bearer canary\"\n", "  value: \"shown\"\n}\n")
	if got := strings.Join(l.recent(), "\n"); strings.Contains(got, "canary") || !strings.Contains(got, `value: "(secret)"`) || !strings.Contains(got, `value: "shown"`) {
		t.Errorf("it gives\n%s", got)
	}
}

func FuzzNoCredentialGetsThrough(f *testing.F) {
	for _, name := range []string{"debug", "trace"} {
		for line := range strings.Lines(fixture(f, name)) {
			f.Add(line)
		}
	}
	f.Add(`key: "authorization" value: "`)
	f.Add("key=cookie value=")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxLine {
			return
		}
		v := new(veil)
		once := v.over(text)
		if again := new(veil).over(once); again != once {
			t.Errorf("%q\n gives %q\n and then %q", text, once, again)
		}
		// Whatever stands before, a header at the end of it is hidden.
		if got := v.over(text + "\n'authorization', 'Bearer canary-0815'\n"); strings.Contains(got, "canary-0815") {
			t.Errorf("after %q: %q", text, got)
		}
	})
}
