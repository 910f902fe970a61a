package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) *Catalog {
	t.Helper()
	c, err := Parse(Source{Name: "test.yaml", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheSameBytesHaveTheSameVersionAndOtherBytesAnother(t *testing.T) {
	a, b := parse(t, "providers: {openai: {}}"), parse(t, "providers: {openai: {}}")
	c := parse(t, "providers: {openai: {}} # changed")
	if a.Version != b.Version || a.Version == c.Version || len(a.Version) != 64 {
		t.Errorf("versions %s, %s, %s", a.Version, b.Version, c.Version)
	}
}

func TestLookupsFindWhatTheListsHold(t *testing.T) {
	c := parse(t, "providers: {openai: {}, groq: {}}")
	for _, p := range c.Providers {
		if c.Provider(p.Name) != p {
			t.Errorf("Provider(%q) is another", p.Name)
		}
	}
	for _, m := range c.Models {
		if c.Model(m.Name) != m {
			t.Errorf("Model(%q) is another", m.Name)
		}
		for _, target := range m.Targets {
			if got, ok := m.Target(target.Provider.Name); !ok || !reflect.DeepEqual(got, target) {
				t.Errorf("Target(%q) of %s = %v, %t", target.Provider.Name, m.Name, got, ok)
			}
		}
	}
	if c.Provider("nobody") != nil || c.Model("nobody/nothing") != nil {
		t.Error("a name nobody has is found")
	}
}

func TestACredentialOfThePresetMustBeSetToo(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	_, err := Parse(Source{Name: "f", Data: []byte("providers:\n  groq: {}\n"), Env: none})
	want := Errors{{"f", 2, 3, "providers.groq.credential", "the environment variable GROQ_API_KEY is not set; set it to the provider's API key, or name another credential"}}
	if diff := cmp.Diff(want, err); diff != "" {
		t.Error(diff)
	}
	if _, err := Parse(Source{Name: "f", Data: []byte("providers:\n  groq: {credential: \"file:k\"}\n"), Env: none}); err != nil {
		t.Error(err)
	}
}

func TestFileNamesAreRelativeToTheCatalog(t *testing.T) {
	const text = `
listen: {tls: {cert: gateway.crt, key: /keys/gateway.key}}
providers: {openai: {ca: ca/roots.pem, credential: "file:openai.key"}}`
	for dir, want := range map[string][]string{
		"":              {"gateway.crt", "/keys/gateway.key", "ca/roots.pem", "openai.key"},
		"/etc/dragoman": {"/etc/dragoman/gateway.crt", "/keys/gateway.key", "/etc/dragoman/ca/roots.pem", "/etc/dragoman/openai.key"},
	} {
		c, err := Parse(Source{Data: []byte(text), Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Provider("openai")
		got := []string{c.Listen.TLS.CertFile, c.Listen.TLS.KeyFile, p.CAFile, p.Credential.Name}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Dir %q (-want +got):\n%s", dir, diff)
		}
	}
}

// TestNoMessageRepeatsASecret puts secrets in place of every word of a whole
// catalog, one at a time, and into the fields where any text may be one.
func TestNoMessageRepeatsASecret(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(corpus, "good", "reference.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	words := 0
	for _, secret := range []string{"sk-proj-abcdefghijklmnop0123456789", "https://me:hunter2-hunter2@api.example.com/v1"} {
		for _, tok := range lexer.Tokenize(string(data)) {
			if tok.Type != token.StringType && tok.Type != token.DoubleQuoteType && tok.Type != token.IntegerType && tok.Type != token.BoolType {
				continue
			}
			words++
			refuseSilently(t, replaced(data, tok, secret), secret)
		}
	}
	if words < 100 {
		t.Errorf("only %d words were replaced", words)
	}
	for _, format := range []string{
		"providers: {openai: {credential: '%s'}}",
		"providers: {openai: {credential: 'env:%s-'}}",
		"providers: {openai: {credential: |%s}}",
		"providers: {openai: {base_url: 'https://%s@api.openai.com'}}",
		"providers: {openai: {base_url: 'https://api.openai.com?key=%s'}}",
		"providers: {openai: {base_url: '%s'}}",
		"providers: {openai: {headers: {authorization: '%s'}}}",
		"providers: {openai: {headers: {x-a: ' %s'}}}",
		"providers: {openai: {headers: {x-a: [%s]}}}",
		"providers: {openai: {}}\nkeys: [{name: a, hash: '%s'}]",
		"providers: {openai: {}}\nkeys: [{name: a, hash: ['%s']}]",
		"providers: {openai: {}}\nkeys: ['%s']",
		"providers: {openai: {}}\nkeys: [{name: a, hash: \"%s]",
		"providers: {openai: {}}\nstore: {redis: {addresses: [a], password: '%s'}}",
		"providers: {openai: {}}\nstore: {redis: {addresses: ['redis://:%s@a:6379']}}",
		"providers: {openai: {}}\nstore: {redis: {addresses: ['%s@a']}}",
		"providers: {openai: {}}\nstore: {postgres: 'postgres://me:%s@db/x'}",
		"providers: {openai: {}}\nstore: {postgres: '%s'}",
		"providers: {openai: {}}\nquota: {webhook: 'https://me:%s@hooks.example.com'}",
		"providers: {openai: {}}\nquota: {webhook: 'https://hooks.example.com?token=%s'}",
		"providers: {openai: {}}\nquota: {webhook: 'https://hooks.example.com', webhook_secret: '%s'}",
		"providers: {openai: {}}\ngenerations: {otlp: 'https://me:%s@otlp.example.com'}",
		"providers: {openai: {}}\ngenerations: {otlp: 'https://otlp.example.com', otlp_headers: 'x-key: %s'}",
		"providers: {openai: {}}\nsecrets: {key: '%s'}",
		"providers: {openai: {}}\nsecrets: '%s'",
		"providers: {openai: {}}\nissuers: [{name: a, audience: [x], issuer: 'https://me:%s@oidc.example.com'}]",
	} {
		refuseSilently(t, fmt.Sprintf(format, "hunter2"), "hunter2")
	}
}

func refuseSilently(t *testing.T, text, secret string) {
	t.Helper()
	_, err := Parse(Source{Name: "f", Data: []byte(text)})
	if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "hunter2")) {
		t.Errorf("%s\nrepeats a secret: %s", text, err)
	}
	if !strings.HasPrefix(secret, "sk-") && !strings.HasPrefix(secret, "https:") && err == nil {
		t.Errorf("%s\nis accepted", text)
	}
}

// replaced puts a word in the place of a token.
func replaced(data []byte, tok *token.Token, word string) string {
	lines := strings.Split(string(data), "\n")
	line := lines[tok.Position.Line-1]
	at := tok.Position.Column - 1
	at += strings.Index(line[at:], tok.Value)
	lines[tok.Position.Line-1] = line[:at] + word + line[at+len(tok.Value):]
	return strings.Join(lines, "\n")
}

func TestLoadParsesAFileAndMakesNamesInItAbsolute(t *testing.T) {
	path := filepath.Join(corpus, "good", "reference.yaml")
	c, err := Load(path, corpusEnv)
	if err != nil {
		t.Fatal(err)
	}
	want, err := filepath.Abs(filepath.Join(corpus, "good", "gateway.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen.TLS.CertFile != want {
		t.Errorf("certificate %s, want %s", c.Listen.TLS.CertFile, want)
	}
	if _, err := Load(filepath.Join(corpus, "none.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
