package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

func provider(name, ref string, change func(*catalog.Provider)) *catalog.Provider {
	r, err := catalog.ParseReference(ref)
	if err != nil && ref != "" {
		panic(err) // a mistake in this test
	}
	p := &catalog.Provider{Name: name, Credential: r, Dialects: []llm.Dialect{llm.OpenAI}, BaseURL: catalog.BaseURL{TLS: true, Host: name + ".example", Port: 443}}
	if change != nil {
		change(p)
	}
	return p
}

func TestAKeysHeaderIsThePlatforms(t *testing.T) {
	tests := []struct {
		dialect  llm.Dialect
		platform catalog.Platform
		want     string
	}{
		{llm.OpenAI, catalog.Azure, "api-key: sk-1"},
		{llm.Responses, catalog.Azure, "api-key: sk-1"},
		{llm.Anthropic, catalog.Azure, "api-key: sk-1"},
		{llm.Anthropic, catalog.Vertex, "authorization: Bearer sk-1"},
		{llm.Gemini, catalog.Vertex, "x-goog-api-key: sk-1"},
		{llm.Anthropic, catalog.Direct, "x-api-key: sk-1"},
		{llm.Bedrock, catalog.Direct, "authorization: Bearer sk-1"},
	}
	for _, tt := range tests {
		p := &catalog.Provider{Dialects: []llm.Dialect{tt.dialect, llm.OpenAI}, Platform: tt.platform}
		if diff := cmp.Diff([]string{tt.want}, seen(Headers(p, NewSecret("sk-1")))); diff != "" {
			t.Errorf("%s on %q (-want +got):\n%s", tt.dialect, tt.platform, diff)
		}
	}
}

// Every kind of credential in one set, from servers on this machine.
func TestASetAuthorizesByEveryKindOfCredential(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", suiteKeys.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", suiteKeys.SecretAccessKey)
	g := newGoogleTokens(t)
	file := writeJSON(t, "sa.json", g.account(g.key))
	c := &catalog.Catalog{Providers: []*catalog.Provider{
		provider("bedrock", "aws:", func(p *catalog.Provider) { p.Region = "eu-central-1" }),
		provider("keyed", "env:KEY", nil),
		provider("none", "", nil),
		provider("vertex", "gcp:"+file, func(p *catalog.Provider) { p.Platform, p.Dialects = catalog.Vertex, []llm.Dialect{llm.Anthropic} }),
		provider("vertex-eu", "gcp:"+file, nil),
	}}
	s, err := BuildWith(c, Options{Env: environment(map[string]string{"KEY": "sk-1"}), HTTP: local(t)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"bedrock", "vertex", "vertex-eu"}, s.Clouds()); diff != "" {
		t.Errorf("clouds differ (-want +got):\n%s", diff)
	}
	if err := s.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := g.given.Load(); n != 1 {
		t.Errorf("two providers with one reference fetched %d tokens", n)
	}
	call := &Call{Method: "POST", Authority: "bedrock.example", Path: "/model/m/converse", Body: [][]byte{[]byte("{}")}}
	now := time.Date(2026, 3, 5, 0, 5, 6, 0, time.UTC)
	for name, want := range map[string]string{"keyed": "authorization: Bearer sk-1", "none": "", "nobody": "", "vertex": "authorization: Bearer ya29.1", "vertex-eu": "authorization: Bearer ya29.1"} {
		got, err := s.Authorize(name, call, now)
		if text := strings.Join(seen(got), ", "); err != nil || text != want {
			t.Errorf("%s: %q, %v; want %q", name, text, err, want)
		}
		for _, h := range got {
			if names := strings.Join(s.Names(name), " "); !strings.Contains(names, h.Name) {
				t.Errorf("%s: %s is not among the names %s", name, h.Name, names)
			}
		}
	}
	got, err := s.Authorize("bedrock", call, now)
	if err != nil {
		t.Fatal(err)
	}
	checkSignature(t, suiteKeys, "eu-central-1", call, got)
	for _, provider := range []string{"none", "nobody"} {
		if names := s.Names(provider); len(names) != 0 {
			t.Errorf("%s has the headers %v", provider, names)
		}
	}
	if s.Headers("vertex") != nil || len(s.Headers("keyed")) != 1 {
		t.Error("Headers gives other than static keys")
	}
}

func TestEverySecretIsTakenOutOfATextAndNothingElse(t *testing.T) {
	temporary := suiteKeys
	temporary.SessionToken = "session-token"
	s := amazonSet(temporary, "us-east-1")
	src := s.entries["p"].source
	src.settle(bearerToken("first-token", time.Time{}), nil)
	src.settle(bearerToken("second-token", time.Time{}), nil)
	s.entries["key"] = &entry{secrets: [][]byte{[]byte("sk-1")}}
	amazon := amazonSet(temporary, "us-east-1")
	tests := []struct {
		set            *Set
		provider       string
		text, redacted string
	}{
		{s, "p", "with second-token, before it first-token, sk-1", "with (secret), before it (secret), sk-1"},
		{s, "key", "sk-1 sk-1 second-token", "(secret) (secret) second-token"},
		{s, "nobody", "sk-1", "sk-1"},
		{amazon, "p", "AKIDEXAMPLE wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY session-token", "(secret) (secret) (secret)"},
		{nil, "p", "sk-1", "sk-1"},
	}
	for _, tt := range tests {
		if got := string(tt.set.Redact(tt.provider, []byte(tt.text))); got != tt.redacted {
			t.Errorf("%s: %q, want %q", tt.provider, got, tt.redacted)
		}
	}
	text := []byte("nothing to hide")
	if n := testing.AllocsPerRun(100, func() { s.Redact("p", text) }); n != 0 {
		t.Errorf("a text without secrets costs %v allocations", n)
	}
}

func TestNothingOfACloudCanBeSeen(t *testing.T) {
	var out bytes.Buffer
	c := &cloud{life: time.Hour}
	s := setOf(c, slog.New(slog.NewJSONHandler(&out, nil)))
	src := s.entries["p"].source
	src.settle(bearerToken(canary, time.Now().Add(time.Hour)), nil)
	headers, err := s.Authorize("p", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	src.settle(nil, fmt.Errorf("refused: %s", "Zz9"+canary+"-long-enough"))
	_, problem := s.Authorize("p", nil, time.Now().Add(2*time.Hour))
	keys := suiteKeys
	keys.SecretAccessKey = canary
	amazon := amazonSet(keys, "us-east-1")
	for name, v := range map[string]any{
		"set": s, "sets": []*Set{s}, "headers": headers, "problem": problem, "cause": errors.Unwrap(problem), "await": s.Await(t.Context()), "amazon": amazon, "in a struct": struct{ S *Set }{s},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); shows(got) {
				t.Errorf("%s of %s prints %s", verb, name, got)
			}
		}
		if got, _ := json.Marshal(v); shows(string(got)) {
			t.Errorf("%s marshals to %s", name, got)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Error("x", "value", v)
	}
	if shows(out.String()) {
		t.Errorf("a log says %s", out.String())
	}
}

func TestBuildReportsAMissingFileOfACloud(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.json")
	_, err := BuildWith(&catalog.Catalog{Providers: []*catalog.Provider{provider("vertex", "gcp:"+none, nil)}}, Options{})
	if want := "the credential of provider vertex: gcp:" + none + " cannot be read: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestANilSetIsEmpty(t *testing.T) {
	var s *Set
	headers, err := s.Authorize("p", nil, time.Now())
	if len(headers) > 0 || err != nil || s.Names("p") != nil || s.Await(t.Context()) != nil || s.Clouds() != nil {
		t.Errorf("a nil set has something: %v", err)
	}
	s.Run(t.Context())
}

func TestAuthorizingIsCheap(t *testing.T) {
	s := setOf(&cloud{}, nil)
	s.entries["p"].source.settle(bearerToken("t", time.Now().Add(time.Hour)), nil)
	s.entries["key"] = &entry{headers: []Header{{Name: authorization, Value: Value("Bearer sk-1")}}}
	now := time.Now()
	for _, name := range []string{"p", "key", "nobody"} {
		if n := testing.AllocsPerRun(100, func() { _, _ = s.Authorize(name, nil, now) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	amazon := amazonSet(suiteKeys, "us-east-1")
	call := &Call{Method: "POST", Authority: "x.example", Path: "/model/m/converse", Body: [][]byte{make([]byte, 1<<10)}}
	if n := testing.AllocsPerRun(100, func() { _, _ = amazon.Authorize("p", call, now) }); n > 65 {
		t.Errorf("a signature: %v allocations, want 65 at the most", n)
	}
}
