package simulator

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	// Google's client brings a package that starts its worker when it is loaded.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// noon is the clock of every provider under test.
func noon() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }

// patience bounds every wait for something that must happen.
const patience = 10 * time.Second

// stage is a provider that is being served.
type stage struct {
	*Provider
	fleet *Fleet
	url   string
	http1 *http.Client
	http2 *http.Client
}

func serve(t testing.TB, c Config) *stage {
	t.Helper()
	if c.Name == "" {
		c.Name = "acme"
	}
	if c.Now == nil {
		c.Now = noon
	}
	s := &stage{Provider: New(c), fleet: &Fleet{}}
	if err := s.fleet.Add(s.Provider, nil); err != nil {
		t.Fatal(err)
	}
	s.url = s.fleet.URL(c.Name)
	h2c := &http.Protocols{}
	h2c.SetUnencryptedHTTP2(true)
	one, two := &http.Transport{DisableCompression: true}, &http.Transport{Protocols: h2c}
	s.http1, s.http2 = &http.Client{Transport: one}, &http.Client{Transport: two}
	t.Cleanup(func() {
		if err := s.fleet.Close(); err != nil {
			t.Errorf("closing the fleet: %v", err)
		}
		one.CloseIdleConnections()
		two.CloseIdleConnections()
	})
	return s
}

// chat is the body of a request with a script for every provider; extra are
// members to add.
func chat(script string, extra ...string) string {
	if script != "" {
		extra = append(extra, `"sim":{"*":{`+script+`}}`)
	}
	return strings.Join(append([]string{
		`{"model":"acme-1","messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Tell me of camels"}]`,
	}, extra...), ",") + "}"
}

const streaming = `"stream":true`

const withUsage = `"stream":true,"stream_options":{"include_usage":true}`

// post sends a chat request whose life, answer included, is bounded by patience.
func (s *stage) post(t testing.TB, client *http.Client, body string) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return s.postIn(ctx, t, client, body)
}

func (s *stage) postIn(ctx context.Context, t testing.TB, client *http.Client, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return client.Do(req)
}

// answer is what a client got, with the error that ended it.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

func (s *stage) ask(t testing.TB, client *http.Client, body string) answer {
	t.Helper()
	res, err := s.post(t, client, body)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(data), err}
}

// awaits gives the first record that meets a condition, or fails the test.
func (s *stage) awaits(t testing.TB, meets func(Record) bool) Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := s.Await(ctx, meets)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs from what it was (-want +got):\n%s", path, diff)
	}
}

func TestAnswersKeepTheWireFormat(t *testing.T) {
	tools := `"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":` +
		`{"city":{"type":"string"},"days":{"type":"integer"},"unit":{"enum":["C","F"]},"at":{"type":"object","properties":{"lat":{"type":"number"}}}}}}}]`
	p := New(Config{Name: "acme", Region: "eu", Now: noon})
	bodies := map[string]string{
		"answer.json":            chat(""),
		"answer-filler.json":     chat(`"size":100`),
		"answer-tools.json":      chat(`"tools":2`, tools),
		"answer-reasoning.json":  chat(`"reasoning":3`),
		"stream.sse":             chat("", streaming),
		"stream-usage.sse":       chat(`"text":"Two words"`, withUsage),
		"stream-tools.sse":       chat(`"tools":2`, tools, withUsage),
		"stream-reasoning.sse":   chat(`"reasoning":2,"events":2`, streaming),
		"stream-error.sse":       chat(`"error_mid":true,"events":2,"code":"overloaded"`, streaming),
		"stream-malformed.sse":   chat(`"malformed":true,"events":1`, streaming),
		"stream-crlf-pinged.sse": chat(`"eol":"crlf","comments":1,"events":1`, streaming),
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) { golden(t, name, p.Body(Request{Body: []byte(body)})) })
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if bodies[name] != "" || name == "errors.txt" {
			continue
		}
		if !*update {
			t.Errorf("%s is the golden file of nothing", file)
		} else if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorsKeepTheWireFormat(t *testing.T) {
	p := New(Config{Name: "acme", Models: []string{"acme-1"}, Now: noon})
	var all bytes.Buffer
	for _, script := range []string{
		`"status":400`, `"status":401`, `"status":403`, `"status":404`, `"status":408`, `"status":418`, `"status":429`,
		`"status":500`, `"status":502`, `"status":503`, `"status":529`, `"status":503,"code":"c","message":"m"`,
		`"context_length":true`, `"unsupported":"reasoning_effort"`, `"refusal":"content_filter"`,
		`"refusal":"content_policy_violation"`, `"stauts":503`,
	} {
		fmt.Fprintf(&all, "%s\n%s\n\n", script, p.Body(Request{Body: []byte(chat(script))}))
	}
	for _, body := range []string{
		``, `{`, `[]`, `{"messages":[]}`, `{"model":"acme-1"}`, `{"model":"acme-1","messages":[]}`, `{"model":"acme-1","messages":"x"}`,
		`{"model":"other","messages":[{}]}`, `{"model":"acme-1","messages":[{}],"sim":[]}`, `{"model":"acme-1","messages":[{}],"sim":{"x":[]}}`,
	} {
		fmt.Fprintf(&all, "%s\n%s\n\n", body, p.Body(Request{Body: []byte(body)}))
	}
	golden(t, "errors.txt", all.Bytes())
}

func TestEveryByteReachesTheClientAsPlanned(t *testing.T) {
	s := serve(t, Config{Record: 4})
	shapes := map[string]string{
		"default": ``, "crlf": `"eol":"crlf"`, "cr": `"eol":"cr"`, "one byte a write": `"write":1,"events":3`,
		"seven bytes a write": `"write":7,"events":9`, "odd": `"write":"odd","events":40`, "batches": `"batch":7,"events":40`,
		"pings": `"comments":2,"events":5`, "one write": `"batch":1000,"events":100`, "large events": `"tokens_bytes":65536,"events":5`,
		"fast": `"events":20000`, "tools": `"tools":3`, "reasoning": `"reasoning":9`, "silent": `"silent":true`,
		"sized": `"size":100000`, "sized events": `"size":100000,"events":3`, "escapes": `"text":"a\n\"b\\ \u0001 — 🐪🐪"`, "echo": `"echo":true`,
		"html": `"html":true`, "empty": `"empty":true`, "truncated": `"truncate":true`, "status": `"status":500`,
		"paused": `"pause":"1ms","events":3,"write":5`, "chunked": `"chunked":true,"size":5000`, "late": `"first":"1ms","first_event":"1ms"`,
	}
	for name, shape := range shapes {
		for kind, extra := range map[string]string{"stream": withUsage, "answer": `"stream":false`} {
			t.Run(name+" "+kind, func(t *testing.T) {
				for version, client := range map[string]*http.Client{"HTTP/1.1": s.http1, "HTTP/2.0": s.http2} {
					body := chat(shape, extra)
					got := s.ask(t, client, body)
					if got.err != nil {
						t.Fatalf("%s: %v", version, got.err)
					}
					r := s.awaits(t, func(r Record) bool { return r.Proto == version && string(r.Body) == body && !r.Ended.IsZero() })
					if r.Bytes != int64(len(got.body)) {
						t.Errorf("%s: recorded %d bytes of %d", version, r.Bytes, len(got.body))
					}
					if want := string(s.Body(r.Request)); got.body != want {
						t.Errorf("%s: got %d bytes %.300q, want %d bytes %.300q", version, len(got.body), got.body, len(want), want)
					}
				}
			})
		}
	}
}

func TestOmittedPartsLeaveTheRestAsItWas(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	r := Request{Body: []byte(chat(`"events":3`, withUsage))}
	whole, less := string(p.Body(r)), string(p.Body(r, PartUsage, PartDone))
	start := strings.LastIndex(whole, `data: {"id"`)
	if less != whole[:start] || !strings.Contains(whole[start:], `"choices":[],"usage":{"prompt_tokens":`) {
		t.Errorf("without usage and end marker:\n%s\nof\n%s", less, whole)
	}
}
