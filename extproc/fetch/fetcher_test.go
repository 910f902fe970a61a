package fetch

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var png = append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{7}, 100)...)

// names resolve names to one list of addresses after another; the last stays.
type names struct {
	mu    sync.Mutex
	table map[string][][]netip.Addr
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers := n.table[host]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: "10.9.9.9:53", IsNotFound: true}
	}
	if len(answers) > 1 {
		n.table[host] = answers[1:]
	}
	return answers[0], nil
}

func addresses(texts ...string) (list []netip.Addr) {
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

// site is a server of many names, all of them public as far as the fetcher is
// told, and the fetcher.
type site struct {
	*httptest.Server
	names *names
	port  string
	hits  atomic.Int32
}

func newSite(t *testing.T, serve http.HandlerFunc) *site {
	t.Helper()
	s := &site{names: &names{table: map[string][][]netip.Addr{"files.example.com": {addresses("127.0.0.1")}}}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		serve(w, r)
	}))
	s.Server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	_, s.port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return s
}

func (s *site) url(host, path string) string { return "https://" + host + ":" + s.port + path }

func (s *site) fetcher(t *testing.T, change func(*Options)) *Fetcher {
	t.Helper()
	port, err := strconv.ParseUint(s.port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	o := Options{Ports: []uint16{443, uint16(port)}, Roots: roots, Resolver: s.names, AllowLoopback: true}
	if change != nil {
		change(&o)
	}
	return New(o)
}

// serves answers with a type and a body.
func serves(kind string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{kind}
		_, _ = w.Write(body)
	}
}

func checkProblem(t *testing.T, p *llm.Problem, want rule) {
	t.Helper()
	if p == nil || p.Kind != llm.Unsupported || !errors.Is(p, want) || !strings.HasSuffix(p.Message, ": "+string(want)+".") {
		t.Fatalf("the problem is %+v, want one that says %q", p, want)
	}
	for _, secret := range []string{"127.0.0.1", "10.", "192.168", "localhost", "dial", "lookup"} {
		if strings.Contains(p.Message, secret) {
			t.Errorf("the client is told %q: %s", secret, p.Message)
		}
	}
}

func TestAFileIsFetchedAsItIs(t *testing.T) {
	var got http.Header
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		http.SetCookie(w, &http.Cookie{Name: "track", Value: "1"})
		serves("image/png; charset=binary", png)(w, r)
	})
	m, p := s.fetcher(t, nil).Get(t.Context(), s.url("files.example.com", "/a.png?sig=1#top"))
	if p != nil {
		t.Fatal(p, p.Cause)
	}
	if diff := cmp.Diff(Media{"image/png", base64.StdEncoding.EncodeToString(png)}, m); diff != "" {
		t.Errorf("media differ (-want +got):\n%s", diff)
	}
	for name := range got {
		if name != "Accept" && name != "Accept-Encoding" && name != "User-Agent" && name != "Connection" {
			t.Errorf("the server was sent %s: %s", name, got.Get(name))
		}
	}
	if got.Get("Accept-Encoding") != "identity" || !strings.HasPrefix(got.Get("User-Agent"), "dragoman") {
		t.Errorf("headers are %v", got)
	}
}

func TestNamesOfPrivateAddressesAreNotDialled(t *testing.T) {
	s := newSite(t, serves("image/png", png))
	tests := map[string][]netip.Addr{
		"loopback.example.com": addresses("127.0.0.1"), "six.example.com": addresses("::1"), "mapped.example.com": addresses("::ffff:127.0.0.1"),
		"ten.example.com": addresses("10.0.0.1"), "meta.example.com": addresses("169.254.169.254"), "several.example.com": addresses("10.0.0.1", "fd00::1", "192.168.0.1"),
		"none.example.com": {}, "azure.example.com": addresses("168.63.129.16"), "translated.example.com": addresses("64:ff9b::7f00:1"),
	}
	for host, ips := range tests {
		s.names.table[host] = [][]netip.Addr{ips}
	}
	f := s.fetcher(t, func(o *Options) { o.AllowLoopback = false })
	var words []string
	for host := range tests {
		_, p := f.Get(t.Context(), s.url(host, "/a.png"))
		checkProblem(t, p, errUnreachable)
		words = append(words, strings.ReplaceAll(p.Message, host, "HOST"))
	}
	_, p := f.Get(t.Context(), s.url("unknown.example.com", "/a.png"))
	checkProblem(t, p, errUnreachable)
	for _, w := range words {
		if w != strings.ReplaceAll(p.Message, "unknown.example.com", "HOST") {
			t.Errorf("a name that is unknown can be told from one that is private: %q", w)
		}
	}
	if s.hits.Load() != 0 {
		t.Errorf("the server was asked %d times", s.hits.Load())
	}
}

func TestWhatIsDialledIsJudgedAgain(t *testing.T) {
	f := New(Options{Forbidden: []netip.Prefix{netip.MustParsePrefix("8.8.0.0/16")}})
	for address, want := range map[string]bool{
		"1.1.1.1:443": true, "[2606:4700::1]:443": true, "8.8.8.8:443": false, "[::ffff:8.8.8.8]:443": false, "127.0.0.1:443": false,
		"[::1]:443": false, "[fe80::1%eth0]:443": false, "10.0.0.1:443": false, "nonsense": false,
	} {
		if err := f.control("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s may be dialled: %v", address, err)
		}
	}
}

func TestOneAddressThatAnswersIsEnough(t *testing.T) {
	s := newSite(t, serves("image/png", png))
	s.names.table["files.example.com"] = [][]netip.Addr{addresses("10.0.0.1", "127.0.0.1")}
	if _, p := s.fetcher(t, nil).Get(t.Context(), s.url("files.example.com", "/")); p != nil {
		t.Error(p, p.Cause)
	}
}

func TestRedirectsAreJudgedLikeURLs(t *testing.T) {
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" {
			t.Errorf("%s is told who sent us: %s", r.URL.Path, r.Header.Get("Referer"))
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/hop/")); err == nil && n > 0 {
			http.Redirect(w, r, "/hop/"+strconv.Itoa(n-1), http.StatusFound)
			return
		}
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return
		}
		serves("image/png", png)(w, r)
	})
	s.names.table["inside.example.com"] = [][]netip.Addr{addresses("10.0.0.1")}
	s.names.table["rebound.example.com"] = [][]netip.Addr{addresses("127.0.0.1"), addresses("192.168.0.1")}
	s.names.table["other.example.com"] = [][]netip.Addr{addresses("127.0.0.1")}
	from := func(host, to string) string { return s.url(host, "/?to="+url.QueryEscape(to)) }
	tests := []struct {
		name, url string
		want      rule
	}{
		{"three hops", s.url("files.example.com", "/hop/3"), ""},
		{"four hops", s.url("files.example.com", "/hop/4"), errHops},
		{"to another host", from("files.example.com", s.url("other.example.com", "/a")), ""},
		{"to a name of a private address", from("files.example.com", s.url("inside.example.com", "/a")), errUnreachable},
		{"to the same name, which has become private", from("rebound.example.com", s.url("rebound.example.com", "/a")), errUnreachable},
		{"to a private address", from("files.example.com", "https://10.0.0.1/a"), errRedirect},
		{"to the metadata address", from("files.example.com", "https://169.254.169.254/latest"), errRedirect},
		{"to plain http", from("files.example.com", "http://other.example.com:"+s.port+"/a"), errRedirect},
		{"to plain http of this machine", from("files.example.com", "http://127.0.0.1:"+s.port+"/a"), errRedirect},
		{"to another port", from("files.example.com", "https://other.example.com:22/a"), errRedirect},
		{"to a user", from("files.example.com", "https://me:pw@other.example.com/a"), errRedirect},
		{"to a file", from("files.example.com", "file:///etc/passwd"), errRedirect},
	}
	f := s.fetcher(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, p := f.Get(t.Context(), tt.url)
			if tt.want == "" {
				if p != nil {
					t.Fatal(p, p.Cause)
				}
				return
			}
			checkProblem(t, p, tt.want)
		})
	}
}

func TestAServerThatBreaksTheRulesIsRefused(t *testing.T) {
	stop := make(chan struct{})
	var endless atomic.Int64
	big := bytes.Repeat([]byte("x"), 64<<10)
	pages := map[string]http.HandlerFunc{
		"/missing": http.NotFound,
		"/none":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"/empty":   serves("image/png", nil),
		"/html":    serves("text/html", []byte("<html>sign in</html>")),
		"/hidden":  serves("image/png", []byte("<html>sign in</html>")),
		"/renamed": serves("image/png", []byte("%PDF-1.7 ...")),
		"/noise":   serves("application/octet-stream", []byte{0, 1, 2, 3}),
		"/zip":     serves("", []byte("PK\x03\x04....")),
		"/broken":  serves("image/", png),
		"/gzip": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			serves("image/png", png)(w, r)
		},
		"/announced": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10000000")
			serves("image/png", png)(w, r)
		},
		"/endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			for {
				n, err := w.Write(big)
				if endless.Add(int64(n)); err != nil {
					return
				}
			}
		},
		"/short": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			serves("image/png", png)(w, r)
		},
		"/silent": func(http.ResponseWriter, *http.Request) { <-stop },
		"/slow": func(w http.ResponseWriter, r *http.Request) {
			serves("image/png", png)(w, r)
			w.(http.Flusher).Flush()
			<-stop
		},
	}
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) { pages[r.URL.Path](w, r) })
	t.Cleanup(func() { close(stop) }) // before the server closes, which waits for its handlers
	tests := map[string]rule{
		"/missing": "its server answers with status 404", "/none": "its server answers with status 204", "/empty": errEmpty,
		"/html": "its media type text/html is not one that is fetched", "/hidden": "its server calls it image/png, which it is not",
		"/renamed": "its server calls it image/png, which it is not", "/noise": "its media type is not known",
		"/zip": "its media type application/zip is not one that is fetched", "/broken": "its server gives it a malformed type",
		"/gzip": errCompressed, "/announced": "it is larger than 1 MiB", "/endless": "it is larger than 1 MiB", "/short": errBroken,
		"/silent": errLate, "/slow": errLate,
	}
	patient := s.fetcher(t, func(o *Options) { o.MaxBytes = 1 << 20 })
	hasty := s.fetcher(t, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	for path, want := range tests {
		t.Run(path[1:], func(t *testing.T) {
			f := patient
			if want == errLate {
				f = hasty
			}
			_, p := f.Get(t.Context(), s.url("files.example.com", path))
			checkProblem(t, p, want)
		})
	}
	if sent := endless.Load(); sent > 32<<20 {
		t.Errorf("an endless server could send %d bytes", sent)
	}
}

func TestWhatCannotBeConnectedToIsToldPlainly(t *testing.T) {
	s := newSite(t, serves("image/png", png))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(closed.Addr().String())
	_ = closed.Close() // only its port is of use
	_, p := s.fetcher(t, func(o *Options) { o.Roots = x509.NewCertPool() }).Get(t.Context(), s.url("files.example.com", "/a"))
	checkProblem(t, p, errCertificate)
	s.names.table["else.example.org"] = [][]netip.Addr{addresses("127.0.0.1")}
	_, p = s.fetcher(t, nil).Get(t.Context(), s.url("else.example.org", "/a"))
	checkProblem(t, p, errCertificate)
	number, _ := strconv.ParseUint(port, 10, 16)
	_, p = s.fetcher(t, func(o *Options) { o.Ports = []uint16{uint16(number)} }).Get(t.Context(), "https://files.example.com:"+port+"/a")
	checkProblem(t, p, errNoServer)
}

func TestTheEdgeOfTheSizeIsAllowed(t *testing.T) {
	body := append(bytes.Clone(png), bytes.Repeat([]byte{1}, 1000-len(png))...)
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Path[1:])
		serves("", append(bytes.Clone(body), make([]byte, n)...))(w, r)
	})
	f := s.fetcher(t, func(o *Options) { o.MaxBytes = 1000 })
	if m, p := f.Get(t.Context(), s.url("files.example.com", "/0")); p != nil || m.Base64 != base64.StdEncoding.EncodeToString(body) || m.Type != "image/png" {
		t.Errorf("1000 bytes: %v", p)
	}
	_, p := f.Get(t.Context(), s.url("files.example.com", "/1"))
	checkProblem(t, p, "it is larger than 1000 bytes")
}

func TestTheProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	s := newSite(t, serves("image/png", png))
	if _, p := s.fetcher(t, nil).Get(t.Context(), s.url("files.example.com", "/")); p != nil || asked.Load() != 0 {
		t.Errorf("%v, and the proxy was asked %d times", p, asked.Load())
	}
}
