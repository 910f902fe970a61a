package envoytest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dragoman-gateway/dragoman/envoy/simulator"
	"github.com/dragoman-gateway/dragoman/extproc/fetch"
)

// linked has models for providers that read no URLs (gamma, delta) and for
// those and one that does (alpha).
const linked = crossed + `
  link/gamma: {targets: [gamma]}
  link/delta: {targets: [delta]}
  link/delta-gamma: {targets: [delta, gamma]}
  link/gamma-alpha: {targets: [gamma, alpha]}
`

// gallery is a web server with a picture and things that are none.
type gallery struct {
	*httptest.Server
	asked atomic.Int64
}

func newGallery(t *testing.T) *gallery {
	t.Helper()
	g := &gallery{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked.Add(1)
		for name := range r.Header {
			if !slices.Contains([]string{"Accept", "Accept-Encoding", "Connection", "User-Agent"}, name) {
				t.Errorf("the web server received %s", name)
			}
		}
		switch r.URL.Path {
		case "/cat.png":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write(pixels()) // the client may leave
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>secret page</html>"))
		case "/away":
			http.Redirect(w, r, "http://10.1.2.3/cat.png", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

// linking is a request with a text and a picture by URL, without the closing
// brace.
func (s *surface) linking(model, text, url string) string {
	switch s.name {
	case "chat":
		return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":[{"type":"text","text":%q},{"type":"image_url","image_url":{"url":%q}}]}]`, model, text, url)
	case "responses":
		return fmt.Sprintf(`{"model":%q,"input":[{"role":"user","content":[{"type":"input_text","text":%q},{"type":"input_image","detail":"auto","image_url":%q}]}]`, model, text, url)
	case "messages":
		return fmt.Sprintf(`{"model":%q,"max_tokens":500,"messages":[{"role":"user","content":[{"type":"text","text":%q},{"type":"image","source":{"type":"url","url":%q}}]}]`, model, text, url)
	}
	return fmt.Sprintf(`{"model":%q,"contents":[{"role":"user","parts":[{"text":%q},{"fileData":{"mimeType":"image/png","fileUri":%q}}]}]`, model, text, url)
}

// picture is the one picture that a provider has understood of the request with
// a text.
func (g *Gateway) picture(t *testing.T, provider, text string) simulator.HeardPart {
	t.Helper()
	var found []simulator.HeardPart
	for _, r := range g.callsWith(provider, text) {
		h, err := simulator.Hear(r.Request)
		if err != nil {
			t.Fatalf("%s refuses: %v", provider, err)
		}
		for _, turn := range h.Turns {
			for _, p := range turn.Parts {
				if p.Kind == "image" || p.Kind == "file" {
					found = append(found, p)
				}
			}
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has understood %d pictures: %+v", provider, len(found), found)
	}
	return found[0]
}

func TestAPictureByURLIsFetchedForProvidersThatReadNone(t *testing.T) {
	t.Parallel()
	web := newGallery(t)
	g := Start(t, Options{Catalog: linked, Providers: crossProviders(), Fetch: fetch.Options{AllowLoopback: true}})
	for name := range chains {
		s := surfaceNamed(t, name)
		for _, provider := range []string{"gamma", "delta"} {
			for _, stream := range []bool{false, true} {
				if name == "gemini" && provider == "delta" {
					continue // its own bytes go through as they are
				}
				t.Run(fmt.Sprintf("%s to %s, stream %t", name, provider, stream), func(t *testing.T) {
					t.Parallel()
					h := s.ask(t, g, stream, s.linking("link/"+provider, t.Name()+" [[sim:{}]]", web.URL+"/cat.png")+"}")
					if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != provider || h.Header.Get("X-Dragoman-Dropped") != "" {
						t.Fatalf("got %+v", h)
					}
					if p := g.picture(t, provider, t.Name()); p.MediaType != "image/png" || p.Bytes != len(pixels()) || p.URL != "" {
						t.Errorf("%s has understood %+v", provider, p)
					}
				})
			}
		}
	}
}

func TestTheAttemptsOfARequestFetchAPictureOnce(t *testing.T) {
	t.Parallel()
	web := newGallery(t)
	g := Start(t, Options{Catalog: linked, Providers: crossProviders(), Fetch: fetch.Options{AllowLoopback: true}})
	h := surfaceNamed(t, "chat").ask(t, g, false, surfaceNamed(t, "chat").linking("link/delta-gamma", t.Name()+` [[sim:{"delta":{"status":500}}]]`, web.URL+"/cat.png")+"}")
	if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != "gamma" || h.Header.Get("X-Dragoman-Attempts") != "2" {
		t.Errorf("got %+v", h)
	}
	if n := web.asked.Load(); n != 1 {
		t.Errorf("it was fetched %d times", n)
	}
}

func TestWhatMayNotBeFetchedIsTheClientsToMendOrTheNextTargets(t *testing.T) {
	t.Parallel()
	web, closed := newGallery(t), newGallery(t)
	t.Cleanup(func() {
		if n := closed.asked.Load(); n != 0 {
			t.Errorf("this machine was asked %d times", n)
		}
	})
	guarded := Start(t, Options{Catalog: linked, Providers: crossProviders()})
	open := Start(t, Options{Catalog: linked, Providers: crossProviders(), Fetch: fetch.Options{AllowLoopback: true}})
	for _, tt := range []struct {
		name, url string
		g         *Gateway
		word      string
	}{
		{"this machine", closed.URL + "/cat.png", guarded, "fetched"},
		{"this machine by name", strings.Replace(closed.URL, "127.0.0.1", "localhost", 1) + "/cat.png", guarded, "fetched"},
		{"a private address", "https://10.1.2.3/cat.png", guarded, "public"},
		{"the metadata service", "https://169.254.169.254/latest/meta-data", guarded, "public"},
		{"this machine, in numbers", "https://2130706433/cat.png", guarded, "public"},
		{"an odd scheme", "file:///etc/passwd", guarded, ""},
		{"a private address, where this machine is allowed", "http://10.1.2.3/cat.png", open, ""},
		{"a redirect to a private address", web.URL + "/away", open, ""},
		{"a web page", web.URL + "/page", open, ""},
		{"nothing there", web.URL + "/nothing", open, ""},
	} {
		for _, name := range []string{"chat", "messages"} {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, stream %t", tt.name, name, stream), func(t *testing.T) {
					t.Parallel()
					tt.g.unfetched(t, surfaceNamed(t, name), stream, tt.url, tt.word)
				})
			}
		}
	}
}

// unfetched asks about a picture that may not be fetched: alone, a target that
// needs its bytes gives the client's error; one that takes URLs serves in its
// stead.
func (g *Gateway) unfetched(t *testing.T, s *surface, stream bool, url, word string) {
	t.Helper()
	h := s.ask(t, g, stream, s.linking("link/gamma", t.Name()+" [[sim:{}]]", url)+"}")
	if h.Err == nil || h.Status != http.StatusBadRequest || !strings.Contains(words(h.Err), word) || h.Header.Get("X-Dragoman-Attempts") != "1" {
		t.Errorf("want 400 and %q after one attempt, got %+v: %s", word, h, words(h.Err))
	}
	for _, inside := range []string{"secret page", "connection refused", "no such host", "dial tcp"} {
		if h.Err != nil && strings.Contains(words(h.Err), inside) {
			t.Errorf("the error tells of the network: %s", words(h.Err))
		}
	}
	if n := len(g.callsWith("gamma", t.Name())); n != 0 {
		t.Errorf("gamma was asked %d times", n)
	}
	if strings.HasPrefix(url, "file:") {
		return // nobody takes it
	}
	h = s.ask(t, g, stream, s.linking("link/gamma-alpha", t.Name()+" [[sim:{}]]", url)+"}")
	if h.Err != nil || h.Header.Get("X-Dragoman-Provider") != "alpha" || h.Header.Get("X-Dragoman-Attempts") != "2" {
		t.Fatalf("want the answer of alpha at attempt 2, got %+v", h)
	}
	if p := g.picture(t, "alpha", t.Name()); p.URL != url {
		t.Errorf("alpha has understood %+v", p)
	}
}
