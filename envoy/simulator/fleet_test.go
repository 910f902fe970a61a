package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAStoppedProviderRefusesConnectionsUntilItStarts(t *testing.T) {
	s := serve(t, Config{})
	for range 3 {
		for _, client := range []*http.Client{s.http1, s.http2} {
			if got := s.ask(t, client, chat("")); got.status != http.StatusOK {
				t.Fatalf("before: %d %v", got.status, got.err)
			}
		}
		if err := errors.Join(s.fleet.Stop("acme"), s.fleet.Stop("acme")); err != nil {
			t.Fatal(err)
		}
		for _, client := range []*http.Client{s.http1, s.http2} {
			client.CloseIdleConnections() // no request tries one that is gone
			if got := s.ask(t, client, chat("")); !errors.Is(got.err, syscall.ECONNREFUSED) {
				t.Errorf("while stopped: %d %v", got.status, got.err)
			}
		}
		url := s.fleet.URL("acme")
		if err := errors.Join(s.fleet.Start("acme"), s.fleet.Start("acme")); err != nil {
			t.Fatal(err)
		}
		if s.fleet.URL("acme") != url {
			t.Errorf("moved from %s to %s", url, s.fleet.URL("acme"))
		}
	}
}

func TestAStopCutsWhatIsUnderWay(t *testing.T) {
	s := serve(t, Config{Record: 2})
	ended := make(chan answer, 2)
	for _, client := range []*http.Client{s.http1, s.http2} {
		go func() { ended <- s.ask(t, client, chat(`"pause":"1h","events":5`, streaming)) }()
	}
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		s.awaits(t, func(r Record) bool { return r.Proto == version && r.Status == http.StatusOK })
	}
	if err := s.fleet.Stop("acme"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := <-ended; got.err == nil {
			t.Errorf("a client took %q for a whole answer", got.body)
		}
	}
	for _, r := range s.Records() {
		if r.Ended.IsZero() || !r.Gone.IsZero() || r.Err == nil {
			t.Errorf("recorded ended %s, gone %s, error %v", r.Ended, r.Gone, r.Err)
		}
	}
}

func TestAShutdownLetsRequestsFinishWhileItMay(t *testing.T) {
	s := serve(t, Config{Record: 1})
	ended := make(chan answer, 1)
	go func() { ended <- s.ask(t, s.http1, chat(`"pause":"20ms","events":5`, streaming)) }()
	s.awaits(t, func(r Record) bool { return r.Status == http.StatusOK })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.fleet.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.err != nil || !strings.HasSuffix(got.body, "data: [DONE]\n\n") {
		t.Errorf("cut off: %v after %q", got.err, got.body)
	}
	if err := s.fleet.Start("acme"); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("started after shutdown: %v", err)
	}
	if err := s.fleet.Add(New(Config{Name: "late"}), nil); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("added after shutdown: %v", err)
	}
}

func TestAFleetTakesListenersAndKeepsNamesApart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &Fleet{}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	p := New(Config{Name: "a"})
	if err := f.Add(p, l); err != nil {
		t.Fatal(err)
	}
	if f.URL("a") != "http://"+l.Addr().String() || f.Provider("a") != p || f.Provider("b") != nil || f.URL("b") != "" {
		t.Errorf("a is at %s", f.URL("a"))
	}
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(New(Config{Name: "a"}), second); err == nil {
		t.Error("two providers of one name")
	}
	if _, err := second.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the refused listener is still open: %v", err)
	}
	for _, err := range []error{f.Stop("b"), f.Start("b")} {
		if !errors.Is(err, ErrUnknownProvider) {
			t.Errorf("got %v", err)
		}
	}
}

func TestControlSetsShowsAndHealsFaults(t *testing.T) {
	s := serve(t, Config{Name: "acme/eu"})
	control := httptest.NewServer(s.fleet.Control())
	defer control.Close()
	do := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, control.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := control.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		fault              string // or the error
		provider           int    // status of a chat request afterwards, 0 = refused
	}{
		{"POST", "/acme/eu?status=503&retry_after=1", "", 200, `{"retry_after":1,"status":503}`, 503},
		{"PUT", "/acme/eu?fault=status%3D429%26code%3Dx", "", 200, `{"code":"x","status":429}`, 429},
		{"POST", "/acme%2Feu", `{"status":500}`, 200, `{"status":500}`, 500},
		{"POST", "/acme/eu?stauts=503", "", 400, "stauts: unknown field, known are arguments,", 500},
		{"POST", "/acme/eu?stauts=503", "", 400, "wrong_type; and listener in the query, alone: up or down", 500},
		{"GET", "/acme/eu", "", 200, `{"status":500}`, 500},
		{"GET", "/nobody", "", 404, "unknown provider", 500},
		{"PATCH", "/acme/eu?status=503", "", 405, `{"error":"use one of GET, POST, PUT, DELETE"}`, 500},
		{"POST", "/acme/eu", `{"hang":"soon"}`, 400, "hang: \\\"soon\\\" is none of", 500},
		{"POST", "/acme/eu?listener=sideways", "", 400, "listener: want up or down", 500},
		{"POST", "/acme/eu?listener=down&status=500", "", 400, "listener: stands alone", 500},
		{"POST", "/nobody?status=500", "", 404, "unknown provider", 500},
		{"DELETE", "/nobody", "", 404, "unknown provider", 500},
		{"POST", "/acme/eu?listener=down", "", 200, `{"status":500}`, 0},
		{"DELETE", "/acme/eu", "", 200, "null", 200},
		{"POST", "/acme/eu?listener=down", "", 200, "null", 0},
		{"POST", "/acme/eu?listener=up", "", 200, "null", 200},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			status, text := do(c.method, c.path, c.body)
			if status != c.status || !strings.Contains(text, c.fault) {
				t.Errorf("got %d %s", status, text)
			}
			s.http1.CloseIdleConnections()
			got := s.ask(t, s.http1, chat(""))
			if got.status != c.provider || (c.provider == 0) != errors.Is(got.err, syscall.ECONNREFUSED) {
				t.Errorf("the provider answers %d, %v", got.status, got.err)
			}
			_, text = do("GET", "/", "")
			var states []State
			if err := json.Unmarshal([]byte(text), &states); err != nil {
				t.Fatal(err)
			}
			want := []State{{Name: "acme/eu", URL: s.url, Listening: c.provider != 0, Fault: states[0].Fault, Stats: s.Stats()}}
			if diff := cmp.Diff(want, states); diff != "" {
				t.Error(diff)
			}
			if c.status == http.StatusOK && !strings.Contains(text, `"fault":`+c.fault) {
				t.Errorf("listed as %s", text)
			}
		})
	}
}

func TestTheRecorderKeepsTheLatestWhole(t *testing.T) {
	s := serve(t, Config{Record: 2, Key: "sk-right-key-000"})
	for _, path := range []string{"/a/chat/completions", "/b/chat/completions?x=1", "/c/chat/completions"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(chat(`"events":2`, streaming)))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "api.example"
		req.Header.Set("Authorization", "Bearer sk-right-key-000")
		res, err := s.http1.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		s.awaits(t, func(r Record) bool { return r.Path == path && !r.Ended.IsZero() })
	}
	got := s.Records()
	if len(got) != 2 || got[0].Path != "/b/chat/completions?x=1" || got[1].Path != "/c/chat/completions" {
		t.Fatalf("kept %+v", got)
	}
	r := got[1]
	if r.Method != http.MethodPost || r.Host != "api.example" || r.Header.Get("Authorization") != "Bearer sk-right-key-000" ||
		string(r.Body) != chat(`"events":2`, streaming) || r.Proto != "HTTP/1.1" || !r.Arrived.Equal(noon()) || !r.Ended.Equal(noon()) {
		t.Errorf("recorded %+v", r)
	}
	if r.Status != http.StatusOK || r.Events != 5 || r.Bytes != int64(len(s.Body(r.Request))) || !r.Gone.IsZero() || r.Err != nil {
		t.Errorf("recorded %+v", r)
	}
	if want := (Stats{Requests: 3, PromptTokens: 66, CompletionTokens: 6}); s.Stats() != want {
		t.Errorf("counted %+v, want %+v", s.Stats(), want)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	p := New(Config{Name: "acme", Record: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Await(ctx, func(Record) bool { return true }); !errors.Is(err, ErrNoRecord) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAnEchoShowsWhatArrivedWithoutItsCredential(t *testing.T) {
	s := serve(t, Config{})
	client := s.official("sk-secret-key-123")
	got, err := client.Chat.Completions.New(t.Context(), question("hi"), script(`{"echo":true}`))
	if err != nil {
		t.Fatal(err)
	}
	var echo struct {
		Provider, Method, Path, Host string
		Headers                      http.Header
		Body                         struct{ Model string }
	}
	text := got.Choices[0].Message.Content
	if err := json.Unmarshal([]byte(text), &echo); err != nil {
		t.Fatal(err)
	}
	if echo.Provider != "acme" || echo.Method != "POST" || echo.Path != "/v1/chat/completions" || echo.Body.Model != "acme-1" ||
		"http://"+echo.Host != s.url || echo.Headers.Get("Authorization") != "Bearer sk-**********-123" || strings.Contains(text, "secret") {
		t.Errorf("echoed %s", text)
	}
}

func TestABodyThatIsCutOffIsNotAnswered(t *testing.T) {
	s := serve(t, Config{Record: 1, Now: time.Now})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	r := s.awaits(t, func(r Record) bool { return !r.Ended.IsZero() })
	if r.Status != 0 || r.Gone.IsZero() || !errors.Is(r.Err, io.ErrUnexpectedEOF) {
		t.Errorf("recorded %+v", r)
	}
}
