package guard

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// reply is what a scripted provider says to one request.
type reply struct {
	dialect string // of the client, "" = unsaid
	status  int
	header  map[string]string
	// writes are sent one by one: over HTTP/2 each is a DATA frame and so a
	// chunk of its own for Lua.
	writes []string
	// gate, if set, is received from before each write.
	gate chan struct{}
	end  end
}

// end is how the answer ends.
type end int

const (
	endEmpty    end = iota // an empty DATA frame, or the last chunk
	endWithData            // the last bytes carry the end
	endTrailers
	endReset
)

// provider is a scripted upstream over HTTP/1.1 and over HTTP/2 in clear text.
type provider struct {
	h1, h2  string
	mu      sync.Mutex
	scripts map[string]reply
	seen    map[string]http.Header
	// otherwise, if set, answers requests without a script.
	otherwise *reply
}

func startProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{scripts: map[string]reply{}, seen: map[string]http.Header{}}
	serve := func(two bool) string {
		s := httptest.NewUnstartedServer(p)
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetHTTP1(!two)
		s.Config.Protocols.SetUnencryptedHTTP2(two)
		s.Start()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	p.h1, p.h2 = serve(false), serve(true)
	return p
}

// script makes the provider answer requests to the path it returns.
func (p *provider) script(a reply) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	path := fmt.Sprintf("/%d", len(p.scripts))
	p.scripts[path] = a
	return path
}

// header gives the request headers that came with the path.
func (p *provider) header(path string) http.Header {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[path]
}

// requests counts the paths that were asked for.
func (p *provider) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	a, ok := p.scripts[r.URL.Path]
	p.seen[r.URL.Path] = r.Header.Clone()
	p.mu.Unlock()
	if !ok && p.otherwise == nil {
		http.NotFound(w, r)
		return
	}
	if !ok {
		a = *p.otherwise
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.end == endTrailers {
		w.Header().Set("Trailer", "X-Last")
	}
	w.WriteHeader(a.status)
	flusher := w.(http.Flusher)
	if a.gate != nil {
		flusher.Flush()
	}
	for i, s := range a.writes {
		if a.gate != nil {
			select {
			case <-a.gate:
			case <-r.Context().Done():
				return
			}
		}
		_, _ = w.Write([]byte(s))
		if i < len(a.writes)-1 || a.end != endWithData {
			flusher.Flush()
		}
	}
	switch a.end {
	case endTrailers:
		w.Header().Set("X-Last", "1")
	case endReset:
		if a.gate != nil {
			<-a.gate
		}
		panic(http.ErrAbortHandler)
	case endEmpty, endWithData:
	}
}

// endpoint is the YAML of one address of a cluster.
func endpoint(address string) string {
	host, port, _ := net.SplitHostPort(address)
	return fmt.Sprintf("{endpoint: {address: {socket_address: {address: %s, port_value: %s}}}}", host, port)
}
