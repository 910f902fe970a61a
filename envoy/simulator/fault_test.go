package simulator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// raw is what came over a bare TCP connection until it ended.
type raw struct {
	head, body string
	end        error // nil is a FIN
}

// dial sends an HTTP/1.1 chat request over a connection of its own and reads to
// the end. The body is returned without its chunk framing; whole tells whether
// the HTTP message was complete.
func (s *stage) dial(t *testing.T, body string) (got raw, whole bool) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: acme\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	got.end = err
	if len(all) == 0 {
		return got, false
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(all))), nil)
	if err != nil {
		t.Fatalf("%v in %q", err, all)
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	got.head, _, _ = strings.Cut(string(all), "\r\n\r\n")
	got.body = string(content)
	return got, err == nil
}

func TestAConnectionBreaksWhereTheScriptSays(t *testing.T) {
	s := serve(t, Config{Record: 1})
	for kind, extra := range map[string]string{"stream": streaming, "answer": `"stream":false`} {
		for _, how := range []string{"reset", "close"} {
			for _, at := range []Place{Before, AtHead, Prelude, Mid} {
				t.Run(fmt.Sprintf("%s %s %s", kind, how, at), func(t *testing.T) {
					body := chat(fmt.Sprintf(`%q:%q,"events":10`, how, at), extra)
					got, whole := s.dial(t, body)
					if whole {
						t.Errorf("the message is complete: %q", got.body)
					}
					if reset := errors.Is(got.end, syscall.ECONNRESET); reset != (how == "reset") {
						t.Errorf("the connection ended with %v", got.end)
					}
					if (got.head == "") != (at == Before) {
						t.Errorf("headers are %q", got.head)
					}
					if want := string(s.Body(Request{Body: []byte(body)})); got.body != want {
						t.Errorf("body is %q, want %q", got.body, want)
					}
				})
			}
		}
	}
}

func TestPlacesOfAStreamCountContentEvents(t *testing.T) {
	p := New(Config{Name: "acme", Now: noon})
	for _, c := range []struct {
		script           string
		prelude, content int
		last             string
	}{
		{`"hang":"headers","events":4`, 0, 0, ""},
		{`"hang":"body","events":4`, 0, 0, ""},
		{`"hang":"prelude","events":4`, 1, 0, "role"},
		{`"hang":"mid","events":4`, 1, 2, "content"},
		{`"reset":"mid","events":20000`, 1, 10000, "content"},
		{`"close":"mid","silent":true`, 1, 0, "role"},
		{`"truncate":true,"events":5`, 1, 3, "content"},
		{`"truncate":true,"events":1`, 1, 1, "content"},
		{`"error_first":true,"events":4`, 0, 0, "error"},
		{`"error_after_role":true,"events":4`, 1, 0, "error"},
		{`"error_mid":true,"events":4`, 1, 2, "error"},
		{`"error_mid":true,"tools":1,"reasoning":1,"events":1`, 1, 4, "error"},
		{`"malformed":true,"events":4`, 1, 5, "[DONE]"},
		{`"malformed_mid":true,"events":4`, 1, 5, "[DONE]"},
		{`"no_done":true,"events":4`, 1, 4, `"finish_reason":"stop"`},
	} {
		t.Run(c.script, func(t *testing.T) {
			events := strings.Split(strings.TrimSuffix(string(p.Body(Request{Body: []byte(chat(c.script, streaming))})), "\n\n"), "\n\n")
			prelude, content := 0, 0
			for _, ev := range events {
				switch {
				case strings.Contains(ev, `"role"`):
					prelude++
				case strings.Contains(ev, `"delta":{"`):
					content++
				}
			}
			if prelude != c.prelude || content != c.content || !strings.Contains(events[len(events)-1], c.last) {
				t.Errorf("got %d prelude and %d content events, at the end %q", prelude, content, events[len(events)-1])
			}
		})
	}
}

func TestAStreamOfHTTP2IsResetAndItsConnectionLives(t *testing.T) {
	s := serve(t, Config{})
	for _, how := range []string{"reset", "close"} {
		for _, at := range []Place{Before, AtHead, Prelude, Mid} {
			body := chat(fmt.Sprintf(`%q:%q,"events":10`, how, at), streaming)
			got := s.ask(t, s.http2, body)
			if got.err == nil || !strings.Contains(got.err.Error(), "INTERNAL_ERROR") {
				t.Errorf("%s %s: ended with %v, want a reset stream", how, at, got.err)
			}
			if want := string(s.Body(Request{Body: []byte(body)})); got.body != want {
				t.Errorf("%s %s: body is %q, want %q", how, at, got.body, want)
			}
			if after := s.ask(t, s.http2, chat("")); after.status != http.StatusOK {
				t.Errorf("%s %s: the next request got %d, %v", how, at, after.status, after.err)
			}
		}
	}
}

func TestAHangLastsUntilTheClientLeaves(t *testing.T) {
	s := serve(t, Config{Record: 1, Now: time.Now})
	for version, client := range map[string]*http.Client{"HTTP/1.1": s.http1, "HTTP/2.0": s.http2} {
		for _, kind := range []string{streaming, `"stream":false`} {
			for _, at := range []Place{AtHead, AtBody, Prelude, Mid} {
				t.Run(fmt.Sprintf("%s %s %s", version, kind, at), func(t *testing.T) {
					body := chat(fmt.Sprintf(`"hang":%q,"events":4`, at), kind)
					ours := func(r Record) bool { return r.Proto == version && string(r.Body) == body }
					left := s.leave(t, client, body, at)
					gone := s.awaits(t, func(r Record) bool { return ours(r) && !r.Gone.IsZero() })
					if late := gone.Gone.Sub(left); late > time.Second || gone.Err == nil {
						t.Errorf("noticed %s after the client left, with error %v", late, gone.Err)
					}
				})
			}
		}
	}
}

// leave sends a request, takes what comes before the hang and goes away. It
// tells when.
func (s *stage) leave(t *testing.T, client *http.Client, body string, at Place) time.Time {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if at == AtHead {
		// Headers never come, so another goroutine waits for them.
		ended := make(chan error, 1)
		go func() {
			res, err := client.Do(req)
			if err == nil {
				err = errors.Join(res.Body.Close(), fmt.Errorf("answered %d", res.StatusCode))
			}
			ended <- err
		}()
		s.awaits(t, func(r Record) bool { return string(r.Body) == body })
		left := time.Now()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("before the client left it got %v", err)
		}
		return left
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, len(s.Body(Request{Body: []byte(body)})))); err != nil {
		t.Fatalf("reading what comes before the hang: %v", err)
	}
	left := time.Now()
	cancel()
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	return left
}

func TestDamagedAnswersAreCompleteMessages(t *testing.T) {
	s := serve(t, Config{})
	for _, c := range []struct {
		script, extra string
		status        int
		contentType   string
		has, hasNot   string
	}{
		{`"truncate":true`, `"stream":false`, 200, "application/json", `{"id":`, `usage`},
		{`"truncate":true`, streaming, 200, "text/event-stream; charset=utf-8", `"content":"Hello"`, `"finish_reason":"`},
		{`"html":true`, `"stream":false`, 200, "text/html; charset=utf-8", "<!DOCTYPE html>", `{`},
		{`"html":true`, streaming, 200, "text/html; charset=utf-8", "<!DOCTYPE html>", "data:"},
		{`"html":true,"status":502`, streaming, 502, "text/html; charset=utf-8", "<!DOCTYPE html>", "error"},
		{`"empty":true`, `"stream":false`, 200, "application/json", "", "{"},
		{`"empty":true`, streaming, 200, "text/event-stream; charset=utf-8", "", "data"},
		{`"empty":true,"status":500`, `"stream":false`, 500, "application/json", "", "{"},
		{`"malformed":true`, `"stream":false`, 200, "application/json", `{"id":`, "]"},
		{
			`"error_first":true,"message":"no room","code":"overloaded"`, `"stream":false`, 200, "application/json",
			`"message":"no room","type":"server_error","param":null,"code":"overloaded"`, "choices",
		},
		{`"error_first":true`, streaming, 200, "text/event-stream; charset=utf-8", `data: {"error":`, "choices"},
		{`"wrong_type":true`, `"stream":false`, 200, "text/event-stream; charset=utf-8", `"choices"`, "data:"},
		{`"wrong_type":true`, streaming, 200, "application/json", "data: {", "message"},
		{`"silent":true`, `"stream":false`, 200, "application/json", `"content":""`, "Hello"},
		{`"finish":"content_filter"`, `"stream":false`, 200, "application/json", `"finish_reason":"content_filter"`, "stop"},
		{`"no_usage":true`, withUsage, 200, "text/event-stream; charset=utf-8", "[DONE]", "usage"},
	} {
		t.Run(c.script+c.extra, func(t *testing.T) {
			got := s.ask(t, s.http1, chat(c.script, c.extra))
			if got.err != nil {
				t.Fatal(got.err)
			}
			if got.status != c.status || got.header.Get("Content-Type") != c.contentType {
				t.Errorf("status %d, type %q", got.status, got.header.Get("Content-Type"))
			}
			if !strings.Contains(got.body, c.has) || strings.Contains(got.body, c.hasNot) {
				t.Errorf("body is %q, want %q in it and %q not", got.body, c.has, c.hasNot)
			}
		})
	}
}

func TestHeadersOfAnAnswerAreScripted(t *testing.T) {
	s := serve(t, Config{})
	got := s.ask(t, s.http1, chat(`"status":429,"retry_after":7,`+
		`"headers":{"set-cookie":["a=1","b=2"],"X-Dragoman-Provider":"spoof","alt-svc":"h3=\":1\""}`))
	if got.err != nil || got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "7" {
		t.Errorf("got %d %v %v", got.status, got.header, got.err)
	}
	if cookies := got.header.Values("Set-Cookie"); strings.Join(cookies, ";") != "a=1;b=2" ||
		got.header.Get("X-Dragoman-Provider") != "spoof" || got.header.Get("Alt-Svc") == "" {
		t.Errorf("headers are %v", got.header)
	}
	whole := s.ask(t, s.http1, chat(`"size":9000`))
	if n, err := strconv.Atoi(whole.header.Get("Content-Length")); err != nil || n != len(whole.body) {
		t.Errorf("Content-Length %q of %d bytes", whole.header.Get("Content-Length"), len(whole.body))
	}
	if chunked := s.ask(t, s.http1, chat(`"size":9000,"chunked":true`)); chunked.header.Get("Content-Length") != "" || chunked.body != whole.body {
		t.Errorf("chunked answer has Content-Length %q", chunked.header.Get("Content-Length"))
	}
}

func TestTheKeyThePathAndTheMethodAreChecked(t *testing.T) {
	s := serve(t, Config{Key: "sk-right-key-000", Models: []string{"a", "b/c"}})
	for _, c := range []struct {
		method, path, key string
		status            int
		has               string
	}{
		{
			"GET", "/v1/models", "sk-right-key-000", 200,
			`{"object":"list","data":[{"id":"a","object":"model","created":1785585600,"owned_by":"acme"},{"id":"b/c",`,
		},
		{"GET", "/any/prefix/models", "sk-right-key-000", 200, `"b/c"`},
		{"POST", "/chat/completions", "sk-right-key-000", 400, "could not parse"},
		{"POST", "/v1/chat/completions", "sk-wrong-key-000", 401, `provided: sk-*********-000. `},
		{"POST", "/v1/chat/completions", "", 401, "didn't provide an API key"},
		{"POST", "/v1/rerank", "sk-right-key-000", 404, `"Invalid URL (POST /v1/rerank)"`},
		{"GET", "/v1/chat/completions", "sk-right-key-000", 405, "Only POST"},
		{"POST", "/v1/models", "sk-right-key-000", 405, "Only GET"},
	} {
		t.Run(c.method+c.path+c.key, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, s.url+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.key != "" {
				req.Header.Set("Authorization", "Bearer "+c.key)
			}
			res, err := s.http1.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != c.status || !strings.Contains(string(body), c.has) {
				t.Errorf("got %d %s, %v", res.StatusCode, body, err)
			}
		})
	}
}
