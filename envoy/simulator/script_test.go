package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScriptsReadAlikeInJSONAndQueryForm(t *testing.T) {
	seven := int64(7)
	want := Script{
		Status: 503, Code: "c", Message: "a&b", RetryAfter: 1, HTML: true, NoDone: true, Events: 3, Text: "x",
		Pause: 50 * time.Millisecond, First: time.Second, EOL: "crlf", Write: Odd, Batch: 2,
		Usage: &Usage{Cached: &seven}, Headers: Headers{"Set-Cookie": {"a=1", "b=2: c"}, "Alt-Svc": {"clear"}},
	}
	text := `{"status":503,"code":"c","message":"a&b","retry_after":1,"html":true,"no_done":true,"events":3,"text":"x",` +
		`"pause":"50ms","first":"1s","eol":"crlf","write":"odd","batch":2,"usage":{"cached_tokens":7},` +
		`"headers":{"set-cookie":["a=1","b=2: c"],"alt-svc":"clear"}}`
	query, err := url.ParseQuery("status=503&code=c&message=a%26b&retry_after=1&html&no_done=true&events=3&text=x&pause=50ms&first=1s&eol=crlf" +
		"&write=odd&batch=2&usage=%7B%22cached_tokens%22:7%7D&headers=set-cookie:+a%3D1&headers=set-cookie:b%3D2:+c&headers=alt-svc:clear")
	if err != nil {
		t.Fatal(err)
	}
	fromJSON, err := ParseScript([]byte(text))
	if diff := cmp.Diff(want, fromJSON); diff != "" || err != nil {
		t.Errorf("from JSON: %v\n%s", err, diff)
	}
	fromQuery, err := ParseQuery(query)
	if diff := cmp.Diff(want, fromQuery); diff != "" || err != nil {
		t.Errorf("from query form: %v\n%s", err, diff)
	}
}

func TestBadScriptsAreRefusedPrecisely(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`[]`, "want a JSON object"},
		{`{"status":503`, "want a JSON object"},
		{`{"stauts":503}`, "stauts: unknown field, known are arguments, batch, chunked"},
		{`{"Status":503}`, "Status: unknown field"},
		{`{"status":503,"status":500}`, "status: given twice"},
		{`{"status":"503"}`, `status: "503" is no whole number`},
		{`{"status":200}`, "status: 200 is no error with a body"},
		{`{"status":304}`, "status: 304 is no error with a body"},
		{`{"html":1}`, "html: 1 is no boolean"},
		{`{"text":1}`, "text: 1 is no string"},
		{`{"pause":50}`, `pause: want a duration such as "50ms"`},
		{`{"pause":"50"}`, `pause: "50" is no duration such as "50ms"`},
		{`{"pause":"-1s"}`, "pause: -1s is not within 0 and 24h0m0s"},
		{`{"events":-1}`, "events: -1 is not within 0 and 10000000"},
		{`{"size":67108865}`, "size: 67108865 is not within 0 and 67108864"},
		{`{"events":1000000,"tokens_bytes":65536}`, "events: of tokens_bytes each they make more than"},
		{`{"write":-1}`, `write: -1 is no number of bytes or "odd"`},
		{`{"write":"even"}`, `write: "even" is no number of bytes or "odd"`},
		{`{"hang":"before"}`, `hang: "before" is none of ["headers" "body" "prelude" "mid"]`},
		{`{"reset":"body"}`, `reset: "body" is none of`},
		{`{"eol":"lfcr"}`, `eol: "lfcr" is none of ["lf" "crlf" "cr"]`},
		{`{"refusal":"no"}`, `refusal: "no" is none of`},
		{`{"hang":"mid","html":true}`, "hang and html exclude each other"},
		{`{"text":"a","size":4}`, "text, silent, echo and size exclude each other"},
		{`{"usage":{"prompt":1}}`, "is no object of prompt_tokens"},
		{`{"headers":{"a b":"c"}}`, "is no object of strings or lists of strings that make headers"},
		{`{"headers":{"a":"b\r\nc: d"}}`, "that make headers"},
	} {
		if _, err := ParseScript([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.text, err, c.want)
		}
	}
	for _, c := range []struct{ query, want string }{
		{"stauts=503", "stauts: unknown field"},
		{"status=x", "status: x is no whole number"},
		{"status=", "status: want a value"},
		{"status=503&status=500", "status: given twice"},
		{"html=maybe", "html: maybe is no boolean"},
		{"headers=x", `headers: "x" is no "Name: value"`},
		{"pause=1", "pause: \"1\" is no duration"},
		{"hang=mid&reset=mid", "hang and reset exclude each other"},
	} {
		query, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseQuery(query); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.query, err, c.want)
		}
	}
}

func TestLaterScriptsWinFieldByField(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for _, c := range []struct {
		sim   string
		fault *Script
		want  string
	}{
		{`{"*":{"events":3,"status":500}}`, nil, `{"events":3,"status":500}`},
		{`{"*":{"events":3,"status":500},"acme":{"status":503}}`, nil, `{"events":3,"status":503}`},
		{`{"acme":{"hang":"mid"},"*":{"truncate":true}}`, nil, `{"hang":"mid"}`},
		{`{"*":{"text":"a"},"acme":{"size":5}}`, nil, `{"size":5}`},
		{`{"other":{"status":500}}`, nil, `{}`},
		{`{"acme":{"events":3,"html":true}}`, &Script{Reset: Mid}, `{"events":3,"reset":"mid"}`},
	} {
		p.ClearFault()
		if c.fault != nil {
			if err := p.SetFault(*c.fault); err != nil {
				t.Fatal(err)
			}
		}
		got, f := p.script(&ask{sim: []byte(c.sim)})
		if f != nil {
			t.Fatalf("%s: %+v", c.sim, f)
		}
		text, err := json.Marshal(got)
		if err != nil || string(text) != c.want {
			t.Errorf("%s under %+v: got %s, %v, want %s", c.sim, c.fault, text, err, c.want)
		}
	}
}

func TestAFaultThatMakesNoSenseIsNotSet(t *testing.T) {
	p := New(Config{Name: "acme"})
	if err := p.SetFault(Script{Status: 200}); err == nil {
		t.Error("no error")
	}
	if s, set := p.Fault(); set {
		t.Errorf("set %+v", s)
	}
}

func TestAKeyCannotBePrinted(t *testing.T) {
	c := Config{Name: "acme", Key: "sk-hidden"}
	text, err := json.Marshal(c.Key)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", c.Key, "config", c)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c.Key, c.Key, c.Key, c.Key, c.Key), string(text), log.String()} {
		if strings.Contains(shown, "hidden") || !strings.Contains(shown, "[secret]") {
			t.Errorf("printed as %s", shown)
		}
	}
}

func FuzzScripts(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"status":503,"retry_after":1}`, `{"write":"odd","pause":"1ms","eol":"cr"}`, `{"headers":{"a":["b"]},"usage":{"total_tokens":1}}`,
		`{"hang":"mid","events":10}`, `{"text":"\u00e9\ud83d\udc2a","events":2}`, `{"size":100,"events":7,"tokens_bytes":3}`, `{"tools":2,"reasoning":3}`,
	} {
		f.Add([]byte(seed), "events=3&html&headers=a:b")
	}
	p := New(Config{Name: "acme", Now: noon})
	f.Fuzz(func(t *testing.T, data []byte, form string) {
		if query, err := url.ParseQuery(form); err == nil {
			if s, err := ParseQuery(query); err == nil {
				rereads(t, s)
			}
		}
		s, err := ParseScript(data)
		if err != nil {
			return
		}
		rereads(t, s)
		if s.Size > 1<<16 || s.Events > 1000 || s.Events*s.TokensBytes > 1<<20 || s.Reasoning > 1000 || s.Comments > 10 {
			return
		}
		for _, extra := range []string{withUsage, `"stream":false`} {
			body := []byte(chat("", extra, `"sim":{"acme":`+string(data)+`}`))
			first, second := p.Body(Request{Body: body}), p.Body(Request{Body: body})
			if !bytes.Equal(first, second) {
				t.Fatalf("%s: two runs differ:\n%q\n%q", body, first, second)
			}
		}
	})
}

// rereads checks that a script survives being written and read.
func rereads(t *testing.T, s Script) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseScript(text)
	if diff := cmp.Diff(s, again); err != nil || diff != "" {
		t.Fatalf("%s does not read as what it was: %v\n%s", text, err, diff)
	}
}
