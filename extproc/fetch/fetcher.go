package fetch

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/dragoman-gateway/dragoman/extproc/llm"
)

// Options are the bounds of a Fetcher. Zero fields stand for the defaults.
type Options struct {
	MaxBytes   int64         // of one file; 20 MiB
	Timeout    time.Duration // of one fetch, redirects and waiting included; 10 s
	Concurrent int           // fetches at a time; 8
	Ports      []uint16      // 443
	Types      []string      // media types; DefaultTypes
	// Forbidden are addresses that are not fetched from beside those that are
	// not public: networks of the operator's own with public addresses, say.
	Forbidden []netip.Prefix
	Resolver  Resolver       // net.DefaultResolver
	Roots     *x509.CertPool // the system's
	// AllowLoopback lets URLs lead to this machine, and name it with any port
	// and by http. It is for tests and for an operator who asks for it by name:
	// with it, every client can read what listens on this machine.
	AllowLoopback bool

	CacheBytes   int64         // 64 MiB
	CacheEntries int           // 256
	CacheTime    time.Duration // 1 min
	Now          func() time.Time
}

// failuresKept is how long a failure is remembered: for the next attempts of
// the same request.
const failuresKept = 5 * time.Second

// Fetcher fetches by URL.
type Fetcher struct {
	o      Options // immutable after New, as are http and places
	http   *http.Client
	places chan struct{} // holds an element for each fetch under way

	mu      sync.Mutex
	cache   *cache             // guarded by mu
	flights map[string]*flight // by URL; guarded by mu
}

// flight is a fetch under way. Its result is written before done is closed.
type flight struct {
	done chan struct{}
	result
	abandoned bool // whoever fetched went away: no result
}

// New makes a Fetcher.
func New(o Options) *Fetcher {
	o.MaxBytes = cmp.Or(o.MaxBytes, 20<<20)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.Concurrent = cmp.Or(o.Concurrent, 8)
	o.CacheBytes = cmp.Or(o.CacheBytes, 64<<20)
	o.CacheEntries = cmp.Or(o.CacheEntries, 256)
	o.CacheTime = cmp.Or(o.CacheTime, time.Minute)
	if len(o.Ports) == 0 {
		o.Ports = []uint16{443}
	}
	if len(o.Types) == 0 {
		o.Types = DefaultTypes()
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Ports, o.Types, o.Forbidden = slices.Clone(o.Ports), slices.Clone(o.Types), slices.Clone(o.Forbidden)
	f := &Fetcher{
		o: o, places: make(chan struct{}, o.Concurrent),
		cache: newCache(o.CacheBytes, o.CacheEntries), flights: make(map[string]*flight),
	}
	f.http = f.client()
	return f
}

// Get fetches what a URL names. The problem is of kind Unsupported: another
// target may read the URL itself; or Overloaded or Timeout if it is not the
// URL's fault. Its message is for the client.
func (f *Fetcher) Get(ctx context.Context, text string) (Media, *llm.Problem) {
	u, err := f.judge(text)
	if err != nil {
		return Media{}, problem(u, err)
	}
	key := u.String()
	for {
		r, own, other := f.begin(key)
		switch {
		case own != nil:
			f.fly(ctx, own, u)
			r = own.result
		case other != nil:
			select {
			case <-ctx.Done():
				return Media{}, problem(u, ctx.Err())
			case <-other.done:
			}
			if other.abandoned {
				continue
			}
			r = other.result
		}
		if r.problem != nil {
			p := *r.problem // callers may add to theirs
			return Media{}, &p
		}
		return r.media, nil
	}
}

// begin gives one of three: a result that is kept, a flight of the caller's
// own to fly, or another's to wait for.
func (f *Fetcher) begin(key string) (r result, own, other *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.cache.get(key, f.o.Now()); ok {
		return r, nil, nil
	}
	if other := f.flights[key]; other != nil {
		return result{}, nil, other
	}
	own = &flight{done: make(chan struct{}), abandoned: true}
	f.flights[key] = own
	return result{}, own, nil
}

// fly fetches and tells those who wait, whatever happens.
func (f *Fetcher) fly(ctx context.Context, own *flight, u *url.URL) {
	key := u.String()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.flights, key)
		if now := f.o.Now(); !own.abandoned {
			f.cache.put(key, own.result, now, now.Add(f.keepTime(own.result)))
		}
		close(own.done)
	}()
	media, err := f.fetch(ctx, u)
	if err != nil {
		own.problem = problem(u, err)
		own.abandoned = ctx.Err() != nil
		return
	}
	own.media, own.abandoned = media, false
}

func (f *Fetcher) keepTime(r result) time.Duration {
	switch {
	case r.problem == nil:
		return f.o.CacheTime
	case r.problem.Kind == llm.Overloaded:
		return 0
	default:
		return min(f.o.CacheTime, failuresKept)
	}
}
