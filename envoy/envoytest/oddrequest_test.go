package envoytest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// send is Do with exactly these headers.
func (g *Gateway) send(tb testing.TB, method, path, body string, header http.Header) *Answer {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, method, g.URL+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	rq.Header = header
	resp, err := g.Client.Do(rq)
	if err != nil {
		tb.Fatal(err)
	}
	return read(resp)
}

// read takes a whole answer.
func read(resp *http.Response) *Answer {
	defer resp.Body.Close() //nolint:errcheck // only read
	a := &Answer{Status: resp.StatusCode, Header: resp.Header}
	a.Body, a.Err = io.ReadAll(resp.Body)
	return a
}

// wire sends bytes and reads one answer, within 80 s in all.
func (g *Gateway) wire(tb testing.TB, request string) (a *Answer, rest *bufio.Reader) {
	tb.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() }) // nothing follows
	if err := c.SetDeadline(time.Now().Add(80 * time.Second)); err != nil {
		tb.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		tb.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	rest = bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(rest, &http.Request{Method: method})
		if err != nil {
			tb.Fatalf("no answer: %v", err)
		}
		if a := read(resp); a.Status != http.StatusContinue {
			return a, rest
		}
	}
}

// post is a request as it stands on the wire.
func post(target, host, headers, body string) string {
	return "POST " + target + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\n" + headers + "\r\n" + body
}

// sized is post with the body's length.
func sized(target, host, headers, body string) string {
	return post(target, host, headers+fmt.Sprintf("Content-Length: %d\r\n", len(body)), body)
}

func TestPathsAndHostsLeadNowhereElse(t *testing.T) {
	t.Parallel()
	const chat, key = "/v1/chat/completions", "dgm_integration-key"
	g := Start(t, Options{Catalog: keyed(key), Providers: recording(nil)})
	open := Start(t, Options{Providers: recording(nil)})
	const foreign = 299 // served with a key; refused where none is asked for
	for _, tt := range []struct {
		target, host string
		status       int
	}{
		{chat, "localhost", 200},
		{chat, strings.TrimPrefix(g.Fleet.URL("gamma"), "http://"), 200},
		{chat, "dragoman-attempt/gamma", 400},
		{"http://" + strings.TrimPrefix(g.Fleet.URL("gamma"), "http://") + chat, "localhost", 200},
		{chat, "evil.example", foreign},
		{chat, "evil.example:1", foreign},
		{"http://evil.example" + chat, "evil.example", foreign},
		{"http://evil.example" + chat, "localhost", foreign},
		{"http://localhost" + chat, "evil.example", 200},
		{"/v1/../v1/chat/completions", "localhost", 200},
		{"/v1/./chat/completions", "localhost", 200},
		{"/v1/%2e%2e/v1/chat/completions", "localhost", 200},
		{"/v1/%2E%2e/v1/chat/completions", "localhost", 200},
		{"/v1/models/../chat/completions", "localhost", 200},
		{"/healthz/../v1/chat/completions", "localhost", 200},
		{"/v1/ch%61t/completions", "localhost", 200},
		{"//v1/chat/completions", "localhost", 404},
		{"/v1//chat/completions", "localhost", 404},
		{"/v1/chat%2Fcompletions", "localhost", 404},
		{"/v1/chat%2fcompletions", "localhost", 404},
		{"/v1/chat\\completions", "localhost", 200},
		{"/v1/chat%5Ccompletions", "localhost", 404},
		{"/v1/chat/completions%00", "localhost", 400},
		{"/v1/chat/completions%20", "localhost", 404},
		{"/v1/chat/completions;x=1", "localhost", 404},
		{"/V1/chat/completions", "localhost", 404},
		{"/v1/chat/completions/../../..", "localhost", 404},
		{"/../../../etc/passwd", "localhost", 404},
		{"/v1/..%2f..%2fetc/passwd", "localhost", 404},
		{"v1/chat/completions", "localhost", 400},
		{"*", "localhost", 400},
		{"/v1/chat/completions#x", "localhost", 400},
		{"/" + strings.Repeat("a/", 20_000), "localhost", 404},
	} {
		text := "To " + tt.target[:min(len(tt.target), 60)] + " of " + tt.host
		request := sized(tt.target, tt.host, "X-Api-Key: "+key+"\r\n", question{way: ways[0], text: text}.body())
		if tt.status == foreign {
			tt.status = http.StatusOK
			open.untouched(t, func() {
				a, _ := open.wire(t, request)
				open.checkRefused(t, a, http.StatusForbidden, "localhost")
			})
		}
		a, _ := g.wire(t, request)
		if tt.status != http.StatusOK {
			g.checkRefused(t, a, tt.status)
			g.checkCalls(t, text, 0, 0, 0)
			continue
		}
		a.checkServed(t, "alpha", "1")
		g.checkCalls(t, text, 1, 0, 0)
		for _, r := range g.calls("alpha", text) {
			if want := strings.TrimPrefix(g.Fleet.URL("alpha"), "http://"); r.Path != "/chat/completions" || r.Host != want {
				t.Errorf("%s: alpha was asked for %s of %s", text, r.Path, r.Host)
			}
		}
	}
}

func TestOddHTTPGetsAnAnswer(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Providers: recording(nil)})
	const chat = "/v1/chat/completions"
	body := question{way: ways[0], text: "Hello"}.body()
	chunked := func(trailers string) string {
		return fmt.Sprintf("%x\r\n%s\r\n%x;a=b\r\n%s\r\n0\r\n%s\r\n", 10, body[:10], len(body)-10, body[10:], trailers)
	}
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	for _, tt := range []struct {
		name, request string
		status        int
	}{
		{"chunked", post(chat, "localhost", "Transfer-Encoding: chunked\r\n", chunked("")), 200},
		{"chunked with trailers", post(chat, "localhost", "Transfer-Encoding: chunked\r\nTrailer: x-late\r\n", chunked("X-Late: 1\r\nX-Dragoman-Route: evil\r\n")), 200},
		{"a header twice", sized(chat, "localhost", "Content-Type: application/json\r\n", body), 415},
		{"Expect: 100-continue, body at once", sized(chat, "localhost", "Expect: 100-continue\r\n", body), 200},
		{"Expect of something else", sized(chat, "localhost", "Expect: evil\r\n", body), 200},
		{"headers that Connection names", sized(chat, "localhost", "Connection: keep-alive, x-request-id, content-type, authorization\r\n", body), 200},
		{"TE", sized(chat, "localhost", "TE: trailers, deflate\r\n", body), 200},
		{"HTTP/1.0", strings.Replace(sized(chat, "localhost", "", body), "HTTP/1.1", "HTTP/1.0", 1), 426},
		{"HTTP/3.7", strings.Replace(sized(chat, "localhost", "", body), "HTTP/1.1", "HTTP/3.7", 1), 426},
		{"no HTTP at all", "Hello, gateway\r\n\r\n", 400},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		{"no host", "GET /v1/models HTTP/1.1\r\n\r\n", 400},
		{"two lengths", post(chat, "localhost", "Content-Length: 3\r\nContent-Length: 4\r\n", "{}  "), 400},
		{"a negative length", post(chat, "localhost", "Content-Length: -1\r\n", ""), 400},
		{"length and chunks", post(chat, "localhost", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked("")), 400},
		{"an unknown coding", post(chat, "localhost", "Transfer-Encoding: gzip, chunked\r\n", chunked("")), 501},
		{"a broken chunk", post(chat, "localhost", "Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n"), 400},
		{"a header without a colon", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nbroken\r\n\r\n", 400},
		{"a space before the colon", "GET /v1/models HTTP/1.1\r\nHost : x\r\n\r\n", 400},
		{"an underscore", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx_dragoman_route: 1\r\n\r\n", 400},
		{"a zero byte in a key", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\x00b\r\n\r\n", 400},
		{"a control character in a key", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\x01b\r\n\r\n", 400},
		{"100 KB of headers", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 100<<10) + "\r\n\r\n", 431},
		{"200 headers", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-A: 1\r\n", 200) + "\r\n", 431},
		{"a WebSocket", "GET " + chat + " HTTP/1.1\r\nHost: localhost\r\n" + upgrade + "\r\n", 405},
		{"a WebSocket by POST", sized(chat, "localhost", upgrade, body), 501},
		{"a WebSocket elsewhere", "GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\n" + upgrade + "\r\n", 501},
		{"CONNECT", "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n", 404},
		{"another method", "BREW " + chat + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"a second request in the body", sized(chat, "localhost", "", body) + "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			began, before := time.Now(), g.asked()
			a, _ := g.wire(t, tt.request)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("answered after %s", took)
			}
			if tt.status == http.StatusOK {
				a.checkServed(t, "alpha", "1")
				return
			}
			g.checkRefused(t, a, tt.status)
			if n := g.asked() - before; n != 0 {
				t.Errorf("providers got %d requests", n)
			}
		})
	}
	for _, r := range g.Fleet.Provider("alpha").Records() {
		checkClean(t, "alpha", r.Header)
	}
}

// cleartext2 speaks HTTP/2 without TLS, by prior knowledge.
func cleartext2(t *testing.T) *http.Client {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// pieces is a reader that gives few bytes at a time.
type pieces struct {
	io.Reader
	most int
}

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(p.most, len(b))]) }

func TestHTTP2GetsAnAnswerHoweverTheBodyComes(t *testing.T) {
	t.Parallel()
	g := Start(t, Options{Catalog: DefaultCatalog + "\nlimits: {body: 1MiB}\n", Providers: recording(nil)})
	client := cleartext2(t)
	body := question{way: ways[0], text: "Hello"}.body()
	large := largeRequest("sim/leave", 900<<10, true)
	trailer := http.Header{"X-Late": {"1"}, "X-Dragoman-Route": {"sim/solo"}}
	for _, tt := range []struct {
		name    string
		body    io.Reader // nil: END_STREAM on the headers
		length  int64     // -1: unsaid
		trailer http.Header
		status  int
	}{
		{"at once", strings.NewReader(body), int64(len(body)), nil, 200},
		{"without a length", strings.NewReader(body), -1, nil, 200},
		{"a byte a frame", pieces{strings.NewReader(body), 1}, int64(len(body)), nil, 200},
		{"900 KB in many frames", pieces{strings.NewReader(large), 999}, -1, nil, 200},
		{"with trailers", strings.NewReader(body), -1, trailer, 200},
		{"900 KB with trailers", strings.NewReader(large), -1, trailer, 200},
		{"trailers after half", strings.NewReader(body[:20]), -1, trailer, 400},
		{"no body", nil, 0, nil, 400},
		{"too much", strings.NewReader(large + large), -1, nil, 413},
		{"too much, with trailers", strings.NewReader(large + large), -1, trailer, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/v1/chat/completions", tt.body)
			if err != nil {
				t.Fatal(err)
			}
			rq.ContentLength, rq.Trailer = tt.length, tt.trailer
			rq.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(rq)
			if err != nil {
				t.Fatal(err)
			}
			a := read(resp)
			if resp.ProtoMajor != 2 || a.Err != nil {
				t.Errorf("HTTP/%d, %v", resp.ProtoMajor, a.Err)
			}
			if tt.status != http.StatusOK {
				g.checkRefused(t, a, tt.status)
				return
			}
			a.checkServed(t, "alpha", "1")
		})
	}
	for _, r := range g.Fleet.Provider("alpha").Records() {
		checkClean(t, "alpha", r.Header)
	}
	g.Settled(t, 10*time.Second)
}

// TestAConnectionServesAfterARefusal uses connections again whose request was
// refused, some before the body has come: no byte of it may become a request.
func TestAConnectionServesAfterARefusal(t *testing.T) {
	t.Parallel()
	const key = "dgm_integration-key"
	g := Start(t, Options{Catalog: keyed(key) + "\nlimits: {body: 1MiB}\n"})
	smuggled := "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: " + key + "\r\nContent-Length: 2\r\n\r\n{}"
	bodies := []string{"", "{}", smuggled, strings.Repeat(smuggled, 10_000)}
	for name, client := range map[string]*http.Client{"HTTP/1.1": g.Client, "HTTP/2": cleartext2(t)} {
		for round := range 20 {
			for i, body := range bodies {
				for _, try := range []struct {
					key    string
					expect bool
				}{{"", false}, {"", true}, {key, true}, {key, false}} {
					rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/v1/chat/completions", strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					rq.Header = http.Header{"Content-Type": {"application/json"}}
					want := http.StatusUnauthorized
					if try.key != "" {
						rq.Header.Set("X-Api-Key", try.key)
						want = map[bool]int{false: http.StatusBadRequest, true: http.StatusRequestEntityTooLarge}[len(body) > 1<<20]
					}
					if try.expect {
						rq.Header.Set("Expect", "100-continue")
					}
					resp, err := client.Do(rq)
					if err != nil {
						t.Fatalf("%s, round %d, body %d: %v", name, round, i, err)
					}
					g.checkRefused(t, read(resp), want)
				}
			}
		}
	}
	if n := g.asked(); n != 0 {
		t.Errorf("providers got %d requests", n)
	}
}
